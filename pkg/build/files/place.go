package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pod-engine/pod/pkg/build/plan"
	"golang.org/x/sys/unix"
)

// Placer puts files into the writable tree of a step. Every path of the tree is resolved as a process in it would see it, and acted
// on by descriptor: an image may have any links.
type Placer struct {
	Root  *os.File
	Owner *Owner     // nil: files keep their owners, or are root's when those mean nothing
	Mode  *plan.Mode // nil: files keep their permissions
	Now   time.Time  // of directories that are made on the way
	// noReflinks says that the file system has none, as far as it was tried.
	noReflinks atomic.Bool
	spare      []byte // see buffer
}

// copyBuffer is how much of a file is copied at a time, in bytes.
const copyBuffer = 256 << 10

// buffer is for the goroutine that the placer belongs to.
func (p *Placer) buffer() []byte {
	if p.spare == nil {
		p.spare = make([]byte, copyBuffer)
	}
	return p.spare
}

// Owner is a user and a group by number.
type Owner struct{ UID, GID int }

// Into is the directory that a destination leads to, made with its missing parents. The caller closes it.
func (p *Placer) Into(dest string) (*os.File, error) {
	f, err := InRoot(p.Root, dest, unix.O_RDONLY|unix.O_DIRECTORY)
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return f, notDirectory(dest, err)
	}
	if dest, err = p.followed(dest); err != nil {
		return nil, err
	}
	at := "/"
	for part := range strings.SplitSeq(strings.Trim(dest, "/"), "/") {
		parent, err := InRoot(p.Root, at, unix.O_RDONLY|unix.O_DIRECTORY)
		if err != nil {
			return nil, notDirectory(at, err)
		}
		err = p.makeDirectory(parent, part)
		parent.Close()
		if err != nil {
			return nil, &os.PathError{Op: "make directory", Path: path.Join(at, part), Err: err}
		}
		at = path.Join(at, part)
	}
	f, err = InRoot(p.Root, dest, unix.O_RDONLY|unix.O_DIRECTORY)
	return f, notDirectory(dest, err)
}

// maxLinks is how many symbolic links lead to a destination, as for the kernel.
const maxLinks = 40

// followed is a destination with its symbolic links followed, those too that lead to what is not there yet, as a process would that writes to it.
func (p *Placer) followed(dest string) (string, error) {
	at, rest := "/", dest
	for links := 0; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		next := path.Join(at, part) // also of "", "." and ".."
		to, ok := (&Tree{Root: p.Root}).linkTo(next)
		if !ok || part == "" || part == "." || part == ".." {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", &os.PathError{Op: "copy to", Path: dest, Err: unix.ELOOP}
		}
		if path.IsAbs(to) {
			at = "/"
		}
		rest = to + "/" + rest
	}
	return at, nil
}

func notDirectory(dest string, err error) error {
	if errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%s in the image is not a directory", dest)
	}
	return err
}

// makeDirectory makes a directory unless something is there. As BuildKit has it, an octal --chmod is its mode too.
func (p *Placer) makeDirectory(parent *os.File, name string) error {
	fd, mode := int(parent.Fd()), uint32(0o755)
	if p.Mode != nil {
		if octal, ok := p.Mode.Octal(); ok {
			mode = octal & 0o777
		}
	}
	if err := unix.Mkdirat(fd, name, 0o700); err != nil {
		if errors.Is(err, unix.EEXIST) {
			return nil
		}
		return err
	}
	uid, gid := 0, 0
	if p.Owner != nil {
		uid, gid = p.Owner.UID, p.Owner.GID
	}
	if err := unix.Fchownat(fd, name, uid, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if err := unix.Fchmodat(fd, name, mode, 0); err != nil { // whatever the umask
		return err
	}
	return setTime(fd, name, p.Now.UnixNano())
}

func setTime(dir int, name string, nanoseconds int64) error {
	when := unix.NsecToTimespec(nanoseconds)
	return unix.UtimesNanoAt(dir, name, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
}

// Place copies one source to dest: the content of a directory into the directory dest; a file to dest, or into it when dest ends
// with a slash, is a directory already, or several sources have it as their destination.
func (p *Placer) Place(ctx context.Context, l *Listing, dest string, several bool) error {
	if len(l.entries) == 0 {
		return nil
	}
	if l.IsDir() {
		return p.placeDirectory(ctx, l, dest)
	}
	name := path.Base(l.name)
	if !strings.HasSuffix(dest, "/") && !several && !p.IsDirectory(dest) {
		to, err := p.followed(dest)
		if err != nil {
			return err
		}
		dest, name = path.Dir(to), path.Base(to)
	}
	dir, err := p.Into(dest)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := p.placeFile(ctx, l, l.entries[0], dir, name); err != nil {
		return &os.PathError{Op: "copy to", Path: path.Join(dest, name), Err: err}
	}
	return nil
}

// IsDirectory reports whether dest leads to a directory that is there.
func (p *Placer) IsDirectory(dest string) bool {
	f, err := InRoot(p.Root, dest, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// placeDirectory copies what is in a directory. As BuildKit has it, the directory itself gives its time alone: a destination that was not there is
// made as any directory on the way.
func (p *Placer) placeDirectory(ctx context.Context, l *Listing, dest string) error {
	dir, err := p.Into(dest)
	if err != nil {
		return err
	}
	defer dir.Close()
	at := &cursor{root: dir}
	defer at.close()
	made := []entry{l.entries[0]} // directories, whose times are set when all is in them
	files := p.startFiles(ctx, l, dir)
	links := links{}
	for _, e := range l.entries[1:] {
		if e.kind() == unix.S_IFREG && e.stat.Nlink < 2 && files.take(e) {
			continue
		}
		parent, err := at.parent(e.rel)
		if err == nil && e.onTheWay && isDirectoryIn(parent, path.Base(e.rel)) {
			// As BuildKit has it, it gets the permissions of the source, and stays whose it is.
			err = unix.Fchmodat(int(parent.Fd()), path.Base(e.rel), e.stat.Mode&0o7777, 0)
		} else if err == nil {
			err = p.placeEntry(ctx, l, e, parent, dir, links)
		}
		if err != nil {
			return errors.Join(&os.PathError{Op: "copy to", Path: path.Join(dest, e.rel), Err: err}, files.wait(dest))
		}
		if e.kind() == unix.S_IFDIR {
			made = append(made, e)
		}
	}
	if err := files.wait(dest); err != nil {
		return err
	}
	for i := len(made) - 1; i >= 0; i-- {
		if err := setTimeBelow(dir, made[i]); err != nil {
			return err
		}
	}
	return nil
}

func isDirectoryIn(parent *os.File, name string) bool {
	var st unix.Stat_t
	return unix.Fstatat(int(parent.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

func setTimeBelow(dir *os.File, e entry) error {
	if e.rel == "" {
		when := unix.NsecToTimespec(e.stat.Mtim.Nano())
		return unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", dir.Fd()), []unix.Timespec{when, when}, 0)
	}
	return setTime(int(dir.Fd()), e.rel, e.stat.Mtim.Nano())
}

// cursor keeps the directory that was needed last open.
type cursor struct {
	root *os.File
	name string
	dir  *os.File
}

// parent is the directory that rel is put into, through no link.
func (c *cursor) parent(rel string) (*os.File, error) {
	name := path.Dir(rel)
	if name == "." {
		return c.root, nil
	}
	if c.dir != nil && c.name == name {
		return c.dir, nil
	}
	c.close()
	how := unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	dir, err := openat2(c.root, name, &how)
	c.name, c.dir = name, dir
	return dir, err
}

func (c *cursor) close() {
	if c.dir != nil {
		c.dir.Close()
		c.dir = nil
	}
}

// placeEntry copies an entry of a directory; one that is the same file as an earlier one becomes a link to it.
func (p *Placer) placeEntry(ctx context.Context, l *Listing, e entry, parent, base *os.File, links links) error {
	name := path.Base(e.rel)
	if e.kind() != unix.S_IFREG {
		return p.placeFile(ctx, l, e, parent, name)
	}
	earlier, ok := links.first(e)
	if !ok {
		return p.placeFile(ctx, l, e, parent, name)
	}
	if err := makeRoom(parent, name); err != nil {
		return err
	}
	return unix.Linkat(int(base.Fd()), earlier, int(parent.Fd()), name, 0)
}
