package build

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/pod-engine/pod/pkg/build/plan"
	"golang.org/x/sys/unix"
)

// placer puts files into the writable tree of a step. Every path of the tree is resolved as a process in it would see it, and acted
// on by descriptor: an image may have any links.
type placer struct {
	root  *os.File
	owner *owner     // nil: files keep their owners, or are root's when those mean nothing
	mode  *plan.Mode // nil: files keep their permissions
	now   time.Time  // of directories that are made on the way
}

// owner is a user and a group by number.
type owner struct{ uid, gid int }

// into is the directory that a destination leads to, made with its missing parents. The caller closes it.
func (p *placer) into(dest string) (*os.File, error) {
	f, err := inRoot(p.root, dest, unix.O_RDONLY|unix.O_DIRECTORY)
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return f, notDirectory(dest, err)
	}
	at := "/"
	for part := range strings.SplitSeq(strings.Trim(path.Clean(dest), "/"), "/") {
		parent, err := inRoot(p.root, at, unix.O_RDONLY|unix.O_DIRECTORY)
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
	f, err = inRoot(p.root, dest, unix.O_RDONLY|unix.O_DIRECTORY)
	return f, notDirectory(dest, err)
}

func notDirectory(dest string, err error) error {
	if errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%s in the image is not a directory", dest)
	}
	return err
}

// makeDirectory makes a directory of mode 0755 unless something is there.
func (p *placer) makeDirectory(parent *os.File, name string) error {
	fd := int(parent.Fd())
	if err := unix.Mkdirat(fd, name, 0o755); err != nil {
		if errors.Is(err, unix.EEXIST) {
			return nil
		}
		return err
	}
	uid, gid := 0, 0
	if p.owner != nil {
		uid, gid = p.owner.uid, p.owner.gid
	}
	if err := unix.Fchownat(fd, name, uid, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if err := unix.Fchmodat(fd, name, 0o755, 0); err != nil { // whatever the umask
		return err
	}
	return setTime(fd, name, p.now.UnixNano())
}

func setTime(dir int, name string, nanoseconds int64) error {
	when := unix.NsecToTimespec(nanoseconds)
	return unix.UtimesNanoAt(dir, name, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
}

// place copies one source to dest: the content of a directory into the directory dest; a file to dest, or into it when dest ends
// with a slash, is a directory already, or several sources have it as their destination.
func (p *placer) place(l *listing, dest string, several bool) error {
	if len(l.entries) == 0 {
		return nil
	}
	if l.isDir() {
		return p.placeDirectory(l, dest)
	}
	name := path.Base(dest)
	if strings.HasSuffix(dest, "/") || several || p.isDirectory(dest) {
		name = path.Base(l.name)
	} else {
		dest = path.Dir(dest)
	}
	dir, err := p.into(dest)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := p.placeFile(l, l.entries[0], dir, name); err != nil {
		return &os.PathError{Op: "copy to", Path: path.Join(dest, name), Err: err}
	}
	return nil
}

func (p *placer) isDirectory(dest string) bool {
	f, err := inRoot(p.root, dest, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// placeDirectory copies what is in a directory. The directory itself gives its permissions only to a destination that was not there.
func (p *placer) placeDirectory(l *listing, dest string) error {
	existed := p.isDirectory(dest)
	dir, err := p.into(dest)
	if err != nil {
		return err
	}
	defer dir.Close()
	links := map[uint64]string{}
	at := &cursor{root: dir}
	defer at.close()
	var made []entry // directories, whose times are set when all is in them
	if !existed {
		made = append(made, l.entries[0])
		if err := p.dress(l, l.entries[0], dir); err != nil {
			return err
		}
	}
	for _, e := range l.entries[1:] {
		parent, err := at.parent(e.rel)
		if err == nil {
			err = p.placeEntry(l, e, parent, dir, links)
		}
		if err != nil {
			return &os.PathError{Op: "copy to", Path: path.Join(dest, e.rel), Err: err}
		}
		if e.kind() == unix.S_IFDIR {
			made = append(made, e)
		}
	}
	for i := len(made) - 1; i >= 0; i-- {
		if err := setTimeBelow(dir, made[i]); err != nil {
			return err
		}
	}
	return nil
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
func (p *placer) placeEntry(l *listing, e entry, parent, base *os.File, links map[uint64]string) error {
	name := path.Base(e.rel)
	if e.kind() != unix.S_IFREG || e.stat.Nlink < 2 {
		return p.placeFile(l, e, parent, name)
	}
	earlier, ok := links[e.stat.Ino]
	if !ok {
		links[e.stat.Ino] = e.rel
		return p.placeFile(l, e, parent, name)
	}
	if err := makeRoom(parent, name); err != nil {
		return err
	}
	return unix.Linkat(int(base.Fd()), earlier, int(parent.Fd()), name, 0)
}

// makeRoom takes away what has the name, unless that is a directory.
func makeRoom(dir *os.File, name string) error {
	err := unix.Unlinkat(int(dir.Fd()), name, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case errors.Is(err, unix.EISDIR):
		return errors.New("there is a directory with this name, which a file cannot replace")
	}
	return err
}

// placeFile copies one file that is not to be followed, with all that belongs to it.
func (p *placer) placeFile(l *listing, e entry, dir *os.File, name string) error {
	fd := int(dir.Fd())
	switch e.kind() {
	case unix.S_IFDIR:
		return p.placeSubdirectory(l, e, dir, name)
	case unix.S_IFSOCK:
		return nil // nobody listens on a copy
	}
	if err := makeRoom(dir, name); err != nil {
		return err
	}
	switch e.kind() {
	case unix.S_IFREG:
		return p.placeRegular(l, e, dir, name)
	case unix.S_IFLNK:
		if err := unix.Symlinkat(e.link, fd, name); err != nil {
			return err
		}
	default:
		if err := unix.Mknodat(fd, name, e.stat.Mode, int(e.stat.Rdev)); err != nil {
			return err
		}
		if err := unix.Fchmodat(fd, name, p.permissions(e), 0); err != nil {
			return err
		}
	}
	owner := p.ownerOf(l, e)
	if err := unix.Fchownat(fd, name, owner.uid, owner.gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return ownerError(owner, err)
	}
	return setTime(fd, name, e.stat.Mtim.Nano())
}

func (p *placer) placeSubdirectory(l *listing, e entry, dir *os.File, name string) error {
	fd := int(dir.Fd())
	err := unix.Mkdirat(fd, name, 0o700)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	sub, err := openat2(dir, name, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH})
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return errors.New("there is something with this name that is not a directory")
	}
	if err != nil {
		return err
	}
	defer sub.Close()
	return p.dress(l, e, sub)
}

func (p *placer) placeRegular(l *listing, e entry, dir *os.File, name string) error {
	from, err := l.open(e.rel, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := openat2(dir, name, &unix.OpenHow{
		Flags: unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC, Mode: 0o600, Resolve: unix.RESOLVE_BENEATH,
	})
	if err != nil {
		return err
	}
	defer to.Close()
	if err := copyContent(from, to, e.stat.Size); err != nil {
		return err
	}
	var after unix.Stat_t
	if err := unix.Fstat(int(from.Fd()), &after); err != nil {
		return err
	}
	if !sameFile(after, e.stat) {
		return errors.New("the file changes while it is copied")
	}
	if err := p.dress(l, e, to); err != nil {
		return err
	}
	when := unix.NsecToTimespec(e.stat.Mtim.Nano())
	return unix.UtimesNanoAt(int(dir.Fd()), name, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
}

// copyContent copies a file: as a reflink where the file system has them, else inside the kernel.
func copyContent(from, to *os.File, size int64) error {
	if size == 0 {
		return nil
	}
	if unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) == nil {
		return nil
	}
	_, err := io.Copy(to, from) // copy_file_range(2)
	return err
}

// dress gives a file or directory that was made its owner, attributes and permissions, in this order: a change of owner takes
// set-user-id bits and capabilities away.
func (p *placer) dress(l *listing, e entry, f *os.File) error {
	owner := p.ownerOf(l, e)
	if err := f.Chown(owner.uid, owner.gid); err != nil {
		return ownerError(owner, err)
	}
	attributes, err := l.attributes(e)
	if err != nil {
		return err
	}
	for _, a := range attributes {
		if err := unix.Fsetxattr(int(f.Fd()), a.name, []byte(a.value), 0); err != nil {
			return &os.PathError{Op: "set attribute " + a.name + " of", Path: f.Name(), Err: err}
		}
	}
	return unix.Fchmod(int(f.Fd()), p.permissions(e))
}

func (p *placer) permissions(e entry) uint32 {
	mode := e.stat.Mode & 0o7777
	if p.mode != nil {
		mode = p.mode.Apply(mode, e.kind() == unix.S_IFDIR)
	}
	return mode
}

func (p *placer) ownerOf(l *listing, e entry) owner {
	switch {
	case p.owner != nil:
		return *p.owner
	case l.tree.foreign:
		return owner{}
	}
	return owner{int(e.stat.Uid), int(e.stat.Gid)}
}

func ownerError(o owner, err error) error {
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("the owner %d:%d is not among the ids of this user (/etc/subuid, /etc/subgid)", o.uid, o.gid)
	}
	return err
}
