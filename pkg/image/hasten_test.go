package image

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"go.podman.io/storage/types"
)

// TestHasten has files taken away of what the library has set aside of these layers, and of nothing else.
func TestHasten(t *testing.T) {
	root := t.TempDir()
	s := &Store{roots: []string{root}, storage: types.StoreOptions{GraphDriverName: "overlay", GraphRoot: root}}
	outside := filepath.Join(root, "outside")
	write := func(path string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	aside := filepath.Join(root, "overlay", "tempdirs", "temp-dir-1")
	kept := []string{filepath.Join(outside, "file"), filepath.Join(aside, "0-addition", "file"), filepath.Join(aside, "1-bb", "file"), filepath.Join(root, "overlay", "aa", "file")}
	for _, path := range kept {
		write(path)
	}
	layer := filepath.Join(aside, "0-aa")
	for i := range 200 {
		write(filepath.Join(layer, "diff", strconv.Itoa(i%7), "d", strconv.Itoa(i)))
	}
	for name, to := range map[string]string{"dir": outside, "file": filepath.Join(outside, "file"), "up": ".."} {
		if err := os.Symlink(to, filepath.Join(layer, "diff", name)); err != nil {
			t.Fatal(err)
		}
	}
	h := s.helper([]string{"aa", "cc"})
	for _, dir := range h.setAside() {
		h.begin(dir)
	}
	h.all.Wait()
	err := filepath.WalkDir(layer, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			t.Errorf("%s is there", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, path := range kept {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s is gone: %v", path, err)
		}
	}
}
