// Package filetree reads and writes trees of files in which somebody else may change names at any moment: the root of a container while it runs.
//
// Every path is resolved and opened in one step below a root (openat2(2)), and everything after that is done through
// the descriptor, so that a symbolic link swapped in meanwhile leads nowhere (CVE-2018-15664). Absolute links are resolved in
// the root, as the container would see them: images have them (/var/run -> /run).
package filetree

import (
	"archive/tar"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Open opens a path of a tree as somebody would see it whose root directory is root.
func Open(root *os.File, name string, flags int, mode uint64) (*os.File, error) {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	return open(root, name, flags, mode, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_MAGICLINKS)
}

func open(root *os.File, name string, flags int, mode, resolve uint64) (*os.File, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Mode: mode, Resolve: resolve}
	for {
		fd, err := unix.Openat2(int(root.Fd()), name, &how)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), name), nil
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			// A rename elsewhere raced the resolution (openat2(2)).
		default:
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

// Entry is one name in a directory that is held open.
type Entry struct {
	Dir  *os.File
	Name string // without slash; "." is the directory itself
	stat unix.Stat_t
}

// Find opens the directory in which name lies, and looks at name itself there: a link is not followed, unless name ends with a slash or follow
// says so. The caller closes Dir.
func Find(root *os.File, name string, follow bool) (*Entry, error) {
	clean := path.Clean("/" + name)
	if clean == "/" || strings.HasSuffix(name, "/") || strings.HasSuffix(name, "/.") {
		dir, err := Open(root, clean, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			return nil, err
		}
		return at(dir, ".")
	}
	if follow {
		return followed(root, clean)
	}
	dir, err := Open(root, path.Dir(clean), unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return at(dir, path.Base(clean))
}

// followed finds what a link leads to. The kernel resolves it; where it lies is asked of the descriptor's own path.
func followed(root *os.File, name string) (*Entry, error) {
	f, err := Open(root, name, unix.O_PATH, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		dir, err := Open(f, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			return nil, err
		}
		return at(dir, ".")
	}
	// A file is read through its own descriptor, whatever its name is by then.
	again, err := Open(root, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	return &Entry{Dir: again, Name: "", stat: st}, nil
}

func at(dir *os.File, name string) (*Entry, error) {
	e := &Entry{Dir: dir, Name: name}
	if err := unix.Fstatat(int(dir.Fd()), name, &e.stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		dir.Close()
		return nil, &fs.PathError{Op: "find", Path: name, Err: err}
	}
	return e, nil
}

// IsDir reports whether the entry is a directory.
func (e *Entry) IsDir() bool { return e.stat.Mode&unix.S_IFMT == unix.S_IFDIR }

// header describes the entry for an archive, without its name and extended attributes.
func (e *Entry) header() (*tar.Header, error) {
	h := &tar.Header{
		Mode: int64(e.stat.Mode & 0o7777), Uid: int(e.stat.Uid), Gid: int(e.stat.Gid),
		ModTime: time.Unix(e.stat.Mtim.Unix()), Format: tar.FormatPAX,
	}
	switch e.stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, e.stat.Size
	case unix.S_IFDIR:
		h.Typeflag = tar.TypeDir
	case unix.S_IFLNK:
		h.Typeflag = tar.TypeSymlink
		target, err := e.readlink()
		if err != nil {
			return nil, err
		}
		h.Linkname = target
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	case unix.S_IFCHR:
		h.Typeflag = tar.TypeChar
	case unix.S_IFBLK:
		h.Typeflag = tar.TypeBlock
	}
	if h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock {
		h.Devmajor, h.Devminor = int64(unix.Major(e.stat.Rdev)), int64(unix.Minor(e.stat.Rdev))
	}
	return h, nil
}

func (e *Entry) readlink() (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(e.Dir.Fd()), e.Name, buf)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: e.Name, Err: err}
	}
	return string(buf[:n]), nil
}

// open opens the entry for reading, unless it has become something else meanwhile.
func (e *Entry) open() (*os.File, error) {
	if e.Name == "" {
		return e.Dir, nil
	}
	flags := unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	if e.IsDir() {
		flags |= unix.O_DIRECTORY
	}
	fd, err := unix.Openat(int(e.Dir.Fd()), e.Name, flags, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: e.Name, Err: err}
	}
	f := os.NewFile(uintptr(fd), e.Name)
	var now unix.Stat_t
	if err := unix.Fstat(fd, &now); err != nil || now.Ino != e.stat.Ino || now.Dev != e.stat.Dev {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: e.Name, Err: errors.Join(errChanged, err)}
	}
	return f, nil
}

var errChanged = errors.New("it was replaced meanwhile")

// Link gives what a symbolic link says; ok: the name is one. A name that is not there is none.
func Link(root *os.File, name string) (target string, ok bool, err error) {
	e, err := Find(root, path.Clean("/"+name), false)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	defer e.Dir.Close()
	if e.stat.Mode&unix.S_IFMT != unix.S_IFLNK {
		return "", false, nil
	}
	target, err = e.readlink()
	return target, err == nil, err
}
