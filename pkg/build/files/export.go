package files

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/hint"
	"golang.org/x/sys/unix"
)

// Beside is a file that is written beside those of a tree, such as a statement about them.
type Beside struct {
	Name string
	Text []byte
	Time time.Time // when it was made, in an archive
}

// WriteTo puts all files of the tree into the directory dir, which is made when it is not there. The files belong to the caller; what
// they replace goes, what else is there stays. Nothing is written outside of dir, whatever links are in it. skipped is
// told what cannot be made there.
func (t *Tree) WriteTo(ctx context.Context, dir string, beside []Beside, skipped func(path, why string)) error {
	if err := t.checkNames(beside); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer root.Close()
	l, err := (&Tree{Root: t.Root, Foreign: true}).Walk(ctx, "", nil, "")
	if err != nil {
		return err
	}
	defer l.Close()
	kept := l.entries[:0]
	for _, e := range l.entries {
		switch e.kind() {
		case unix.S_IFBLK, unix.S_IFCHR:
			skipped(e.rel, "it is a device, which only root can make")
		default:
			kept = append(kept, e)
		}
	}
	l.entries = kept
	if err := failpoint.Hit("build.files"); err != nil {
		return err
	}
	if err := (&Placer{Root: root, Now: time.Now()}).placeDirectory(ctx, l, "/"); err != nil {
		return err
	}
	for _, s := range beside {
		// By a rename, which follows no link that is there under this name.
		if err := atomicfile.WriteVolatile(filepath.Join(dir, s.Name), s.Text); err != nil {
			return err
		}
	}
	return nil
}

// checkNames finds a file of the tree that one beside it would replace.
func (t *Tree) checkNames(beside []Beside) error {
	for _, s := range beside {
		if _, err := t.stat(s.Name); err == nil {
			return hint.Wrap(fmt.Errorf("there is a file %q already, and an attestation has the same name", s.Name), "attestation-prefix= of --output gives it another")
		}
	}
	return nil
}

// WriteTar writes all files of the tree as a tar archive, with their owners, and those beside them.
func (t *Tree) WriteTar(ctx context.Context, w io.Writer, beside []Beside) error {
	if err := t.checkNames(beside); err != nil {
		return err
	}
	l, err := t.Walk(ctx, "", nil, "")
	if err != nil {
		return err
	}
	defer l.Close()
	out := tar.NewWriter(w)
	links := links{}
	for _, e := range l.entries[1:] {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.archive(out, e, links); err != nil {
			return &os.PathError{Op: "archive", Path: e.rel, Err: err}
		}
	}
	for _, s := range beside {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: s.Name, Mode: 0o600, Size: int64(len(s.Text)), ModTime: s.Time, Format: tar.FormatPAX}
		err := out.WriteHeader(h)
		if err == nil {
			_, err = out.Write(s.Text)
		}
		if err != nil {
			return &os.PathError{Op: "archive", Path: s.Name, Err: err}
		}
	}
	return out.Close()
}

// archive writes one entry; links are the files that were written.
func (l *Listing) archive(out *tar.Writer, e entry, links links) error {
	if e.kind() == unix.S_IFSOCK {
		return nil // nobody listens on a copy
	}
	h, err := l.header(e)
	if err != nil {
		return err
	}
	if h.Typeflag == tar.TypeReg {
		if first, ok := links.first(e); ok {
			h.Typeflag, h.Linkname, h.Size, h.PAXRecords = tar.TypeLink, first, 0, nil
		}
	}
	if err := out.WriteHeader(h); err != nil || h.Typeflag != tar.TypeReg {
		return err
	}
	f, err := l.open(e.rel, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(out, io.LimitReader(f, h.Size))
	if err == nil && n != h.Size {
		err = errors.New("the file changes while it is read")
	}
	return err
}

func (l *Listing) header(e entry) (*tar.Header, error) {
	h := &tar.Header{
		Name: e.rel, Mode: int64(e.stat.Mode & 0o7777), Uid: int(e.stat.Uid), Gid: int(e.stat.Gid),
		ModTime: time.Unix(0, e.stat.Mtim.Nano()).UTC(), Linkname: e.link, Format: tar.FormatPAX,
	}
	switch e.kind() {
	case unix.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, path.Clean(e.rel)+"/"
	case unix.S_IFLNK:
		h.Typeflag = tar.TypeSymlink
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	case unix.S_IFCHR, unix.S_IFBLK:
		h.Typeflag = tar.TypeChar
		if e.kind() == unix.S_IFBLK {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(unix.Major(e.stat.Rdev)), int64(unix.Minor(e.stat.Rdev))
	case unix.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, e.stat.Size
	default:
		return nil, fmt.Errorf("its type %o is not known", e.kind())
	}
	attributes, err := l.attributes(e)
	for _, a := range attributes {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords["SCHILY.xattr."+a.name] = a.value
	}
	return h, err
}
