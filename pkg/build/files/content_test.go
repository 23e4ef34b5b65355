package files

import (
	"path"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// contentOf is the digest of d in what grow makes of a description.
func contentOf(t *testing.T, files string) string {
	t.Helper()
	files, hasSocket := strings.CutSuffix(files, " d/socket")
	top := grow(t, files)
	if hasSocket {
		if err := unix.Mknod(path.Join(top, "d/socket"), unix.S_IFSOCK|0o600, 0); err != nil {
			t.Fatal(err)
		}
	}
	l, err := (&Tree{Root: openTop(t, top), Foreign: true}).List(t.Context(), "d", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sum, err := l.Content()
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestContent wants two directories to have one digest exactly where their copies are the same.
func TestContent(t *testing.T) {
	for name, c := range map[string]struct {
		one, other string
		same       bool
	}{
		"the same":                           {"d/f=1 d/s/g=2", "d/f=1 d/s/g=2", true},
		"permissions of the directory":       {"d/f=1", "d/f=1 d/|700", true},
		"a socket, which is not copied":      {"d/f=1", "d/f=1 d/socket", true},
		"what else is there":                 {"d/f=1", "d/f=1 e=1", true},
		"content":                            {"d/f=1", "d/f=2", false},
		"a name":                             {"d/f=1", "d/g=1", false},
		"permissions of a file":              {"d/f=1", "d/f=1|600", false},
		"permissions of a directory in it":   {"d/s/", "d/s/|700", false},
		"an empty directory":                 {"d/f=1", "d/f=1 d/s/", false},
		"a file and a directory":             {"d/f=", "d/f/", false},
		"where a link leads":                 {"d/ d/l->a", "d/ d/l->b", false},
		"a link and a file":                  {"d/ d/l->a", "d/l=a", false},
		"another name and another file":      {"d/f=1 d/g=>d/f", "d/f=1 d/g=1", false},
		"another name of one file or other":  {"d/f=1 d/g=1 d/h=>d/f", "d/f=1 d/g=1 d/h=>d/g", false},
		"another name that is not copied":    {"d/f=1 e=>d/f", "d/f=1", true},
		"names that run into each other":     {"d/ab=c", "d/a=bc", false},
		"content that looks like an entry":   {"d/f=1 d/g=2", "d/f=1\n\"g\"", false},
		"a directory that is a link":         {"e/f=1 d->e", "d/f=1", true},
		"a link to a file and a file of one": {"e=1 d->e", "d=1", true},
	} {
		t.Run(name, func(t *testing.T) {
			if same := contentOf(t, c.one) == contentOf(t, c.other); same != c.same {
				t.Errorf("the same digest: %t, want %t", same, c.same)
			}
		})
	}
}

// TestNamesOfFilesOnTwoFileSystems copies two files that have the same inode number: they are no names of one file.
func TestNamesOfFilesOnTwoFileSystems(t *testing.T) {
	l := &Listing{tree: &Tree{Foreign: true}}
	for _, dev := range []uint64{1, 2} {
		e := entry{rel: string(rune('a' + dev))}
		e.stat.Dev, e.stat.Ino, e.stat.Nlink, e.stat.Mode = dev, 7, 2, unix.S_IFREG|0o644
		l.entries = append(l.entries, e)
	}
	links := links{}
	for _, e := range l.entries {
		if first, ok := links.first(e); ok {
			t.Errorf("%s is taken for another name of %s", e.rel, first)
		}
	}
	if _, ok := links.first(l.entries[0]); !ok {
		t.Error("a file is not known again")
	}
}
