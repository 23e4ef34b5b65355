package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

// Difference is one path that a root file system has, has not any more, or has changed.
type Difference struct {
	Kind DifferenceKind
	Path string // absolute in the root
}

// DifferenceKind is how docker and podman mark a difference.
type DifferenceKind byte

const (
	Added   DifferenceKind = 'A'
	Changed DifferenceKind = 'C'
	Deleted DifferenceKind = 'D'
)

// Differences compares two root file systems given by their layers, newest first (Layers.Dirs), as overlay would show them; nothing is mounted. The
// order is that of paths. A directory in which something differs is Changed itself. Of the layers that both have at their end,
// nothing is read: what is in another layer differs.
//
// The trees are read by descriptors and no link is followed, so that a container may go on changing its own.
func Differences(ctx context.Context, before, after []string) ([]Difference, error) {
	d := differ{ctx: ctx}
	old, err := openStack(before)
	if err != nil {
		return nil, err
	}
	defer old.close()
	now, err := openStack(after)
	if err != nil {
		return nil, err
	}
	defer now.close()
	_, err = d.compare("", old, now)
	return d.found, err
}

// ImageDifferences is what the newest layer of an image does to those below it.
func (s *Store) ImageDifferences(ctx context.Context, img *Image) ([]Difference, error) {
	l, err := s.LayersOf(img)
	if err != nil {
		return nil, err
	}
	index, err := s.layers()
	if err != nil {
		return nil, err
	}
	below, err := s.layersBelow(index[img.TopLayer].Parent)
	if err != nil {
		return nil, err
	}
	return Differences(ctx, below, l.Dirs)
}

type differ struct {
	ctx   context.Context
	found []Difference
}

func (d *differ) add(kind DifferenceKind, path string) {
	d.found = append(d.found, Difference{kind, path})
}

// compare notes what differs below path, and reports whether anything does.
func (d *differ) compare(path string, before, now *stack) (bool, error) {
	if err := d.ctx.Err(); err != nil {
		return false, err
	}
	names, own, err := namesToCompare(before, now)
	if err != nil {
		return false, fmt.Errorf("read %q: %w", path+"/", err)
	}
	any := false
	for _, name := range names {
		differs, err := d.entry(path+"/"+name, name, before, now, own)
		if err != nil {
			return any, err
		}
		any = any || differs
	}
	return any, nil
}

// entry compares one name of a directory. own says that what now has in layers of its own has been changed.
func (d *differ) entry(path, name string, before, now *stack, own bool) (bool, error) {
	was, oldDirs, err := before.child(name)
	if err != nil {
		return false, fmt.Errorf("read %q: %w", path, err)
	}
	defer oldDirs.close()
	is, nowDirs, err := now.child(name)
	if err != nil {
		return false, fmt.Errorf("read %q: %w", path, err)
	}
	defer nowDirs.close()
	switch {
	case was == nil && is == nil:
		return false, nil
	case is == nil:
		d.add(Deleted, path)
		return true, nil
	case was != nil && !isDir(is):
		if !own && sameEntry(was, is) || own && sameInode(was, is) {
			return false, nil
		}
		d.add(Changed, path)
		return true, nil
	}
	// A directory is put before what is in it, and left out again when nothing has changed.
	at := len(d.found)
	kind := Added
	if was != nil {
		kind = Changed
	}
	d.add(kind, path)
	if !isDir(is) {
		return true, nil
	}
	below, err := d.compare(path, oldDirs, nowDirs)
	if err == nil && was != nil && isDir(was) && !below && sameEntry(was, is) {
		d.found = slices.Delete(d.found, at, at+1)
		return false, nil
	}
	return true, err
}

// namesToCompare gives the names of a directory that may differ, sorted. own: they are those of the layers that only now has.
func namesToCompare(before, now *stack) (names []string, own bool, err error) {
	extra := len(now.dirs) - len(before.dirs)
	if own = extra >= 0 && slices.EqualFunc(before.dirs, now.dirs[max(extra, 0):], sameDir); own {
		names, err = (&stack{dirs: now.dirs[:extra]}).names()
		return names, own, err
	}
	if names, err = before.names(); err != nil {
		return nil, own, err
	}
	more, err := now.names()
	names = append(names, more...)
	slices.Sort(names)
	return slices.Compact(names), own, err
}

// stack is one directory of a root file system, by the directories of its layers, newest first.
type stack struct{ dirs []*os.File }

func openStack(paths []string) (*stack, error) {
	s := &stack{}
	for _, p := range paths {
		f, err := os.OpenFile(p, os.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			s.close()
			return nil, err
		}
		s.dirs = append(s.dirs, f)
	}
	return s, nil
}

func (s *stack) close() {
	for _, f := range s.dirs {
		f.Close()
	}
}

func sameDir(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// names gives the names in all layers, sorted, with those that were removed.
func (s *stack) names() ([]string, error) {
	var all []string
	for _, f := range s.dirs {
		if _, err := f.Seek(0, 0); err != nil {
			return nil, err
		}
		names, err := f.Readdirnames(-1)
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			all = append(all, strings.TrimPrefix(n, archive.WhiteoutPrefix))
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// child gives what name is; nil: nothing. For a directory it also gives the directories that make it up.
func (s *stack) child(name string) (st *unix.Stat_t, dirs *stack, err error) {
	dirs = &stack{}
	for _, dir := range s.dirs {
		var one unix.Stat_t
		err := unix.Fstatat(int(dir.Fd()), name, &one, unix.AT_SYMLINK_NOFOLLOW)
		if errors.Is(err, unix.ENOENT) {
			if whiteoutFile(dir, name) {
				break
			}
			continue
		}
		if err != nil {
			return st, dirs, err
		}
		if one.Mode&unix.S_IFMT == unix.S_IFCHR && one.Rdev == 0 || st != nil && !isDir(&one) {
			break
		}
		if st == nil {
			st = &one
		}
		if !isDir(st) {
			break
		}
		f, opaque, err := openDir(dir, name)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
			break // it has just been replaced
		}
		if err != nil {
			return st, dirs, err
		}
		dirs.dirs = append(dirs.dirs, f)
		if opaque {
			break
		}
	}
	return st, dirs, nil
}

// whiteoutFile reports whether name was removed in the way fuse-overlayfs marks it.
func whiteoutFile(dir *os.File, name string) bool {
	return unix.Faccessat(int(dir.Fd()), archive.WhiteoutPrefix+name, unix.F_OK, unix.AT_SYMLINK_NOFOLLOW) == nil
}

// openDir opens a directory of a layer and says whether it hides those below it.
func openDir(parent *os.File, name string) (*os.File, bool, error) {
	fd, err := unix.Openat(int(parent.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	value := make([]byte, 8)
	for _, attr := range []string{"user.overlay.opaque", "trusted.overlay.opaque", "user.fuseoverlayfs.opaque"} {
		if n, err := unix.Fgetxattr(fd, attr, value); err == nil && bytes.Equal(value[:n], []byte("y")) {
			return os.NewFile(uintptr(fd), name), true, nil
		}
	}
	f := os.NewFile(uintptr(fd), name)
	return f, whiteoutFile(f, archive.WhiteoutOpaqueDir[len(archive.WhiteoutPrefix):]), nil
}

func isDir(st *unix.Stat_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFDIR }

func sameInode(a, b *unix.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// sameEntry compares what stat(2) says. The time of a directory changes with its names, which are compared themselves.
func sameEntry(a, b *unix.Stat_t) bool {
	if sameInode(a, b) {
		return true
	}
	return a.Mode == b.Mode && a.Uid == b.Uid && a.Gid == b.Gid && a.Rdev == b.Rdev &&
		(isDir(a) || a.Size == b.Size && a.Mtim == b.Mtim)
}
