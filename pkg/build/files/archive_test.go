package files

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// entriesOf says what is in an archive: names in their order, as grow has them.
func entriesOf(t *testing.T, archive []byte) string {
	t.Helper()
	var out []string
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(out, " ")
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		switch h.Typeflag {
		case tar.TypeReg:
			out = append(out, h.Name+"="+string(content))
		case tar.TypeLink:
			out = append(out, h.Name+"=>"+h.Linkname)
		case tar.TypeSymlink:
			out = append(out, h.Name+"->"+h.Linkname)
		case tar.TypeDir:
			out = append(out, h.Name)
		default:
			out = append(out, fmt.Sprintf("%s?%c", h.Name, h.Typeflag))
		}
	}
}

// TestWriteTar writes all kinds of files that a user can make, and a statement about them.
func TestWriteTar(t *testing.T) {
	top := grow(t, "d/f=1|600 d/l->f d/h=>d/f empty/ .hidden=2")
	if err := errors.Join(unix.Mkfifo(path.Join(top, "pipe"), 0o644), unix.Mknod(path.Join(top, "socket"), unix.S_IFSOCK|0o644, 0)); err != nil {
		t.Fatal(err)
	}
	tree := &Tree{Root: openTop(t, top)}
	statement := Beside{Name: "said.json", Text: []byte("{}"), Time: time.Unix(7, 0)}
	var archive bytes.Buffer
	if err := tree.WriteTar(t.Context(), &archive, []Beside{statement}); err != nil {
		t.Fatal(err)
	}
	if got, want := entriesOf(t, archive.Bytes()), ".hidden=2 d/ d/f=1 d/h=>d/f d/l->f empty/ pipe?6 said.json={}"; got != want {
		t.Errorf("it has %s, want %s", got, want)
	}
	var again bytes.Buffer
	if err := tree.WriteTar(t.Context(), &again, []Beside{statement}); err != nil || !bytes.Equal(archive.Bytes(), again.Bytes()) {
		t.Errorf("it is another the next time, %v", err)
	}
	if err := tree.WriteTar(t.Context(), io.Discard, []Beside{{Name: ".hidden"}}); err == nil {
		t.Error("a statement takes the name of a file")
	}
}

// TestWriteChanges makes a layer of what is different between two trees; "upper" names what the layers between them speak of, one after the other.
func TestWriteChanges(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		upper         []string
		want          string
	}{
		"nothing":                          {"f=1", "f=1", []string{""}, ""},
		"a new file":                       {"", "d/f=1", []string{"d/f="}, "d/ d/f=1"},
		"a file that has changed":          {"f=1", "f=2", []string{"f="}, "f=2"},
		"a file that has gone":             {"f=1 g=1", "g=1", []string{"f="}, ".wh.f="},
		"a file that came and went":        {"", "", []string{"f=", "f="}, ""},
		"a directory that has gone":        {"d/e/f=1", "", []string{"d="}, ".wh.d="},
		"a directory that became a file":   {"d/f=1", "d=2", []string{"d="}, "d=2"},
		"a file that became a directory":   {"d=1", "d/f=2", []string{"d/f="}, "d/ d/f=2"},
		"a directory that was made anew":   {"d/old=1 d/same=1", "d/new=2 d/same=1", []string{"d/new= d/same="}, "d/ d/new=2 d/.wh.old= d/same=1"},
		"a directory that is empty now":    {"d/e/f=1", "d/", []string{"d/"}, "d/ d/.wh.e="},
		"a link that has changed":          {"l->a", "l->b", []string{"l="}, "l->b"},
		"names of one file":                {"", "a=1 b=>a", []string{"a= b="}, "a=1 b=>a"},
		"several layers":                   {"f=1 g=1", "f=3 h=2", []string{"f= h=", "f= g="}, "f=3 .wh.g= h=2"},
		"a file below one that has gone":   {"d/f=1", "", []string{"d=", "d/f="}, ".wh.d="},
		"a name that sorts before a slash": {"", "a/f=1 a.b=2", []string{"a/f= a.b="}, "a/ a.b=2 a/f=1"},
	} {
		t.Run(name, func(t *testing.T) {
			var dirs []string
			for _, upper := range c.upper {
				dirs = append(dirs, grow(t, upper))
			}
			var layer bytes.Buffer
			if err := WriteChanges(t.Context(), &layer, openTop(t, grow(t, c.before)), openTop(t, grow(t, c.after)), dirs); err != nil {
				t.Fatal(err)
			}
			if got := entriesOf(t, layer.Bytes()); got != c.want {
				t.Errorf("it has %q, want %q", got, c.want)
			}
		})
	}
}

// TestNoYounger takes the times of what is younger, links and the directory itself too, and leaves the others.
func TestNoYounger(t *testing.T) {
	top := grow(t, "d/old=1 d/new=2 d/l->new")
	old, latest := time.Unix(100, 0), time.Unix(1000, 0)
	if err := os.Chtimes(path.Join(top, "d/old"), old, old); err != nil {
		t.Fatal(err)
	}
	if err := NoYounger(top, latest); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]time.Time{".": latest, "d": latest, "d/old": old, "d/new": latest, "d/l": latest} {
		info, err := os.Lstat(path.Join(top, name))
		if err != nil || !info.ModTime().Equal(want) {
			t.Errorf("%s has the time %v, %v, want %v", name, info.ModTime(), err, want)
		}
	}
}
