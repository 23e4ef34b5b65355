package filetree

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// flips is how often the name changes while it is used.
const flips = 300

// flip makes name in turn a directory of the tree and a link to a directory outside, until the context ends.
func (w *world) flip(ctx context.Context, name string) {
	path, spare := filepath.Join(w.tree, name), filepath.Join(w.tree, name+".spare")
	if err := os.Symlink(w.host, spare); err != nil {
		w.t.Error(err)
		return
	}
	for ctx.Err() == nil {
		if err := unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, spare, unix.RENAME_EXCHANGE); err != nil {
			w.t.Error(err)
			return
		}
	}
}

// TestCopyWhileLinksChange copies both ways while a directory on the way changes places with a link that leads out (CVE-2018-15664). What is outside is
// neither read nor written.
func TestCopyWhileLinksChange(t *testing.T) {
	w := newWorld(t)
	w.put(w.tree, "a/b/secret", "public")
	ctx, cancel := context.WithCancel(t.Context())
	var flipping sync.WaitGroup
	flipping.Go(func() { w.flip(ctx, "a/b") })
	defer flipping.Wait()
	defer cancel()
	for i := range flips {
		for _, name := range []string{"a/b/secret", "a/b", "a"} {
			listed, _, err := w.archive(name, "x", i%2 == 0, ArchiveOptions{Lenient: true})
			if err == nil && strings.Contains(listed, "= secret") {
				t.Fatalf("%s was read from outside:\n%s", name, listed)
			}
		}
		for _, entries := range [][]string{{"a/b/secret"}, {"a/b/", "a/b/new"}} {
			for _, foreign := range []bool{true, false} {
				// That it fails when the link is there is right; where it writes is what counts.
				_ = Extract(ctx, pack(t, entries...), w.root, "/", ExtractOptions{Foreign: foreign, Owner: &Owner{os.Getuid(), os.Getgid()}})
			}
		}
	}
	if b, err := os.ReadFile(filepath.Join(w.host, "secret")); err != nil || string(b) != "secret" {
		t.Errorf("what is outside is %q, %v now", b, err)
	}
	if left, err := os.ReadDir(w.host); err != nil || len(left) != 1 {
		t.Errorf("written outside: %v, %v", left, err)
	}
}

// TestFileAppearsWhole ends a copy in the middle of a file: what was there stays.
func TestFileAppearsWhole(t *testing.T) {
	w := newWorld(t)
	w.put(w.tree, "f", "old")
	var buf bytes.Buffer
	out := tar.NewWriter(&buf)
	if err := out.WriteHeader(&tar.Header{Name: "f", Size: 100, Mode: 0o600, Uid: os.Getuid(), Gid: os.Getgid()}); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	if err := Extract(t.Context(), tar.NewReader(&buf), w.root, "/", ExtractOptions{}); err == nil {
		t.Error("half an archive was unpacked without error")
	}
	w.check("f", "old")
	if left, err := os.ReadDir(w.tree); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
