package build

import (
	"slices"
	"testing"

	"github.com/pod-engine/pod/pkg/image"
)

// TestNewest counts layers where one is in parts, and where all are in one directory (vfs).
func TestNewest(t *testing.T) {
	parted := image.Layers{Dirs: []string{"/o/c/diff", "/o/b/diff", "/o/b/diff1", "/o/a/diff"}}
	whole := image.Layers{Dirs: []string{"/vfs/dir/c"}}
	for _, c := range []struct {
		layers image.Layers
		n      int
		want   []string
	}{
		{parted, 1, parted.Dirs[:1]},
		{parted, 2, parted.Dirs[:3]},
		{parted, 3, parted.Dirs},
		{whole, 2, whole.Dirs},
	} {
		if got := newest(c.layers, c.n); !slices.Equal(got, c.want) {
			t.Errorf("the newest %d of %q are %q, want %q", c.n, c.layers.Dirs, got, c.want)
		}
	}
}
