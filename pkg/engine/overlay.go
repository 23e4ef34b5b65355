package engine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/image"
	"golang.org/x/sys/unix"
)

// overlay is an overlay file system to be mounted, attached nowhere.
type overlay struct {
	base    string // the directory that short links in options are relative to; empty: there are none
	at      string // any directory that exists
	options string
	binds   []container.Mount // mounted in it; they come with it
	name    string            // of the file or directory in it which alone is wanted, with links resolved in it; empty: all of it
}

// overlayOptions gives the mount options for the layers, as short links below their common directory where there are any: all
// options together must fit one page (mount(2)).
func overlayOptions(layers image.Layers, upper, work string) string {
	return overlayLowers(layers) + ",upperdir=" + escapeOverlay(upper) + ",workdir=" + escapeOverlay(work)
}

func overlayLowers(layers image.Layers) string {
	lowers := layers.Links
	if len(lowers) == 0 {
		lowers = layers.Dirs
	}
	escaped := make([]string, len(lowers))
	for i, lower := range lowers {
		escaped[i] = escapeOverlay(lower)
	}
	return "lowerdir=" + strings.Join(escaped, ":")
}

// escapeOverlay protects the characters that separate options and layers.
func escapeOverlay(path string) string {
	return strings.NewReplacer(`\`, `\\`, `:`, `\:`, `,`, `\,`).Replace(path)
}

// mountDetached mounts the overlay in a mount namespace that only one thread is in, and takes the mount out of it with
// open_tree(2). The thread and its namespace end at once, so that no crash can leave the mount behind.
// (fsopen(2) would need no namespace, but before Linux 6.5 it takes no more than 256 bytes for all layers.)
func (o overlay) mountDetached() (*os.File, error) {
	type result struct {
		f   *os.File
		err error
	}
	done := make(chan result)
	go func() {
		// Never unlocked: the runtime ends the thread, and with it the namespace, when this function returns.
		runtime.LockOSThread()
		f, err := o.mountInThread()
		done <- result{f, err}
	}()
	r := <-done
	return r.f, r.err
}

// fits is an error when the options do not fit into the page that mount(2) reads: it would take as many layers as do, and the last by half a name.
func (o overlay) fits() error {
	if len(o.options) < os.Getpagesize() {
		return nil
	}
	lowers, _, _ := strings.Cut(o.options, ",")
	return hint.Wrap(fmt.Errorf("overlay: %d layers are more than one mount takes", 1+strings.Count(strings.ReplaceAll(lowers, `\:`, ""), ":")),
		"join steps, or build the first of them as an image with --squash and begin FROM that; podman and docker end at about 127 as well")
}

// writable is an error when overlay has become read-only: where it has no room for its work directory, it says so in the kernel's log and mounts all the same.
func (o overlay) writable() error {
	var fs unix.Statfs_t
	if !strings.Contains(o.options, ",upperdir=") || unix.Statfs(o.at, &fs) != nil || fs.Flags&unix.ST_RDONLY == 0 {
		return nil
	}
	return fmt.Errorf("overlay: make its work directory: %w", unix.ENOSPC)
}

func (o overlay) mountInThread() (*os.File, error) {
	if err := o.fits(); err != nil {
		return nil, err
	}
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return nil, fmt.Errorf("make a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return nil, fmt.Errorf("make mounts private: %w", err)
	}
	if o.base != "" {
		if err := unix.Chdir(o.base); err != nil {
			return nil, fmt.Errorf("enter %s: %w", o.base, err)
		}
	}
	if err := unix.Mount("overlay", o.at, "overlay", 0, o.options); err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	if err := o.writable(); err != nil {
		return nil, err
	}
	if len(o.binds) == 0 {
		return detach(o.at, o.name, 0)
	}
	if err := bindInto(o.at, o.binds); err != nil {
		return nil, err
	}
	return detach(o.at, o.name, unix.AT_RECURSIVE)
}

// detach gives a detached copy of the mount that name in the directory dir is in, with name as its root; with AT_RECURSIVE, of what is
// mounted below as well.
func detach(dir, name string, recursive uint) (*os.File, error) {
	at, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer at.Close()
	if name != "" {
		if at, err = openInRoot(at, name, unix.O_PATH, 0); err != nil {
			return nil, err
		}
		defer at.Close()
	}
	fd, err := unix.OpenTree(int(at.Fd()), "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|recursive)
	if err != nil {
		return nil, fmt.Errorf("detach the mount: %w", err)
	}
	return os.NewFile(uintptr(fd), dir), nil
}

// bindInto mounts directories and files of the host in the root at target, which nothing else uses. A directory that has no place there gets one, as at the start
// of a container; on a read-only root, and a file, is left out.
func bindInto(target string, binds []container.Mount) error {
	for _, m := range binds {
		// Anew each time: what was mounted before may hide it or hold it.
		root, err := os.OpenFile(target, unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		at, err := openInRoot(root, m.Destination, unix.O_PATH, 0)
		if errors.Is(err, os.ErrNotExist) && isDirectory(m.Source) && makeWorkdir(root, m.Destination, 0, 0) == nil {
			at, err = openInRoot(root, m.Destination, unix.O_PATH, 0)
		}
		root.Close()
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
			continue
		}
		if err != nil {
			return err
		}
		place := fmt.Sprintf("/proc/self/fd/%d", at.Fd())
		err = unix.Mount(m.Source, place, "", unix.MS_BIND|unix.MS_REC, "")
		at.Close()
		if err != nil {
			return fmt.Errorf("mount %q at %q: %w", m.Source, m.Destination, err)
		}
		if m.ReadOnly {
			if err := readOnly(target, m.Destination); err != nil {
				return fmt.Errorf("mount %q at %q read-only: %w", m.Source, m.Destination, err)
			}
		}
	}
	return nil
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// readOnly makes the mount at a path of the root read-only, and those below it.
func readOnly(target, path string) error {
	root, err := os.OpenFile(target, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer root.Close()
	at, err := openInRoot(root, path, unix.O_PATH, 0)
	if err != nil {
		return err
	}
	defer at.Close()
	return unix.MountSetattr(int(at.Fd()), "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
}
