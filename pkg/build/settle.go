package build

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/image"
	"golang.org/x/sys/unix"
)

// makeWorkdir does a WORKDIR.
func (s *solve) makeWorkdir(layers image.Layers, u upper, m plan.Mkdir) error {
	root, err := s.Runner.MountOver(layers, u.upper, u.work, u.at, "")
	if err != nil {
		return err
	}
	defer root.Close()
	p := &placer{root: root, now: s.now()}
	if m.User != "" {
		if p.owner, err = lookupOwner(root, m.User); err != nil {
			return err
		}
	}
	dir, err := p.into(m.Path)
	if err != nil {
		return err
	}
	return dir.Close()
}

// settle makes the upper directory ready to be a layer: its root is that of the layers below, and with an epoch no file is younger.
func (s *solve) settle(layers image.Layers, u upper) error {
	if len(layers.Dirs) > 0 {
		if err := likeBelow(u.upper, layers.Dirs[0]); err != nil {
			return err
		}
	}
	if s.latest() == nil {
		return nil
	}
	latest := s.latest().UnixNano()
	return filepath.WalkDir(u.upper, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return &os.PathError{Op: "stat", Path: path, Err: err}
		}
		if st.Mtim.Nano() <= latest {
			return nil
		}
		return setTime(unix.AT_FDCWD, path, latest)
	})
}

// likeBelow gives dir owner, permissions and time of the directory below.
func likeBelow(dir, below string) error {
	var st unix.Stat_t
	if err := unix.Stat(below, &st); err != nil {
		return &os.PathError{Op: "stat", Path: below, Err: err}
	}
	if err := os.Chown(dir, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if err := unix.Chmod(dir, st.Mode&0o7777); err != nil {
		return &os.PathError{Op: "chmod", Path: dir, Err: err}
	}
	return setTime(unix.AT_FDCWD, dir, st.Mtim.Nano())
}
