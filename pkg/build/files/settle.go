package files

import (
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// NoYounger gives the files in dir, and itself, the time latest if they are younger. Nobody else changes them meanwhile.
func NoYounger(dir string, latest time.Time) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return &os.PathError{Op: "stat", Path: path, Err: err}
		}
		if st.Mtim.Nano() <= latest.UnixNano() {
			return nil
		}
		return setTime(unix.AT_FDCWD, path, latest.UnixNano())
	})
}

// Resemble gives dir owner, permissions and time of the directory like.
func Resemble(dir, like string) error {
	var st unix.Stat_t
	if err := unix.Stat(like, &st); err != nil {
		return &os.PathError{Op: "stat", Path: like, Err: err}
	}
	if err := os.Chown(dir, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if err := unix.Chmod(dir, st.Mode&0o7777); err != nil {
		return &os.PathError{Op: "chmod", Path: dir, Err: err}
	}
	return setTime(unix.AT_FDCWD, dir, st.Mtim.Nano())
}
