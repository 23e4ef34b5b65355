package filetree

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ArchiveOptions say what an archive leaves out.
type ArchiveOptions struct {
	// Lenient leaves out what vanishes while it is looked at, rather than fail: for a container that goes on writing.
	Lenient bool
	// SkipMounts leaves out what is on another file system than the entry: a directory is there, and empty.
	SkipMounts bool
	// SkipKernel leaves out device nodes, and what is on file systems that are views of the kernel, below the entry.
	SkipKernel bool
	// ContentOnly leaves out the entry itself, if it is a directory: names in the archive begin below it.
	ContentOnly bool
}

// Archive writes the entry, and what is below it, to w under the name as ("" with ContentOnly). Sockets are left out, as by tar(1). The
// caller closes w.
func Archive(ctx context.Context, w *tar.Writer, e *Entry, as string, o ArchiveOptions) error {
	a := archiver{ctx: ctx, w: w, opts: o, dev: e.stat.Dev, links: map[inode]string{}, buf: make([]byte, 1<<18)}
	if o.ContentOnly && e.IsDir() {
		a.begun = true
		f, err := e.open()
		if err != nil {
			return err
		}
		defer f.Close()
		return a.content(f, as)
	}
	return a.entry(e, as)
}

type inode struct{ dev, ino uint64 }

type archiver struct {
	ctx   context.Context
	w     *tar.Writer
	opts  ArchiveOptions
	dev   uint64
	links map[inode]string // names of files that have more than one
	buf   []byte
	begun bool // something was written
}

// entry writes one entry; what keeps it from being written is only an error where the archive would be wrong without it.
func (a *archiver) entry(e *Entry, as string) error {
	if err := a.ctx.Err(); err != nil {
		return err
	}
	kind := e.stat.Mode & unix.S_IFMT
	device := kind == unix.S_IFCHR || kind == unix.S_IFBLK
	if kind == unix.S_IFSOCK || a.opts.SkipMounts && e.stat.Dev != a.dev && kind != unix.S_IFDIR || a.opts.SkipKernel && device && a.begun {
		return nil
	}
	a.begun = true
	h, err := e.header()
	if err != nil {
		return a.passable(err)
	}
	h.Name = as
	if e.IsDir() {
		h.Name = as + "/"
	}
	key := inode{e.stat.Dev, e.stat.Ino}
	if first, ok := a.links[key]; ok && !e.IsDir() {
		h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		return a.w.WriteHeader(h)
	}
	if kind != unix.S_IFREG && kind != unix.S_IFDIR {
		return a.w.WriteHeader(h)
	}
	f, err := e.open()
	if err != nil {
		return a.passable(err)
	}
	if f != e.Dir {
		defer f.Close()
	}
	h.PAXRecords = attributes(f)
	if e.IsDir() {
		if err := a.w.WriteHeader(h); err != nil || a.opts.SkipMounts && e.stat.Dev != a.dev || a.opts.SkipKernel && e.stat.Dev != a.dev && IsKernel(f) {
			return err
		}
		return a.content(f, as)
	}
	if e.stat.Nlink > 1 {
		a.links[key] = as
	}
	return a.file(f, h)
}

// file writes a file of the size that it had when it was looked at.
func (a *archiver) file(f *os.File, h *tar.Header) error {
	if err := a.w.WriteHeader(h); err != nil {
		return err
	}
	n, err := io.CopyBuffer(onlyWriter{a.w}, io.LimitReader(f, h.Size), a.buf)
	if err == nil && n < h.Size {
		if !a.opts.Lenient {
			return fmt.Errorf("%q has become smaller while it was read", h.Name)
		}
		_, err = io.CopyN(a.w, zeros{}, h.Size-n)
	}
	if err != nil {
		return fmt.Errorf("read %q: %w", h.Name, err)
	}
	return nil
}

func (a *archiver) content(dir *os.File, as string) error {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return a.passable(err)
	}
	slices.Sort(names)
	for _, name := range names {
		e := &Entry{Dir: dir, Name: name}
		if err := unix.Fstatat(int(dir.Fd()), name, &e.stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			if err := a.passable(fmt.Errorf("read %q: %w", as+"/"+name, err)); err != nil {
				return err
			}
			continue
		}
		below := name
		if as != "" {
			below = as + "/" + name
		}
		if err := a.entry(e, below); err != nil {
			return err
		}
	}
	return nil
}

// passable is nil for what a running container may bring about by itself.
func (a *archiver) passable(err error) error {
	if a.opts.Lenient && (errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, errChanged)) {
		return nil
	}
	return err
}

const xattrRecord = "SCHILY.xattr."

// attributes gives the extended attributes that mean something elsewhere: the user's, and capabilities. Those of overlay are how it stores
// a layer.
func attributes(f *os.File) map[string]string {
	buf := make([]byte, 1<<16)
	n, err := unix.Flistxattr(int(f.Fd()), buf)
	if err != nil || n == 0 {
		return nil
	}
	found := map[string]string{}
	for name := range strings.SplitSeq(strings.TrimRight(string(buf[:n]), "\x00"), "\x00") {
		if !carried(name) {
			continue
		}
		value := make([]byte, 1<<16)
		if n, err := unix.Fgetxattr(int(f.Fd()), name, value); err == nil {
			found[xattrRecord+name] = string(value[:n])
		}
	}
	return found
}

func carried(name string) bool {
	return name == "security.capability" ||
		strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "user.overlay.") && !strings.HasPrefix(name, "user.containers.") && !strings.HasPrefix(name, "user.fuseoverlayfs.")
}

// IsKernel reports whether a file is on a file system that is a view of the kernel: its files have no size, and writing to them does things.
func IsKernel(f *os.File) bool {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return false
	}
	switch st.Type {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.DEVPTS_SUPER_MAGIC, unix.SECURITYFS_MAGIC,
		unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, mqueueMagic:
		return true
	}
	return false
}

const mqueueMagic = 0x19800202

// onlyWriter hides ReadFrom, by which the tar writer would try to make holes of files.
type onlyWriter struct{ io.Writer }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
