package filetree

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Owner is who files are to belong to.
type Owner struct{ UID, GID int }

// ExtractOptions say how an archive is unpacked.
type ExtractOptions struct {
	// Owner is given to everything; nil: as the archive says.
	Owner *Owner
	// Overwrite lets a file replace a directory, and a directory a file. Else that is ErrKind.
	Overwrite bool
	// Foreign is for a tree that belongs to a person and an archive that does not: no link of the tree is followed, none leads out, and setuid and setgid
	// bits are left out.
	Foreign bool
}

// ErrKind says that a directory is where a file should be written, or a file where a directory should.
var ErrKind = errors.New("a directory and something else do not replace each other")

// Extract unpacks an archive below root in the directory dest, which exists. Missing directories on the way to an entry are made. It ends at the first error; what was
// unpacked until then stays.
func Extract(ctx context.Context, r *tar.Reader, root *os.File, dest string, o ExtractOptions) error {
	x := extractor{root: root, dest: dest, opts: o, buf: make([]byte, 1<<18), resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	if o.Foreign {
		x.resolve |= unix.RESOLVE_NO_SYMLINKS
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := r.Next()
		if err == io.EOF {
			return x.finish()
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		if err := x.entry(h, r); err != nil {
			return fmt.Errorf("write %q: %w", path.Join(dest, h.Name), err)
		}
	}
}

type extractor struct {
	root    *os.File
	dest    string
	opts    ExtractOptions
	resolve uint64
	buf     []byte
	dirs    []*tar.Header // whose time is set when nothing more is written into them
}

func (x *extractor) open(name string, flags int) (*os.File, error) {
	return open(x.root, path.Join("/", x.dest, name), flags, 0, x.resolve)
}

// entry writes one entry. Its name is resolved below dest: ".." ends there.
func (x *extractor) entry(h *tar.Header, r io.Reader) error {
	name := path.Clean("/" + h.Name)[1:]
	if name == "" {
		if h.Typeflag != tar.TypeDir {
			return fmt.Errorf("the archive has something other than a directory for its top: %w", ErrKind)
		}
		return nil // dest keeps what it has
	}
	dir, err := x.parent(path.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	w := entryWriter{x, dir, path.Base(name), h}
	if err := w.makeRoom(); err != nil {
		return err
	}
	return w.write(r)
}

// parent opens a directory of the tree, making what is missing of it.
func (x *extractor) parent(name string) (*os.File, error) {
	f, err := x.open(name, unix.O_PATH|unix.O_DIRECTORY)
	if !errors.Is(err, unix.ENOENT) || name == "." {
		return f, err
	}
	up, err := x.parent(path.Dir(name))
	if err != nil {
		return nil, err
	}
	defer up.Close()
	if err := unix.Mkdirat(int(up.Fd()), path.Base(name), 0o755); err != nil {
		return nil, err
	}
	if o := x.opts.Owner; o != nil {
		if err := unix.Fchownat(int(up.Fd()), path.Base(name), o.UID, o.GID, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return nil, err
		}
	}
	return x.open(name, unix.O_PATH|unix.O_DIRECTORY)
}

// finish sets the times of directories.
func (x *extractor) finish() error {
	for _, h := range x.dirs {
		f, err := x.open(path.Clean("/" + h.Name)[1:], unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
		if err != nil {
			continue // replaced by the container; its time is then its own
		}
		when := []unix.Timeval{unix.NsecToTimeval(h.ModTime.UnixNano()), unix.NsecToTimeval(h.ModTime.UnixNano())}
		_ = unix.Futimes(int(f.Fd()), when)
		f.Close()
	}
	return nil
}

// entryWriter writes one entry into an open directory.
type entryWriter struct {
	x    *extractor
	dir  *os.File
	name string
	h    *tar.Header
}

// makeRoom removes what the entry replaces. A directory stays for a directory.
func (w entryWriter) makeRoom() error {
	var st unix.Stat_t
	err := unix.Fstatat(int(w.dir.Fd()), w.name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	there, wanted := st.Mode&unix.S_IFMT == unix.S_IFDIR, w.h.Typeflag == tar.TypeDir
	switch {
	case there && wanted, wanted && w.leadsToDir():
		return nil
	case there != wanted && !w.x.opts.Overwrite:
		return ErrKind
	case there:
		return removeAll(w.dir, w.name)
	case w.h.Typeflag == tar.TypeReg && st.Mode&unix.S_IFMT == unix.S_IFREG:
		return nil // it is replaced when the new one is whole
	}
	return unix.Unlinkat(int(w.dir.Fd()), w.name, 0)
}

// leadsToDir reports whether the name is a link to a directory, which then stands for that directory.
func (w entryWriter) leadsToDir() bool {
	if w.x.opts.Foreign {
		return false
	}
	f, err := w.x.open(path.Clean("/" + w.h.Name)[1:], unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

func (w entryWriter) write(r io.Reader) error {
	switch w.h.Typeflag {
	case tar.TypeDir:
		return w.makeDir()
	case tar.TypeReg:
		return w.file(r)
	case tar.TypeSymlink:
		return w.placed(unix.Symlinkat(w.h.Linkname, int(w.dir.Fd()), w.name))
	case tar.TypeFifo:
		return w.placed(unix.Mknodat(int(w.dir.Fd()), w.name, unix.S_IFIFO|uint32(w.h.Mode&0o777), 0))
	case tar.TypeLink:
		return w.link()
	case tar.TypeChar, tar.TypeBlock:
		return errors.New("a user cannot make device nodes")
	}
	return fmt.Errorf("the archive has an entry of the unknown kind %q", w.h.Typeflag)
}

// link makes a further name for an entry before it.
func (w entryWriter) link() error {
	target := path.Clean("/" + w.h.Linkname)[1:]
	dir, err := w.x.open(path.Dir(target), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Linkat(int(dir.Fd()), path.Base(target), int(w.dir.Fd()), w.name, 0)
}

func (w entryWriter) makeDir() error {
	if err := unix.Mkdirat(int(w.dir.Fd()), w.name, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	fd, err := unix.Openat(int(w.dir.Fd()), w.name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
		return nil // a link to a directory, which keeps what it has
	}
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), w.name)
	defer f.Close()
	w.x.dirs = append(w.x.dirs, w.h)
	return w.dress(f)
}

// file writes the file beside its place and puts it there when it is whole.
func (w entryWriter) file(r io.Reader) error {
	fd, err := unix.Openat(int(w.dir.Fd()), ".", unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return w.inPlace(r) // not every file system has files without name
	}
	f := os.NewFile(uintptr(fd), w.name)
	defer f.Close()
	if err := w.fill(f, r); err != nil {
		return err
	}
	for range 10 {
		err = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), int(w.dir.Fd()), w.name, unix.AT_SYMLINK_FOLLOW)
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
		switch err := unix.Unlinkat(int(w.dir.Fd()), w.name, 0); {
		case errors.Is(err, unix.EBUSY): // mounted: it can only be written to
			again, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
			if err != nil {
				return err
			}
			defer again.Close()
			return w.inPlace(again)
		case err != nil && !errors.Is(err, unix.ENOENT):
			return err
		}
	}
	return err
}

func (w entryWriter) inPlace(r io.Reader) error {
	flags := unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := unix.Openat(int(w.dir.Fd()), w.name, flags, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), w.name)
	return errors.Join(w.fill(f, r), f.Close())
}

// fill writes content, owner, mode, attributes and time.
func (w entryWriter) fill(f *os.File, r io.Reader) error {
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, r, w.x.buf); err != nil {
		return err
	}
	if err := w.dress(f); err != nil {
		return err
	}
	when := unix.NsecToTimeval(w.h.ModTime.UnixNano())
	return unix.Futimes(int(f.Fd()), []unix.Timeval{when, when})
}

// dress gives owner, mode and attributes, in the order in which one does not take away the other.
func (w entryWriter) dress(f *os.File) error {
	fd := int(f.Fd())
	uid, gid := w.owner()
	if err := unix.Fchown(fd, uid, gid); err != nil {
		return err
	}
	mode := uint32(w.h.Mode & 0o7777)
	if w.x.opts.Foreign {
		mode &= 0o1777
	}
	if err := unix.Fchmod(fd, mode); err != nil {
		return err
	}
	for key, value := range w.h.PAXRecords {
		name, ok := strings.CutPrefix(key, xattrRecord)
		if !ok || !carried(name) || w.x.opts.Foreign && name == "security.capability" {
			continue
		}
		// A file system may have none.
		if err := unix.Fsetxattr(fd, name, []byte(value), 0); err != nil && !errors.Is(err, unix.ENOTSUP) {
			return err
		}
	}
	return nil
}

func (w entryWriter) owner() (uid, gid int) {
	if o := w.x.opts.Owner; o != nil {
		return o.UID, o.GID
	}
	return w.h.Uid, w.h.Gid
}

// placed finishes what has no descriptor to be dressed by.
func (w entryWriter) placed(err error) error {
	if err != nil {
		return err
	}
	uid, gid := w.owner()
	if err := unix.Fchownat(int(w.dir.Fd()), w.name, uid, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	when := unix.NsecToTimespec(w.h.ModTime.UnixNano())
	return unix.UtimesNanoAt(int(w.dir.Fd()), w.name, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
}

// removeAll removes a name and what is below it, following nothing.
func removeAll(dir *os.File, name string) error {
	err := unix.Unlinkat(int(dir.Fd()), name, 0)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	fd, openErr := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if openErr != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := removeAll(f, n); err != nil {
			return err
		}
	}
	return unix.Unlinkat(int(dir.Fd()), name, unix.AT_REMOVEDIR)
}
