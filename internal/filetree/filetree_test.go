package filetree

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// world is a tree with a directory of somebody else beside it.
type world struct {
	t          *testing.T
	root       *os.File
	tree, host string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, tree: filepath.Join(t.TempDir(), "tree"), host: filepath.Join(t.TempDir(), "host")}
	for _, dir := range []string{w.tree, w.host} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.put(w.host, "secret", "secret")
	var err error
	if w.root, err = os.Open(w.tree); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.root.Close() })
	return w
}

func (w *world) put(dir, name, text string) {
	w.t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o640)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) link(target, name string) {
	w.t.Helper()
	if err := os.Symlink(target, filepath.Join(w.tree, name)); err != nil {
		w.t.Fatal(err)
	}
}

// archive gives the archive of a path of the tree.
func (w *world) archive(name, as string, follow bool, o ArchiveOptions) (string, []byte, error) {
	w.t.Helper()
	e, err := Find(w.root, name, follow)
	if err != nil {
		return "", nil, err
	}
	defer e.Dir.Close()
	var buf bytes.Buffer
	out := tar.NewWriter(&buf)
	if err := Archive(w.t.Context(), out, e, as, o); err != nil {
		return "", nil, err
	}
	if err := out.Close(); err != nil {
		w.t.Fatal(err)
	}
	return listed(w.t, buf.Bytes()), buf.Bytes(), nil
}

func listed(t *testing.T, archive []byte) string {
	t.Helper()
	var b strings.Builder
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return strings.TrimSuffix(b.String(), "\n")
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(h.Name)
		if h.Linkname != "" {
			b.WriteString(" -> " + h.Linkname)
		}
		if len(text) > 0 {
			b.WriteString(" = " + string(text))
		}
		b.WriteString("\n")
	}
}

func TestArchive(t *testing.T) {
	w := newWorld(t)
	w.put(w.tree, "dir/a", "A")
	w.put(w.tree, "dir/sub/b", "B")
	w.put(w.tree, "run/here", "in the tree")
	w.link("/run", "dir/run") // as images have it
	w.link("../../../../../../.."+w.host, "dir/out")
	w.link(w.host+"/secret", "dir/secret")
	w.link("a", "dir/near")
	if err := os.Link(filepath.Join(w.tree, "dir/a"), filepath.Join(w.tree, "dir/a2")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		follow bool
		o      ArchiveOptions
		want   string
	}{
		{"dir/a", false, ArchiveOptions{}, "x = A"},
		{"dir/near", false, ArchiveOptions{}, "x -> a"},
		{"dir/near", true, ArchiveOptions{}, "x = A"},
		{"dir/run", false, ArchiveOptions{}, "x -> /run"},
		{"dir/run", true, ArchiveOptions{}, "x/\nx/here = in the tree"},
		{"dir/run/", false, ArchiveOptions{}, "x/\nx/here = in the tree"},
		{"dir/run/here", false, ArchiveOptions{}, "x = in the tree"},
		{"dir/secret", false, ArchiveOptions{}, "x -> " + w.host + "/secret"},
		{"dir", false, ArchiveOptions{}, "x/\nx/a = A\nx/a2 -> x/a\nx/near -> a\nx/out -> ../../../../../../.." + w.host + "\nx/run -> /run\nx/secret -> " + w.host + "/secret\nx/sub/\nx/sub/b = B"},
		{"dir/sub", false, ArchiveOptions{ContentOnly: true}, "x/b = B"},
	} {
		got, _, err := w.archive(c.name, "x", c.follow, c.o)
		if err != nil || got != c.want {
			t.Errorf("%s, follow %v, %+v: %v\n%s\nwant:\n%s", c.name, c.follow, c.o, err, got, c.want)
		}
	}
	// Links that lead out of the tree lead nowhere in it.
	for _, name := range []string{"dir/out/secret", "dir/out/", w.host + "/secret"} {
		if _, _, err := w.archive(name, "x", true, ArchiveOptions{}); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v; want that it does not exist", name, err)
		}
	}
	if _, _, err := w.archive("dir/secret", "x", true, ArchiveOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a followed link to the outside: %v; want that it does not exist", err)
	}
}

// pack makes an archive: "name" a file, "name/" a directory, "name -> target" a symbolic and "name => target" a hard link.
func pack(t *testing.T, entries ...string) *tar.Reader {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		h := &tar.Header{Name: e, Mode: 0o4751, Uid: os.Getuid(), Gid: os.Getgid(), Typeflag: tar.TypeReg, Size: 3}
		if name, target, ok := strings.Cut(e, " -> "); ok {
			h.Name, h.Linkname, h.Typeflag, h.Size = name, target, tar.TypeSymlink, 0
		} else if name, target, ok := strings.Cut(e, " => "); ok {
			h.Name, h.Linkname, h.Typeflag, h.Size = name, target, tar.TypeLink, 0
		} else if strings.HasSuffix(e, "/") {
			h.Typeflag, h.Size = tar.TypeDir, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, "new"[:h.Size])
	}
	w.Close()
	return tar.NewReader(&buf)
}

func (w *world) check(name, want string) {
	w.t.Helper()
	if b, err := os.ReadFile(filepath.Join(w.tree, name)); err != nil || string(b) != want {
		w.t.Errorf("%s is %q, %v; want %q", name, b, err, want)
	}
}

func TestExtract(t *testing.T) {
	w := newWorld(t)
	w.put(w.tree, "dir/old", "old")
	w.put(w.tree, "run/x", "x")
	w.link("/run", "dir/run")
	r := pack(t, "./", "old", "run/", "run/y", "deep/er/z", "l -> old", "h => old")
	if err := Extract(t.Context(), r, w.root, "/dir", ExtractOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"dir/old": "new", "run/x": "x", "run/y": "new", "dir/deep/er/z": "new", "dir/l": "new", "dir/h": "new"} {
		w.check(name, want)
	}
	info, err := os.Stat(filepath.Join(w.tree, "dir/old"))
	if err != nil || info.Mode().Perm() != 0o751 || info.Mode()&os.ModeSetuid == 0 {
		t.Errorf("the mode is %v, %v; want u+s 0751", info.Mode(), err)
	}
	if link, err := os.Readlink(filepath.Join(w.tree, "dir/run")); err != nil || link != "/run" {
		t.Errorf("the link to a directory is %q, %v now", link, err)
	}
}

// TestExtractStaysInside writes through every kind of link that a hostile tree or archive can have: nothing is touched outside.
func TestExtractStaysInside(t *testing.T) {
	for _, foreign := range []bool{false, true} {
		for name, entries := range map[string][]string{
			"dots":                         {"../../host/secret"},
			"link in the tree":             {"out/secret"},
			"link to a file":               {"secret"},
			"link of the archive":          {"a -> /", "a/secret"},
			"relative link of the archive": {"a -> ../../../../../..", "a/" + "secret"},
			"hard link":                    {"h => ../host/secret", "h"},
			"hard link by a link":          {"h => out/secret", "h"},
		} {
			w := newWorld(t)
			w.link(w.host, "out")
			w.link(w.host+"/secret", "secret")
			err := Extract(t.Context(), pack(t, entries...), w.root, "/", ExtractOptions{Foreign: foreign})
			if b, readErr := os.ReadFile(filepath.Join(w.host, "secret")); readErr != nil || string(b) != "secret" {
				t.Errorf("%s, foreign %v: the secret outside is %q, %v (%v)", name, foreign, b, readErr, err)
			}
			if left, _ := os.ReadDir(w.host); len(left) != 1 {
				t.Errorf("%s, foreign %v: %v were written outside", name, foreign, left)
			}
		}
	}
}

func TestExtractForeign(t *testing.T) {
	w := newWorld(t)
	w.put(w.tree, "elsewhere/x", "x")
	w.link("elsewhere", "dir")
	if err := Extract(t.Context(), pack(t, "f"), w.root, "/", ExtractOptions{Foreign: true}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(w.tree, "f")); err != nil || info.Mode()&os.ModeSetuid != 0 {
		t.Errorf("the mode is %v, %v; want no setuid", info.Mode(), err)
	}
	if err := Extract(t.Context(), pack(t, "dir/", "dir/x"), w.root, "/", ExtractOptions{Foreign: true}); !errors.Is(err, ErrKind) {
		t.Errorf("a directory over a link of the person's: %v; want ErrKind", err)
	}
	w.check("elsewhere/x", "x")
}

func TestExtractKinds(t *testing.T) {
	w := newWorld(t)
	w.put(w.tree, "dir/sub/x", "x")
	w.put(w.tree, "file", "x")
	if err := Extract(t.Context(), pack(t, "dir"), w.root, "/", ExtractOptions{}); !errors.Is(err, ErrKind) {
		t.Errorf("a file over a directory: %v; want ErrKind", err)
	}
	if err := Extract(t.Context(), pack(t, "file/"), w.root, "/", ExtractOptions{}); !errors.Is(err, ErrKind) {
		t.Errorf("a directory over a file: %v; want ErrKind", err)
	}
	if err := Extract(t.Context(), pack(t, "dir", "file/", "file/y"), w.root, "/", ExtractOptions{Overwrite: true}); err != nil {
		t.Error(err)
	}
	w.check("dir", "new")
	w.check("file/y", "new")
}

// TestArchiveSmaller reads a file that another process empties while it is read.
func TestArchiveSmaller(t *testing.T) {
	w := newWorld(t)
	w.put(w.tree, "f", strings.Repeat("x", 100))
	for _, lenient := range []bool{false, true} {
		e, err := Find(w.root, "f", false)
		if err != nil {
			t.Fatal(err)
		}
		e.stat.Size += 50
		var buf bytes.Buffer
		out := tar.NewWriter(&buf)
		err = errors.Join(Archive(t.Context(), out, e, "f", ArchiveOptions{Lenient: lenient}), out.Close())
		if lenient && err != nil || !lenient && err == nil {
			t.Errorf("lenient %v: %v", lenient, err)
		}
		e.Dir.Close()
	}
}

func TestArchiveAttributes(t *testing.T) {
	w := newWorld(t)
	w.put(w.tree, "f", "x")
	for _, name := range []string{"user.note", "user.overlay.opaque"} {
		if err := unix.Setxattr(filepath.Join(w.tree, "f"), name, []byte("y"), 0); err != nil {
			t.Skipf("this file system has no extended attributes: %v", err)
		}
	}
	_, archive, err := w.archive("f", "f", false, ArchiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := tar.NewReader(bytes.NewReader(archive)).Next()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := h.PAXRecords["SCHILY.xattr.user.overlay.opaque"]; ok || h.PAXRecords["SCHILY.xattr.user.note"] != "y" {
		t.Errorf("the attributes are %v; want user.note alone", h.PAXRecords)
	}
}
