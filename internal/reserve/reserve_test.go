package reserve

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { os.Exit(podtest.EnterUserNamespace(m)) }

// size is what the files in a directory have in all.
func size(t *testing.T, dir string) (total int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	return total
}

func TestKeepAndGive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reserve")
	if Give(path) {
		t.Error("something is given back where nothing is kept")
	}
	if err := os.WriteFile(path, []byte("of a version before"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int64{1 << 16, 1 << 10, 1 << 18} { // a smaller one is there
		Keep(path, want)
		if got := size(t, path); got < want {
			t.Errorf("%d bytes are kept, want %d", got, want)
		}
	}
	if !Give(path) || Give(path) {
		t.Error("it is given back once")
	}
}

func TestNothingIsKeptWhereNothingIsLeft(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	path := filepath.Join(dir, "reserve")
	Keep(path, 1<<20)
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("a part of a reserve is left: %v", err)
	}
	if !Short(dir, 1<<20) || Short(dir, 1<<10) {
		t.Error("what is short is told wrongly")
	}
}

func TestFull(t *testing.T) {
	for err, want := range map[error]bool{
		fmt.Errorf("write: %w", unix.ENOSPC): true, &os.PathError{Err: unix.EDQUOT}: true, unix.EIO: false, nil: false,
	} {
		if Full(err) != want {
			t.Errorf("Full(%v) is %t", err, !want)
		}
	}
}
