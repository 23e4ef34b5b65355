package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Unnamed is a file that gets its name when it is whole. Nothing is left of it when its process dies before, except on a file system
// without such files (O_TMPFILE in open(2)), where it has a temporary name meanwhile.
type Unnamed struct {
	*os.File
	temporary string // empty: it has no name
}

// NewUnnamed makes a file of mode 0600 in a directory.
func NewUnnamed(dir string) (*Unnamed, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return &Unnamed{File: os.NewFile(uintptr(fd), dir)}, nil
	}
	f, err := os.CreateTemp(dir, ".new-")
	if err != nil {
		return nil, err
	}
	return &Unnamed{f, f.Name()}, nil
}

// Place gives the file its name, in place of whatever file has it. path is in the file's directory.
func (u *Unnamed) Place(path string) error {
	if u.temporary == "" {
		// A link replaces nothing.
		err := u.link(path)
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
		u.temporary = filepath.Join(filepath.Dir(path), ".new-"+rand.Text())
		if err := u.link(u.temporary); err != nil {
			return err
		}
	}
	err := os.Rename(u.temporary, path)
	if err == nil {
		u.temporary = ""
	}
	return err
}

func (u *Unnamed) link(path string) error {
	err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", u.Fd()), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
	if err != nil {
		return &os.PathError{Op: "make", Path: path, Err: err}
	}
	return nil
}

// Close closes the file, and forgets one that was not placed.
func (u *Unnamed) Close() error {
	if u.temporary != "" {
		os.Remove(u.temporary)
	}
	return u.File.Close()
}
