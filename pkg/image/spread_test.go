package image_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pod-engine/pod/pkg/image"
	"golang.org/x/sys/unix"
)

// Where the file system is one that knows of it, a store that was written to begins layers where the disk is empty.
func TestLayersAreSpread(t *testing.T) {
	s := newPlace(t, "overlay").open(t, image.Options{})
	load(t, s, base(), "localhost/base:1")
	for _, dir := range []string{"overlay", "overlay/staging"} {
		if dir := filepath.Join(s.GraphRoot(), dir); onExt4(t, dir) && flags(t, dir)&0x20000 == 0 {
			t.Errorf("%s lacks the flag T", dir)
		}
	}
}

func onExt4(t *testing.T, dir string) bool {
	t.Helper()
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	return fs.Type == unix.EXT4_SUPER_MAGIC
}

func flags(t *testing.T, dir string) uint32 {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
