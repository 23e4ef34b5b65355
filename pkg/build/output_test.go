package build

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/image"
)

func TestOutputIsKept(t *testing.T) {
	line := strings.Repeat("x", 99) + "\n"
	for _, tt := range []struct {
		name     string
		limit    int64
		lines    int
		whole    bool
		unlinked bool // there is a file, which nobody finds
	}{
		{"nothing", 0, 0, true, false},
		{"little", 0, 10, true, false},
		{"more than memory", 0, memoryOutput/100 + 5, true, true},
		{"megabytes", 0, 50_000, true, true},
		{"within the limit and the end", 1000, 10 + tailOutput/100, true, false},
		{"beyond the limit", 100_000, 20_000, false, true},
		{"no limit", -1, 300_000, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &workspace{WorkDir: &image.WorkDir{Dir: t.TempDir()}}
			o := w.newOutput(tt.limit)
			defer o.close()
			var all bytes.Buffer
			for n := range tt.lines {
				text := fmt.Sprintf("%06d%s", n, line[6:])
				all.WriteString(text)
				if _, err := io.WriteString(o, text); err != nil {
					t.Fatal(err)
				}
			}
			got, err := io.ReadAll(o.Reader())
			if err != nil {
				t.Fatal(err)
			}
			if tt.whole && !bytes.Equal(got, all.Bytes()) {
				t.Errorf("%d of %d bytes are kept", len(got), all.Len())
			}
			if !tt.whole {
				before, after, ok := strings.Cut(string(got), "\n[")
				if _, rest, said := strings.Cut(after, " bytes of output are left out here]\n"); !ok || !said ||
					int64(len(before)) != tt.limit || !strings.HasPrefix(all.String(), before) || !strings.HasSuffix(all.String(), rest) || len(rest) < tailOutput-200 {
					t.Errorf("what is left out is not said: %d bytes, then %.60q", len(before), after)
				}
			}
			if (o.file != nil) != tt.unlinked {
				t.Errorf("a file: %v", o.file != nil)
			}
			if left, _ := os.ReadDir(w.Dir); len(left) > 0 {
				t.Errorf("%v can be found", left)
			}
		})
	}
}

// A disk that is full costs the middle of the output, and never a write.
func TestOutputWithoutAFile(t *testing.T) {
	o := (&workspace{WorkDir: &image.WorkDir{Dir: "/not-there"}}).newOutput(0)
	for n := range 20_000 {
		if _, err := fmt.Fprintf(o, "%098d\n", n); err != nil {
			t.Fatal(err)
		}
	}
	got, err := io.ReadAll(o.Reader())
	if err != nil || !errors.Is(o.broken, os.ErrNotExist) {
		t.Fatal(err, o.broken)
	}
	if !strings.HasPrefix(string(got), strings.Repeat("0", 98)) || !strings.Contains(string(got), "left out here: ") || !strings.HasSuffix(string(got), "19999\n") {
		t.Errorf("got %.100q", got)
	}
}
