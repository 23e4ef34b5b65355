package progress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/report"
)

// liveOf is a display with a step for each text, and its vertices.
func liveOf(out *bytes.Buffer, texts ...string) (*Live, []Vertex) {
	l := NewLive(out, LiveOptions{
		Escape: report.EscapeLine,
		Size:   func() (int, int) { return 10, 40 },
	})
	var vertices []Vertex
	for i, text := range texts {
		vertices = append(vertices, l.Vertex(fmt.Sprintf("[s %d/%d] %s", i+1, len(texts), text)))
	}
	return l, vertices
}

func shownLines(l *Live, rows, columns int, last bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, line := range l.frame(l.begun.Add(2*time.Second), rows, columns, last) {
		fmt.Fprintln(&b, line.text)
	}
	return b.String()
}

func TestFrames(t *testing.T) {
	l, v := liveOf(&bytes.Buffer{}, "RUN one", "COPY two /", "RUN three with many words in it")
	defer l.Close()
	v[0].End(true, nil)
	v[1].Start()
	v[1].End(false, nil)
	v[2].Start()
	for _, step := range l.steps { // times that do not depend on the machine
		step.begun, step.took = l.begun.Add(time.Second), 1500*time.Millisecond
	}
	fmt.Fprint(v[2], "first\nsecond\r\nover\rwritten \x1b[31mred\x1b[0m\nnot ended")
	want := `[+] Building 2.0s (2/3)
 => CACHED [s 1/3] RUN one         1.5s
 => [s 2/3] COPY two /             1.5s
 => [s 3/3] RUN three with many wo 1.0s
 => => # first
 => => # second
 => => # written red
 => => # not ended
`
	if got := shownLines(l, 24, 40, false); got != want {
		t.Errorf("the frame is\n%s\nwant\n%s", got, want)
	}
	// Finished steps give way, then output, then steps.
	if got := shownLines(l, 7, 40, false); strings.Contains(got, "one") || !strings.Contains(got, "not ended") {
		t.Errorf("of 7 rows the frame takes\n%s", got)
	}
	if got := shownLines(l, 4, 40, false); strings.Count(got, "\n") > 3 || !strings.Contains(got, "three") {
		t.Errorf("of 4 rows the frame takes\n%s", got)
	}
	v[2].End(false, errors.New("it failed"))
	got := shownLines(l, 4, 80, true)
	if strings.Count(got, "\n") != 4 || !strings.Contains(got, "(3/3) FAILED") || !strings.Contains(got, " => ERROR [s 3/3] RUN three with many words in it") {
		t.Errorf("the last frame is\n%s", got)
	}
	v[2].(*liveVertex).err = fmt.Errorf("it was ended: %w", context.Canceled)
	if got := shownLines(l, 4, 80, true); !strings.Contains(got, " => CANCELED [s 3/3] RUN three") {
		t.Errorf("the last frame is\n%s", got)
	}
	for _, columns := range []int{0, 1, 2, 5, 10} {
		shownLines(l, columns, columns, false)
	}
}

func TestLiveDrawsInItsPlace(t *testing.T) {
	var out bytes.Buffer
	l, v := liveOf(&out, "RUN one")
	l.mu.Lock()
	l.draw(false)
	l.draw(false)
	l.mu.Unlock()
	v[0].End(false, nil)
	l.Close()
	if got := out.String(); strings.Count(got, "\x1b[2A") < 2 || !strings.HasSuffix(got, "\x1b[K\n\x1b[J") {
		t.Errorf("written: %q", got)
	}
}

// TestFit wants no line to be longer than the terminal, whatever it is written in.
func TestFit(t *testing.T) {
	for _, c := range []struct {
		text, right string
		columns     int
		want        string
	}{
		{"short", "", 20, "short"},
		{"short", "1.0s", 20, "short          1.0s"},
		{"a text that is too long", "", 12, "a text tha"},
		{"a text that is too long", "1.0s", 16, "a text tha 1.0s"},
		{"漢字漢字漢字", "", 10, "漢字漢字"},
		{"x漢字漢字漢字", "1.0s", 13, "x漢字漢 1.0s"},
		{"xx漢字漢字", "1.0s", 13, "xx漢字  1.0s"},
		{"e\u0301e\u0301e\u0301", "1s", 8, "e\u0301e\u0301e\u0301  1s"},
		{"text", "1.0s", 3, "t 1.0s"},
		{"", "", 0, ""},
	} {
		if got := fit(c.text, c.right, c.columns); got != c.want {
			t.Errorf("%q and %q in %d columns: %q, want %q", c.text, c.right, c.columns, got, c.want)
		}
	}
}
