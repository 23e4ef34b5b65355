package atomicfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func writers() map[string]func(string, []byte) error {
	return map[string]func(string, []byte) error{"durable": Write, "volatile": WriteVolatile}
}

// entries are the names in dir: nothing temporary may be left.
func entries(t *testing.T, dir string) []string {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range found {
		names = append(names, entry.Name())
	}
	return names
}

func TestWriteReplaces(t *testing.T) {
	for name, write := range writers() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			for _, text := range []string{"a longer first content", "short", ""} {
				if err := write(path, []byte(text)); err != nil {
					t.Fatal(err)
				}
				if got, err := os.ReadFile(path); err != nil || string(got) != text {
					t.Errorf("content %q, %v, want %q", got, err, text)
				}
			}
			if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			if got := entries(t, dir); len(got) != 1 {
				t.Errorf("the directory holds %q", got)
			}
		})
	}
}

// What streams has no name before it is whole, replaces what is there, and leaves nothing beside it.
func TestStream(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, text := range []string{"first", "second"} {
		err := Stream(path, func(w io.Writer) error {
			if got := entries(t, dir); text == "first" && len(got) > 0 {
				t.Errorf("before it is whole the directory holds %q", got)
			}
			_, err := io.WriteString(w, text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	failed := errors.New("no more")
	if err := Stream(path, func(io.Writer) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "second" {
		t.Errorf("content %q, %v", got, err)
	}
	if got := entries(t, dir); len(got) != 1 {
		t.Errorf("the directory holds %q", got)
	}
}

func TestALinkIsReplacedAndNotFollowed(t *testing.T) {
	dir := t.TempDir()
	target, path := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(target); string(got) != "old" {
		t.Errorf("what the link led to is now %q", got)
	}
}

func TestAFailedWriteLeavesEverythingAsItWas(t *testing.T) {
	for name, write := range writers() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			// A directory with something in it cannot be replaced by a file.
			if err := os.MkdirAll(filepath.Join(path, "sub"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := write(path, []byte("text")); err == nil {
				t.Error("no error")
			}
			if got := entries(t, dir); len(got) != 1 || got[0] != "file" {
				t.Errorf("the directory holds %q", got)
			}
			if err := write(filepath.Join(dir, "missing", "file"), nil); !os.IsNotExist(err) {
				t.Errorf("in a missing directory: %v", err)
			}
		})
	}
}

func TestReadersNeverSeeAMixture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	contents := [][]byte{bytes.Repeat([]byte("a"), 10000), bytes.Repeat([]byte("b"), 20000)}
	if err := WriteVolatile(path, contents[0]); err != nil {
		t.Fatal(err)
	}
	var writing sync.WaitGroup
	for _, content := range contents {
		writing.Go(func() {
			for range 200 {
				if err := WriteVolatile(path, content); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	for {
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func TestSyncDir(t *testing.T) {
	if err := SyncDir(t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := SyncDir(filepath.Join(t.TempDir(), "missing")); !os.IsNotExist(err) {
		t.Errorf("of a missing directory: %v", err)
	}
}
