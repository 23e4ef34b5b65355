package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/pkg/build/plan"
)

// grow makes a tree of what is described, one file each: "dir/", "file=content", "link->target", "link=>first" for another name of a file, and
// "|MODE" behind, in octal.
func grow(t *testing.T, files string) string {
	t.Helper()
	top := t.TempDir()
	for _, word := range strings.Fields(files) {
		word, mode, hasMode := strings.Cut(word, "|")
		var err error
		name := filepath.Join(top, word)
		if link, target, ok := strings.Cut(word, "->"); ok {
			err = os.Symlink(target, filepath.Join(top, link))
		} else if other, first, ok := strings.Cut(word, "=>"); ok {
			err = os.Link(filepath.Join(top, first), filepath.Join(top, other))
		} else if file, content, ok := strings.Cut(word, "="); ok {
			name = filepath.Join(top, file)
			if err = os.MkdirAll(filepath.Dir(name), 0o755); err == nil {
				err = os.WriteFile(name, []byte(content), 0o644)
			}
		} else {
			err = os.MkdirAll(name, 0o755)
		}
		if err == nil && hasMode {
			var number uint32
			fmt.Sscanf(mode, "%o", &number)
			err = unix.Chmod(name, number)
		}
		if err != nil {
			t.Fatalf("%s: %v", word, err)
		}
	}
	return top
}

// describe is the opposite: each file with its mode, by name.
func describe(t *testing.T, top string) string {
	t.Helper()
	var out []string
	first := map[uint64]string{}
	err := filepath.WalkDir(top, func(name string, _ fs.DirEntry, err error) error {
		rel := strings.TrimPrefix(strings.TrimPrefix(name, top), "/")
		if err != nil || rel == "" {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil {
			return err
		}
		mode := fmt.Sprintf("|%o", st.Mode&0o7777)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			out = append(out, rel+"/"+mode)
		case unix.S_IFLNK:
			target, _ := os.Readlink(name)
			out = append(out, rel+"->"+target)
		case unix.S_IFREG:
			if other, ok := first[st.Ino]; ok {
				out = append(out, rel+"=>"+other)
				return nil
			}
			first[st.Ino] = rel
			content, err := os.ReadFile(name)
			out = append(out, rel+"="+string(content)+mode)
			return err
		default:
			out = append(out, rel+"?"+mode)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func openTop(t *testing.T, top string) *os.File {
	t.Helper()
	f, err := os.Open(top)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// placing is one COPY of a source in a tree to a destination in another.
type placing struct {
	from, image  string // trees
	source, dest string
	chmod        string
	want         string // the image then; or, with "error: ", what is wrong
}

// do copies as the calling user, whom all files belong to.
func (c placing) do(t *testing.T) string {
	tree := &Tree{Root: openTop(t, grow(t, c.from)), Foreign: true}
	image := grow(t, c.image)
	p := &Placer{Root: openTop(t, image), Owner: &Owner{os.Getuid(), os.Getgid()}, Now: time.Unix(1, 0)}
	if c.chmod != "" {
		mode, err := plan.ParseMode(c.chmod)
		if err != nil {
			t.Fatal(err)
		}
		p.Mode = &mode
	}
	names, err := tree.Sources(t.Context(), c.source)
	for _, name := range names {
		var l *Listing
		if l, err = tree.List(t.Context(), name, nil); err != nil {
			break
		}
		err = p.Place(t.Context(), l, c.dest, len(names) > 1)
		l.Close()
		if err != nil {
			break
		}
	}
	if err != nil {
		return "error: " + err.Error()
	}
	return describe(t, image)
}

func TestPlace(t *testing.T) {
	for name, test := range map[string]placing{
		"file to a new name":              {from: "f=1", source: "f", dest: "/g", want: "g=1|644"},
		"file to a new directory":         {from: "f=1", source: "f", dest: "/d/", want: "d/|755 d/f=1|644"},
		"file to a new name far down":     {from: "f=1", source: "f", dest: "/a/b/g", want: "a/|755 a/b/|755 a/b/g=1|644"},
		"file to a directory":             {from: "f=1", image: "d/|700", source: "f", dest: "/d", want: "d/|700 d/f=1|644"},
		"file over a file":                {from: "f=1", image: "g=old|600", source: "f", dest: "/g", want: "g=1|644"},
		"file over one of two names":      {from: "f=1", image: "g=old h=>g", source: "f", dest: "/g", want: "g=1|644 h=old|644"},
		"file over a link":                {from: "f=1", image: "t=old g->t", source: "f", dest: "/g", want: "g->t t=1|644"},
		"file over a link that dangles":   {from: "f=1", image: "g->nowhere", source: "f", dest: "/g", want: "g->nowhere nowhere=1|644"},
		"file over links in a circle":     {from: "f=1", image: "g->h h->g", source: "f", dest: "/g", want: "error: copy to /g: too many levels of symbolic links"},
		"file through a link":             {from: "f=1", image: "d/ l->d", source: "f", dest: "/l/g", want: "d/|755 d/g=1|644 l->d"},
		"file into a link":                {from: "f=1", image: "d/ l->d", source: "f", dest: "/l", want: "d/|755 d/f=1|644 l->d"},
		"file through an absolute link":   {from: "f=1", image: "d/ l->/d", source: "f", dest: "/l/g", want: "d/|755 d/g=1|644 l->/d"},
		"file through a link that climbs": {from: "f=1", image: "d/ l->../../../d", source: "f", dest: "/l/", want: "d/|755 d/f=1|644 l->../../../d"},
		"file over a directory in one":    {from: "f=1", image: "d/f/", source: "f", dest: "/d/", want: "error: copy to /d/f: there is a directory with this name"},
		"file below a file":               {from: "f=1", image: "g=x", source: "f", dest: "/g/h", want: "error: /g in the image is not a directory"},
		"file into a file":                {from: "f=1", image: "g=x", source: "f", dest: "/g/", want: "error: /g/ in the image is not a directory"},
		"modes of files":                  {from: "f=1|4711", source: "f", dest: "/", want: "f=1|4711"},
		"octal mode":                      {from: "f=1", source: "f", dest: "/a/g", chmod: "700", want: "a/|700 a/g=1|700"},
		"mode in words":                   {from: "f=1|604", source: "f", dest: "/a/g", chmod: "u+x,o=", want: "a/|755 a/g=1|700"},
		"directory to a new one":          {from: "d/f=1 d/|700", source: "d", dest: "/n", want: "n/|755 n/f=1|644"},
		"directory to one":                {from: "d/f=1 d/|700", image: "n/|711", source: "d", dest: "/n", want: "n/|711 n/f=1|644"},
		"directory with a slash":          {from: "d/f=1", source: "d/", dest: "/n/", want: "n/|755 n/f=1|644"},
		"directory and what is there":     {from: "d/f=1 d/s/g=2 d/s|750", image: "n/s/h=3 n/s|700 n/f=old", source: "d", dest: "/n", want: "n/|755 n/f=1|644 n/s/|750 n/s/g=2|644 n/s/h=3|644"},
		"directory over a file":           {from: "d/f=1", image: "n=x", source: "d", dest: "/n", want: "error: /n in the image is not a directory"},
		"directory in one over a file":    {from: "d/s/f=1", image: "n/s=x", source: "d", dest: "/n", want: "error: copy to /n/s: there is something with this name"},
		"directory in one over a link":    {from: "d/s/f=1", image: "t/ n/ n/s->/t", source: "d", dest: "/n", want: "error: copy to /n/s: there is something with this name"},
		"directory octal":                 {from: "d/f=1 d/s/g=2", source: "d", dest: "/n", chmod: "750", want: "n/|750 n/f=1|750 n/s/|750 n/s/g=2|750"},
		"directory with X":                {from: "d/f=1|600 d/s/g=2|700 d/s|700", source: "d", dest: "/n", chmod: "go+rX", want: "n/|755 n/f=1|644 n/s/|755 n/s/g=2|755"},
		"links in a directory":            {from: "d/f=1 d/l->f d/out->/etc d/none->x/y", source: "d", dest: "/n", want: "n/|755 n/f=1|644 n/l->f n/none->x/y n/out->/etc"},
		"names of one file":               {from: "d/f=1 d/g=>d/f d/s/ d/s/h=>d/f", source: "d", dest: "/n", want: "n/|755 n/f=1|644 n/g=>n/f n/s/|755 n/s/h=>n/f"},
		"names of one file, replacing":    {from: "d/f=1 d/g=>d/f", image: "n/g=old", source: "d", dest: "/n", want: "n/|755 n/f=1|644 n/g=>n/f"},
		"a link as source":                {from: "f=1 l->f", source: "l", dest: "/x/", want: "x/|755 x/l=1|644"},
		"a link to a directory as source": {from: "d/f=1 l->d", source: "l", dest: "/x", want: "x/|755 x/f=1|644"},
		"through a link as source":        {from: "d/f=1 l->d", source: "l/f", dest: "/x", want: "x=1|644"},
		"a link out of the tree":          {from: "l->../../../etc/hostname etc/hostname=inside", source: "l", dest: "/x", want: "x=inside|644"},
		"an empty directory":              {from: "d/", source: "d", dest: "/n", want: "n/|755"},
		"all":                             {from: "f=1 d/g=2 .h=3", source: ".", dest: "/", want: ".h=3|644 d/|755 d/g=2|644 f=1|644"},
		"a pattern":                       {from: "a1=1 a2=2 b1=3", source: "a*", dest: "/x/", want: "x/|755 x/a1=1|644 x/a2=2|644"},
		"a pattern of directories":        {from: "a/f=1 b/g=2", source: "?", dest: "/x/", want: "x/|755 x/f=1|644 x/g=2|644"},
		"a pattern that matches one":      {from: "a1=1", source: "a*", dest: "/x", want: "x=1|644"},
		"a pattern that matches nothing":  {from: "a1=1", source: "b*", dest: "/x/", want: ""},
		"what is not there":               {from: "a1=1", source: "b", dest: "/x/", want: `error: there is no "b" to copy`},
	} {
		if got := test.do(t); got != test.want && (!strings.HasPrefix(test.want, "error: ") || !strings.HasPrefix(got, test.want)) {
			t.Errorf("%s: %s\nwant %s", name, got, test.want)
		}
	}
}

// TestPlaceTimes wants the times of what is copied, and of nothing else.
func TestPlaceTimes(t *testing.T) {
	when := time.Unix(1_700_000_000, 0)
	from := grow(t, "d/s/f=1 d/l->s")
	for _, name := range []string{"d/s/f", "d/s", "d"} {
		if err := os.Chtimes(path.Join(from, name), when, when); err != nil {
			t.Fatal(err)
		}
	}
	tree := &Tree{Root: openTop(t, from), Foreign: true}
	image := grow(t, "there/s/")
	p := &Placer{Root: openTop(t, image), Owner: &Owner{os.Getuid(), os.Getgid()}, Now: time.Unix(5, 0)}
	for _, dest := range []string{"/there", "/made/on/the/way"} {
		l, err := tree.List(t.Context(), "d", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Place(t.Context(), l, dest, false); err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	for name, want := range map[string]int64{
		"there/s/f": when.Unix(), "there/s": when.Unix(), "there": when.Unix(), "made/on/the/way": when.Unix(), "made/on/the/way/s": when.Unix(),
	} {
		info, err := os.Stat(path.Join(image, name))
		if err != nil || info.ModTime().Unix() != want {
			t.Errorf("%s has the time %v, %v; want %d", name, info.ModTime().Unix(), err, want)
		}
	}
}

// TestPlaceSparse copies a file with holes and some data: the copy has the same content and takes no more space.
func TestPlaceSparse(t *testing.T) {
	const size = 64 << 20
	from := grow(t, "f=")
	f, err := os.OpenFile(path.Join(from, "f"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, at := range []int64{0, 3 << 20, size - 5} {
		if _, err := f.WriteAt([]byte("data!"), at); err != nil {
			t.Fatal(err)
		}
	}
	image := grow(t, "")
	p := &Placer{Root: openTop(t, image), Owner: &Owner{os.Getuid(), os.Getgid()}}
	l, err := (&Tree{Root: openTop(t, from), Foreign: true}).List(t.Context(), "f", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := p.Place(t.Context(), l, "/f", false); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(path.Join(from, "f"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path.Join(image, "f")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the copy differs: %v", err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path.Join(image, "f"), &st); err != nil || st.Blocks*512 > size/2 {
		t.Errorf("it takes %d bytes of %d, %v", st.Blocks*512, size, err)
	}
}

// TestPlaceAttributes copies the user's attributes of contexts and other trees, but for those of storage drivers.
func TestPlaceAttributes(t *testing.T) {
	from := grow(t, "d/f=1 d/plain=2 d/sub/")
	for _, name := range []string{"d/f", "d/sub"} {
		for attribute, value := range map[string]string{"user.kept": "yes", "user.overlay.opaque": "y", "user.containers.override_stat": "0:0:4755", "user.fuseoverlayfs.opaque": "y"} {
			if err := unix.Setxattr(path.Join(from, name), attribute, []byte(value), 0); err != nil {
				t.Skipf("needs a file system with user attributes: %v", err)
			}
		}
	}
	image := grow(t, "")
	p := &Placer{Root: openTop(t, image), Owner: &Owner{os.Getuid(), os.Getgid()}, Now: time.Unix(1, 0)}
	for dest, foreign := range map[string]bool{"/stage": false, "/context": true} {
		l, err := (&Tree{Root: openTop(t, from), Foreign: foreign}).List(t.Context(), "d", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Place(t.Context(), l, dest, false); err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	for name, want := range map[string]int{"stage/f": 1, "stage/sub": 1, "stage/plain": 0, "context/f": 1, "context/sub": 1, "context/plain": 0} {
		f := openTop(t, path.Join(image, name))
		if got, err := attributesOf(int(f.Fd()), false); err != nil || len(got) != want || want > 0 && got[0] != (attribute{"user.kept", "yes"}) {
			t.Errorf("%s has %v, %v; want %d", name, got, err, want)
		}
	}
}

// TestAttributesAreContent says that a change of an attribute is one of the content, also where files are known by what stat(2) says of them.
func TestAttributesAreContent(t *testing.T) {
	from := grow(t, "d/f=1 d/sub/")
	stats := &statCache{path: path.Join(t.TempDir(), "stat"), files: map[string]statEntry{}}
	content := func() string {
		t.Helper()
		l, err := (&Tree{Root: openTop(t, from), Foreign: true, stats: stats}).List(t.Context(), "d", nil)
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
	seen := map[string]string{content(): "nothing"}
	for _, change := range []struct{ name, value string }{{"d/f", "a"}, {"d/f", "b"}, {"d/sub", "a"}, {"d/sub", "b"}} {
		if err := unix.Setxattr(path.Join(from, change.name), "user.x", []byte(change.value), 0); err != nil {
			t.Skipf("needs a file system with user attributes: %v", err)
		}
		sum := content()
		if before, ok := seen[sum]; ok {
			t.Errorf("the content after %v is that after %s", change, before)
		}
		seen[sum] = fmt.Sprint(change)
		if again := content(); again != sum {
			t.Errorf("the content after %v is read as %s and %s", change, sum, again)
		}
	}
}

// TestPlaceEnds ends a copy in the middle of a directory and of a file.
func TestPlaceEnds(t *testing.T) {
	files := "d/f=1"
	for i := range 3 * manyFiles {
		files += fmt.Sprintf(" d/%d=x", i)
	}
	tree := &Tree{Root: openTop(t, grow(t, files+" e/f=1")), Foreign: true}
	for _, name := range []string{"d", "e", "d/f"} {
		l, err := tree.List(t.Context(), name, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		image := grow(t, "")
		p := &Placer{Root: openTop(t, image), Owner: &Owner{os.Getuid(), os.Getgid()}, Now: time.Unix(1, 0)}
		if err := p.Place(ctx, l, "/to/", false); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		if got := describe(t, image); strings.Contains(got, "=1") {
			t.Errorf("%s: it is copied all the same: %s", name, got)
		}
	}
}
