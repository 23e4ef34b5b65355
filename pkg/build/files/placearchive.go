package files

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

// PlaceArchive puts what was unpacked of an archive into dest as tar(1) would: what it names replaces what is in its way, directories are merged,
// and one that it does not name, but files in it, stays as it is in the image, or where a link of the image leads.
func (p *Placer) PlaceArchive(ctx context.Context, l *Archive, dest string) error {
	dir, err := p.Into(dest)
	if err != nil {
		return err
	}
	dir.Close()
	links := map[uint64]string{}
	for _, e := range l.entries[1:] {
		isDir := e.kind() == unix.S_IFDIR
		if isDir && !l.named[e.rel] {
			err = p.madeAnyhow(path.Join(dest, e.rel))
		} else {
			err = p.in(dest, e, func(parent *os.File, name string) error {
				if err := clear(parent, name, isDir); err != nil {
					return err
				}
				if first, ok := links[e.stat.Ino]; ok && !isDir {
					return p.linkTo(path.Join(dest, first), parent, name)
				}
				links[e.stat.Ino] = e.rel
				return p.placeFile(ctx, l.Listing, e, parent, name)
			})
		}
		if err != nil {
			return &os.PathError{Op: "unpack to", Path: path.Join(dest, e.rel), Err: err}
		}
	}
	for i := len(l.entries) - 1; i > 0; i-- {
		e := l.entries[i]
		if e.kind() != unix.S_IFDIR || !l.named[e.rel] {
			continue
		}
		err := p.in(dest, e, func(parent *os.File, name string) error { return setTime(int(parent.Fd()), name, e.stat.Mtim.Nano()) })
		if err != nil {
			return err
		}
	}
	return nil
}

// madeAnyhow makes a directory unless it is there.
func (p *Placer) madeAnyhow(name string) error {
	dir, err := p.Into(name)
	if err == nil {
		dir.Close()
	}
	return err
}

// in calls do with the directory of the image that an entry belongs into.
func (p *Placer) in(dest string, e entry, do func(parent *os.File, name string) error) error {
	parent, err := InRoot(p.Root, path.Join(dest, path.Dir(e.rel)), unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer parent.Close()
	return do(parent, path.Base(e.rel))
}

// linkTo makes another name of a file of the image.
func (p *Placer) linkTo(file string, parent *os.File, name string) error {
	dir, err := InRoot(p.Root, path.Dir(file), unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Linkat(int(dir.Fd()), path.Base(file), int(parent.Fd()), name, 0)
}

// clear takes away what has the name with all that is in it, but no directory for a directory.
func clear(parent *os.File, name string, forDir bool) error {
	var st unix.Stat_t
	err := unix.Fstatat(int(parent.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) || err == nil && forDir && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return nil
	}
	if err != nil {
		return err
	}
	// It follows no link (os.RemoveAll works by descriptor).
	return os.RemoveAll(fmt.Sprintf("/proc/self/fd/%d/%s", parent.Fd(), name))
}

// directories notes which directories an archive names while it is read by another.
type directories struct {
	io.Reader
	end   *io.PipeWriter
	named chan map[string]bool
}

func newDirectories(plain io.Reader) *directories {
	read, write := io.Pipe()
	d := &directories{io.TeeReader(plain, write), write, make(chan map[string]bool, 1)}
	go func() {
		named := map[string]bool{}
		archive := tar.NewReader(read)
		for h, err := archive.Next(); err == nil; h, err = archive.Next() {
			if h.Typeflag == tar.TypeDir {
				named[strings.TrimPrefix(path.Clean("/"+h.Name), "/")] = true
			}
		}
		io.Copy(io.Discard, read) // so that the other is not kept from reading
		d.named <- named
	}()
	return d
}

// all are the directories; nothing is read any more.
func (d *directories) all() map[string]bool {
	d.end.Close()
	return <-d.named
}
