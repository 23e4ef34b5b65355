package progress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// told is what a display shows of three steps that write beside each other.
func told(d Display) {
	one, two, three := d.Vertex("[a 1/2] RUN one"), d.Vertex("[a 2/2] RUN two"), d.Vertex("[b 1/1] RUN three")
	one.Start()
	two.Start()
	fmt.Fprint(one, "begun ")
	fmt.Fprint(two, "line\r\nof two\n")
	fmt.Fprint(one, "and ended\nleft over")
	one.End(false, nil)
	two.End(false, errors.New("exit code 1"))
	three.End(false, context.Canceled)
	d.Vertex("[c 1/1] COPY").End(true, nil)
}

// TestPlain wants whole lines of each step, whatever is written between their parts.
func TestPlain(t *testing.T) {
	var out bytes.Buffer
	told(NewPlain(&out, strings.ToUpper))
	got := regexp.MustCompile(`\d+\.\d+`).ReplaceAllString(out.String(), "T")
	want := `#1 [A 1/2] RUN ONE
#2 [A 2/2] RUN TWO
#3 [B 1/1] RUN THREE
#2 T LINE
#2 T OF TWO
#1 T BEGUN AND ENDED
#1 T LEFT OVER
#1 DONE Ts
#2 ERROR: EXIT CODE 1
#3 CANCELED
#4 [C 1/1] COPY
#4 CACHED
`
	if got != want {
		t.Errorf("it is\n%swant\n%s", got, want)
	}
}

// TestPlainBoundsLines writes a line that does not end.
func TestPlainBoundsLines(t *testing.T) {
	var out bytes.Buffer
	v := NewPlain(&out, func(s string) string { return s }).Vertex("RUN")
	v.Start()
	for range 10 {
		fmt.Fprint(v, strings.Repeat("x", maxLine/2))
	}
	v.End(false, nil)
	for line := range strings.Lines(out.String()) {
		if len(line) > maxLine+32 {
			t.Errorf("a line has %d bytes", len(line))
		}
	}
	if n := strings.Count(out.String(), "x"); n != 5*maxLine {
		t.Errorf("%d bytes of %d are shown", n, 5*maxLine)
	}
}

// TestRawJSON wants each step to be told by one digest, with all that it writes.
func TestRawJSON(t *testing.T) {
	var out bytes.Buffer
	told(NewRawJSON(&out))
	names, logs, ends := map[string]string{}, map[string]string{}, map[string]string{}
	for d := json.NewDecoder(&out); d.More(); {
		var status rawStatus
		if err := d.Decode(&status); err != nil {
			t.Fatal(err)
		}
		for _, s := range status.Vertexes {
			id := s.Digest.String()
			if names[id] != "" && names[id] != s.Name || s.Digest.Validate() != nil || s.Started == nil {
				t.Errorf("%+v is told after %q", s, names[id])
			}
			names[id] = s.Name
			if s.Completed != nil {
				ends[s.Name] = fmt.Sprint(s.Cached, " ", s.Error)
			}
		}
		for _, l := range status.Logs {
			logs[names[l.Vertex.String()]] += string(l.Data)
		}
	}
	if want := map[string]string{"[a 1/2] RUN one": "begun and ended\nleft over", "[a 2/2] RUN two": "line\r\nof two\n"}; fmt.Sprint(logs) != fmt.Sprint(want) {
		t.Errorf("they have written %q", logs)
	}
	want := map[string]string{"[a 1/2] RUN one": "false ", "[a 2/2] RUN two": "false exit code 1", "[b 1/1] RUN three": "false context canceled", "[c 1/1] COPY": "true "}
	if fmt.Sprint(ends) != fmt.Sprint(want) {
		t.Errorf("they have ended %q", ends)
	}
}
