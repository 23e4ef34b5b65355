package engine

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pod-engine/pod/pkg/image"
)

// MountTree gives a mount of layers that is attached nowhere and can only be read; with a name, of that file or directory in them, which no
// link leads out of. at is any existing directory.
func (e *Engine) MountTree(layers image.Layers, at, name string) (*os.File, error) {
	switch len(layers.Dirs) {
	case 0:
		return nil, fmt.Errorf("mount %s: there are no layers", at)
	case 1:
		// An overlay without an upper directory needs two.
		return detach(layers.Dirs[0], name, 0)
	}
	return e.mountTree(layers.BaseDir, at, overlayLowers(layers), name)
}

// MountOver is MountTree with upper over the layers, which takes what is written. upper and work are on one file system; when
// there are no layers, a directory "empty" is made beside work.
func (e *Engine) MountOver(layers image.Layers, upper, work, at, name string) (*os.File, error) {
	if len(layers.Dirs) == 0 {
		// A lower directory there must be.
		empty := filepath.Join(filepath.Dir(work), "empty")
		if err := os.MkdirAll(empty, 0o755); err != nil {
			return nil, err
		}
		layers = image.Layers{Dirs: []string{empty}}
	}
	// Nobody asks for upper after a crash, so it needs no sync; see mountRoot.
	os.RemoveAll(filepath.Join(work, "work", "incompat"))
	return e.mountTree(layers.BaseDir, at, overlayOptions(layers, upper, work)+",volatile", name)
}

func (e *Engine) mountTree(base, at, options, name string) (*os.File, error) {
	if e.User.Rootless {
		options += ",userxattr"
	}
	f, err := overlay{base: base, at: at, options: options, name: name}.mountDetached()
	if err != nil {
		return nil, fmt.Errorf("mount the files of a build: %w", err)
	}
	return f, nil
}
