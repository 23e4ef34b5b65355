package files

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

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
func (p *Placer) placeFile(ctx context.Context, l *Listing, e entry, dir *os.File, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	fd := int(dir.Fd())
	switch e.kind() {
	case unix.S_IFDIR:
		return p.placeSubdirectory(l, e, dir, name)
	case unix.S_IFSOCK:
		return nil // nobody listens on a copy
	}
	if e.kind() == unix.S_IFREG {
		return p.placeRegular(ctx, l, e, dir, name, p.buffer())
	}
	if err := makeRoom(dir, name); err != nil {
		return err
	}
	switch e.kind() {
	case unix.S_IFLNK:
		if err := unix.Symlinkat(e.link, fd, name); err != nil {
			return err
		}
	default:
		if err := unix.Mknodat(fd, name, e.stat.Mode, int(e.stat.Rdev)); err != nil {
			return err
		}
	}
	owner := p.ownerOf(l, e)
	if err := unix.Fchownat(fd, name, owner.UID, owner.GID, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return OwnerError(owner, err)
	}
	if e.kind() != unix.S_IFLNK { // after the owner, whose change takes set-user-id bits away
		if err := unix.Fchmodat(fd, name, p.permissions(e), 0); err != nil {
			return err
		}
	}
	return setTime(fd, name, e.stat.Mtim.Nano())
}

func (p *Placer) placeSubdirectory(l *Listing, e entry, dir *os.File, name string) error {
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
	return p.dress(l, e, int(sub.Fd()))
}

// placeRegular copies a regular file by way of the buffer.
func (p *Placer) placeRegular(ctx context.Context, l *Listing, e entry, dir *os.File, name string, buffer []byte) error {
	from, err := l.openRaw(e.rel, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer unix.Close(from)
	to, err := create(dir, name)
	if err != nil {
		return err
	}
	err = p.fillRegular(ctx, l, e, from, to, buffer)
	if closed := unix.Close(to); err == nil {
		err = closed // where file systems tell of a full disk that write from memory
	}
	if err != nil {
		return err
	}
	return setTime(int(dir.Fd()), name, e.stat.Mtim.Nano())
}

// create makes a regular file to write to, instead of what has the name.
func create(dir *os.File, name string) (int, error) {
	how := unix.OpenHow{
		Flags: unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC, Mode: 0o600, Resolve: unix.RESOLVE_BENEATH,
	}
	fd, err := openRaw(int(dir.Fd()), name, &how)
	if !errors.Is(err, unix.EEXIST) {
		return fd, err
	}
	if err := makeRoom(dir, name); err != nil {
		return -1, err
	}
	return openRaw(int(dir.Fd()), name, &how)
}

// fillRegular gives the new file to what from, an entry of the listing, has.
func (p *Placer) fillRegular(ctx context.Context, l *Listing, e entry, from, to int, buffer []byte) error {
	if err := p.copyContent(ctx, from, to, e.stat, buffer); err != nil {
		return err
	}
	var after unix.Stat_t
	if err := unix.Fstat(from, &after); err != nil {
		return err
	}
	if !sameFile(after, e.stat) {
		return errors.New("the file changes while it is copied")
	}
	return p.dress(l, e, to)
}

// copyContent copies a file: as a reflink where the file system has them, else by the buffer: into overlay the kernel copies nothing by itself.
func (p *Placer) copyContent(ctx context.Context, from, to int, st unix.Stat_t, buffer []byte) error {
	if st.Size == 0 {
		return nil
	}
	if !p.noReflinks.Load() {
		if unix.IoctlFileClone(to, from) == nil {
			return nil
		}
		p.noReflinks.Store(true)
	}
	if st.Blocks*512 < st.Size {
		return copySparse(ctx, from, to, st.Size, buffer)
	}
	return readRaw(ctx, from, buffer, func(b []byte) error {
		for len(b) > 0 {
			n, err := unix.Write(to, b)
			if err != nil && !errors.Is(err, unix.EINTR) {
				return err
			}
			b = b[max(n, 0):]
		}
		return nil
	})
}

// copySparse copies a file with holes: they take no space in the copy either.
func copySparse(ctx context.Context, from, to int, size int64, buffer []byte) error {
	for at := int64(0); at < size && ctx.Err() == nil; {
		data, err := unix.Seek(from, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // a hole to the end
			break
		}
		if err != nil {
			return err
		}
		if at, err = unix.Seek(from, data, unix.SEEK_HOLE); err != nil {
			return err
		}
		for data < at && ctx.Err() == nil {
			n, err := unix.Pread(from, buffer[:min(int64(len(buffer)), at-data)], data)
			if err != nil || n == 0 {
				return errors.Join(err, errors.New("the file changes while it is copied"))
			}
			if n, err = unix.Pwrite(to, buffer[:n], data); err != nil {
				return err
			}
			data += int64(n)
		}
	}
	return errors.Join(ctx.Err(), unix.Ftruncate(to, size))
}

// readRaw gives the content of a descriptor to take, in pieces of the buffer.
func readRaw(ctx context.Context, fd int, buffer []byte, take func([]byte) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := unix.Read(fd, buffer)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case n == 0:
			return nil
		}
		if err := take(buffer[:n]); err != nil {
			return err
		}
	}
}

// dress gives a file or directory that was made its owner, attributes and permissions, in this order: a change of owner takes
// set-user-id bits and capabilities away.
func (p *Placer) dress(l *Listing, e entry, fd int) error {
	owner := p.ownerOf(l, e)
	if err := unix.Fchown(fd, owner.UID, owner.GID); err != nil {
		return OwnerError(owner, err)
	}
	attributes, err := l.attributes(e)
	if err != nil {
		return err
	}
	for _, a := range attributes {
		// Of a context they are taken as BuildKit takes them, where the file system has them.
		if err := unix.Fsetxattr(fd, a.name, []byte(a.value), 0); err != nil && !l.tree.Foreign {
			return fmt.Errorf("set attribute %s: %w", a.name, err)
		}
	}
	return unix.Fchmod(fd, p.permissions(e))
}

func (p *Placer) permissions(e entry) uint32 {
	mode := e.stat.Mode & 0o7777
	if p.Mode != nil {
		mode = p.Mode.Apply(mode, e.kind() == unix.S_IFDIR)
	}
	return mode
}

func (p *Placer) ownerOf(l *Listing, e entry) Owner {
	switch {
	case p.Owner != nil:
		return *p.Owner
	case l.tree.Foreign:
		return Owner{}
	}
	return Owner{int(e.stat.Uid), int(e.stat.Gid)}
}

// OwnerError says of an error of chown(2) that the ids are not this user's, where that is why.
func OwnerError(o Owner, err error) error {
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("the owner %d:%d is not among the ids of this user (/etc/subuid, /etc/subgid)", o.UID, o.GID)
	}
	return err
}
