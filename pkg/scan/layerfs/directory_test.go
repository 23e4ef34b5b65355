package layerfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// at makes a file below dir, with the directories on the way.
func at(t *testing.T, dir, name, body string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(body), 0o644)); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, dir string) *Directory {
	t.Helper()
	d, err := OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// all lets Walk give everything.
func all(int) bool { return true }

func TestWalk(t *testing.T) {
	dir := t.TempDir()
	at(t, dir, "d/file", "text")
	at(t, dir, "d/.wh.gone", "")
	at(t, dir, "d/.wh.kept", "this is a file that is called so")
	at(t, dir, "o/.wh..wh..opq", "")
	secret := at(t, t.TempDir(), "outside", "secret")
	if err := errors.Join(
		os.Symlink(secret, filepath.Join(dir, "link")),
		os.Symlink(filepath.Dir(secret), filepath.Join(dir, "dirlink")),
		unix.Mkfifo(filepath.Join(dir, "fifo"), 0o644),
		unix.Mknod(filepath.Join(dir, "white"), unix.S_IFCHR, 0), // allowed to everybody since Linux 5.8
		os.Chmod(filepath.Join(dir, "d/file"), 0o755|os.ModeSetuid),
	); err != nil {
		t.Fatal(err)
	}
	entries, whole, err := open(t, dir).Walk(t.Context(), all)
	if err != nil || !whole {
		t.Fatal(whole, err)
	}
	var got []string
	for _, e := range entries {
		line := e.Path + " " + e.Mode.String()
		if e.Whiteout {
			line = e.Path + " whiteout"
		}
		if e.Opaque {
			line += " opaque"
		}
		got = append(got, strings.TrimSuffix(line+" "+e.Link, " "))
	}
	slices.Sort(got)
	want := []string{
		" drwxr-xr-x", "d drwxr-xr-x", "d/.wh.kept -rw-r--r--", "d/file urwxr-xr-x", "d/gone whiteout",
		"dirlink Lrwxrwxrwx " + filepath.Dir(secret), "fifo prw-r--r--", "link Lrwxrwxrwx " + secret, "o drwxr-xr-x opaque", "white whiteout",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestOverlayAttributes(t *testing.T) {
	dir := t.TempDir()
	at(t, dir, "opaque/file", "")
	at(t, dir, "marked/whiteout", "")
	at(t, dir, "marked/empty", "")
	at(t, dir, "plain/whiteout", "")
	for path, attribute := range map[string][2]string{
		"opaque": {"user.overlay.opaque", "y"}, "marked": {"user.overlay.opaque", "x"},
		"marked/whiteout": {"user.overlay.whiteout", ""}, "plain/whiteout": {"user.overlay.whiteout", ""},
	} {
		if err := unix.Setxattr(filepath.Join(dir, path), attribute[0], []byte(attribute[1]), 0); errors.Is(err, unix.ENOTSUP) {
			t.Skip("the file system of the temporary directory keeps no attributes")
		} else if err != nil {
			t.Fatal(err)
		}
	}
	entries, _, err := open(t, dir).Walk(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Whiteout != (e.Path == "marked/whiteout") || e.Opaque != (e.Path == "opaque") {
			t.Errorf("%q is whiteout %v, opaque %v", e.Path, e.Whiteout, e.Opaque)
		}
	}
}

// Nothing that an image can hold leads Open out of the layer, or makes it wait.
func TestOpenStaysInside(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	at(t, outside, "secret", "secret")
	at(t, dir, "d/file", "text")
	if err := errors.Join(
		os.Symlink(outside, filepath.Join(dir, "dirlink")),
		os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "link")),
		os.Symlink("d/file", filepath.Join(dir, "inside")),
		unix.Mkfifo(filepath.Join(dir, "fifo"), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	d := open(t, dir)
	f, err := d.Open("d/file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if b, err := io.ReadAll(f); err != nil || string(b) != "text" {
		t.Errorf("got %q, %v", b, err)
	}
	for _, name := range []string{
		"link", "inside", "dirlink/secret", "fifo", "d", "nothing", "../" + filepath.Base(outside) + "/secret", filepath.Join(outside, "secret"), "d/../d/../../x",
	} {
		if f, err := d.Open(name); err == nil {
			f.Close()
			t.Errorf("%q can be opened", name)
		}
	}
}

func TestWalkIsLimited(t *testing.T) {
	dir := t.TempDir()
	for i := range 50 {
		at(t, dir, fmt.Sprintf("%d/file", i), "")
	}
	left := 70
	some := func(n int) bool {
		left -= n
		return left >= 0
	}
	if entries, whole, err := open(t, dir).Walk(t.Context(), some); err != nil || whole || len(entries) != 71 {
		t.Errorf("%d entries, %v, %v", len(entries), whole, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := open(t, dir).Walk(ctx, all); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, _, err := open(t, dir).Walk(t.Context(), all); err != nil {
		t.Error(err)
	}
}

// A tree that is deeper than a path may be long is cut, and said to be.
func TestWalkOfADeepTree(t *testing.T) {
	dir := t.TempDir()
	at(t, dir, "file", "")
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_PATH, 0)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.Repeat("d", 200)
	for range 40 {
		if err := unix.Mkdirat(fd, name, 0o755); err != nil {
			t.Fatal(err)
		}
		below, err := unix.Openat(fd, name, unix.O_DIRECTORY|unix.O_PATH, 0)
		unix.Close(fd)
		if fd = below; err != nil {
			t.Fatal(err)
		}
	}
	unix.Close(fd)
	entries, whole, err := open(t, dir).Walk(t.Context(), all)
	if err != nil || whole || len(entries) < 15 || len(entries) > 30 {
		t.Errorf("%d entries, %v, %v", len(entries), whole, err)
	}
}

func TestWalkOfNothing(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Walk(t.Context(), all); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := OpenDirectory(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
