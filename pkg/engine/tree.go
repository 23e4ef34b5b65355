package engine

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pod-engine/pod/pkg/image"
	"golang.org/x/sys/unix"
)

// MountTree gives a mount of layers that is attached nowhere and can only be read, for at, any existing directory, as its name.
func (e *Engine) MountTree(layers image.Layers, at string) (*os.File, error) {
	switch len(layers.Dirs) {
	case 0:
		return nil, fmt.Errorf("mount %s: there are no layers", at)
	case 1:
		// An overlay without an upper directory needs two.
		fd, err := unix.OpenTree(unix.AT_FDCWD, layers.Dirs[0], unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return nil, fmt.Errorf("mount %s: %w", layers.Dirs[0], err)
		}
		return os.NewFile(uintptr(fd), at), nil
	}
	return e.mountTree(layers.BaseDir, at, overlayLowers(layers))
}

// MountOver gives a mount of layers with upper over them, which takes what is written. upper and work are on one file system; when
// there are no layers, a directory "empty" is made beside work.
func (e *Engine) MountOver(layers image.Layers, upper, work, at string) (*os.File, error) {
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
	return e.mountTree(layers.BaseDir, at, overlayOptions(layers, upper, work)+",volatile")
}

func (e *Engine) mountTree(base, at, options string) (*os.File, error) {
	if e.User.Rootless {
		options += ",userxattr"
	}
	f, err := mountDetached(base, at, options)
	if err != nil {
		return nil, fmt.Errorf("mount the files of a build: %w", err)
	}
	return f, nil
}
