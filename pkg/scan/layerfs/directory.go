package layerfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Directory is a layer as the storage drivers overlay and vfs keep it.
type Directory struct {
	root *os.File
}

// OpenDirectory gives the layer in dir. Close it after use.
func OpenDirectory(dir string) (*Directory, error) {
	root, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &Directory{root}, nil
}

// Close ends the use of the layer.
func (d *Directory) Close() error { return d.root.Close() }

// open opens a path below the root through directories only: links are refused, wherever they lead, and so is another file system.
func (d *Directory) open(name string, flags int) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC | unix.O_NOFOLLOW),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	}
	if name == "" {
		name = "."
	}
	for {
		fd, err := unix.Openat2(int(d.root.Fd()), name, &how)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), name), nil
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			// A rename elsewhere raced the resolution (openat2(2)).
		default:
			return nil, &os.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

// Open opens a regular file. O_NONBLOCK keeps a FIFO that took its place since Walk from blocking.
func (d *Directory) Open(name string) (File, error) {
	f, err := d.open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &os.PathError{Op: "read", Path: name, Err: errors.New("it is not a regular file")}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// deepest is the longest path that is looked at; the kernel takes no longer one (PATH_MAX).
const deepest = 4000

// Walk lists the layer, breadth first: one directory is open at a time.
func (d *Directory) Walk(ctx context.Context, take func(int) bool) (entries []Entry, whole bool, err error) {
	w := walk{layer: d, entries: []Entry{{Mode: fs.ModeDir | 0o755}}, take: take, whole: true}
	for next := 0; next < len(w.entries); next++ {
		if dir := w.entries[next]; !dir.Mode.IsDir() || dir.Whiteout {
			continue
		}
		if err := ctx.Err(); err != nil {
			return w.entries, false, err
		}
		err := w.directory(next)
		if err != nil && next == 0 {
			return nil, false, fmt.Errorf("read layer %q: %w", d.root.Name(), err)
		}
		w.whole = w.whole && err == nil
		if w.full {
			return w.entries, false, nil
		}
	}
	return w.entries, w.whole, nil
}

// walk is a list of entries that is its own queue: directories are read in the order they were found.
type walk struct {
	layer   *Directory
	entries []Entry
	take    func(int) bool
	whole   bool
	full    bool // take refused
}

// directory adds what is in the directory that is an entry already.
func (w *walk) directory(index int) error {
	name := w.entries[index].Path
	dir, err := w.layer.open(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer dir.Close()
	opaque := opaqueAttribute(int(dir.Fd()))
	for {
		names, err := dir.Readdirnames(1024)
		if w.full = len(names) > 0 && !w.take(len(names)); w.full {
			break
		}
		for _, base := range names {
			if base == ".wh..wh..opq" { // fuse-overlayfs without attributes
				opaque = "y"
				continue
			}
			entry, err := w.entry(dir, path.Join(name, base), base, opaque == "x")
			if err != nil || len(entry.Path) > deepest {
				w.whole = false
				continue
			}
			w.entries = append(w.entries, entry)
		}
		if len(names) == 0 || err != nil {
			break
		}
	}
	w.entries[index].Opaque = opaque == "y"
	return nil
}

// entry describes one name. In a directory whose attribute "opaque" is "x", empty files can be whiteouts (Linux 6.7).
func (w *walk) entry(dir *os.File, full, base string, attributes bool) (Entry, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return Entry{}, err
	}
	e := Entry{Path: full, Mode: mode(st.Mode), Size: st.Size, UID: st.Uid, GID: st.Gid, Inode: st.Ino, Links: uint64(st.Nlink)}
	hidden, named := strings.CutPrefix(base, ".wh.")
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0:
		e.Whiteout = true
	case named && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == 0: // fuse-overlayfs where it cannot make devices
		e.Path, e.Whiteout = path.Join(path.Dir(full), hidden), true
	case attributes && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == 0:
		e.Whiteout = attribute("/proc/self/fd/"+strconv.Itoa(int(dir.Fd()))+"/"+base, "whiteout") != "-"
	case st.Mode&unix.S_IFMT == unix.S_IFLNK:
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(int(dir.Fd()), base, buf)
		if err != nil {
			return e, err
		}
		e.Link = string(buf[:n])
	}
	return e, nil
}

// opaqueAttribute gives what a directory's overlay attribute says: "y" opaque, "x" attributes on files are whiteouts, "" nothing.
func opaqueAttribute(fd int) string {
	if v := attribute("/proc/self/fd/"+strconv.Itoa(fd)+"/.", "opaque"); v != "-" {
		return v
	}
	return ""
}

// attribute reads overlay's attribute under each of the names it goes by (mounted with userxattr, without, and fuse-overlayfs); "-" when
// there is none.
func attribute(file, name string) string {
	buf := make([]byte, 8)
	for _, prefix := range []string{"user.overlay.", "trusted.overlay.", "user.fuseoverlayfs."} {
		if n, err := unix.Lgetxattr(file, prefix+name, buf); err == nil {
			return string(buf[:n])
		}
	}
	return "-"
}

// mode gives the Go form of a st_mode.
func mode(m uint32) fs.FileMode {
	out := fs.FileMode(m & 0o777)
	switch m & unix.S_IFMT {
	case unix.S_IFDIR:
		out |= fs.ModeDir
	case unix.S_IFLNK:
		out |= fs.ModeSymlink
	case unix.S_IFIFO:
		out |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		out |= fs.ModeSocket
	case unix.S_IFBLK:
		out |= fs.ModeDevice
	case unix.S_IFCHR:
		out |= fs.ModeDevice | fs.ModeCharDevice
	}
	if m&unix.S_ISUID != 0 {
		out |= fs.ModeSetuid
	}
	if m&unix.S_ISGID != 0 {
		out |= fs.ModeSetgid
	}
	if m&unix.S_ISVTX != 0 {
		out |= fs.ModeSticky
	}
	return out
}
