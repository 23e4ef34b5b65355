package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pod-engine/pod/internal/filetree"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/image"
	"golang.org/x/sys/unix"
)

// mountRoot puts the container's root file system together, its writable layer over the layers of its image, and
// returns a descriptor of the mount, which is attached nowhere: the mount is gone when the last descriptor and the last
// namespace that attached it are.
func (e *Engine) mountRoot(cfg *container.Config, layers image.Layers) (*os.File, error) {
	dir := filepath.Join(e.Dir(cfg.ID), "rootfs")
	options := overlayOptions(layers, filepath.Join(dir, "upper"), filepath.Join(dir, "work"))
	if cfg.Remove {
		// Nobody will ask for this layer after a crash: no sync on unmount.
		options += ",volatile"
	}
	if e.User.Rootless {
		options += ",userxattr"
	}
	// A volatile overlay that was not unmounted refuses to be mounted again; its marker is of no use to us, since the
	// layer is thrown away if it cannot be trusted.
	os.RemoveAll(filepath.Join(dir, "work", "work", "incompat"))
	f, err := overlay{base: layers.BaseDir, at: filepath.Join(e.ContainerRunDir(cfg.ID), "merged"), options: options}.mountDetached()
	if err != nil {
		err = fmt.Errorf("mount the root file system of container %q: %w", cfg.Name, err)
		return nil, hint.Wrap(err, "pod doctor")
	}
	return f, nil
}

// openInRoot opens a path of the container as the container would see it: links, absolute ones too, stay inside root.
func openInRoot(root *os.File, path string, flags int, mode uint64) (*os.File, error) {
	return filetree.Open(root, path, flags, mode)
}

// readInRoot reads a small regular file of the container; one that is not there is empty. What is not a regular file or
// has more than limit bytes is an error: it may be a trap (CVE-2024-9676, CVE-2026-47262).
func readInRoot(root *os.File, path string, limit int64) ([]byte, error) {
	f, err := openInRoot(root, path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s of the image is not a regular file", path)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s of the image has %d bytes, more than the %d that are read", path, info.Size(), limit)
	}
	b := make([]byte, info.Size())
	n, err := f.ReadAt(b, 0)
	if n == len(b) {
		err = nil
	}
	return b[:n], err
}

// prepareRoot puts real directories and files into the writable layer where the runtime will mount: an image that has links
// there would lead mounts astray in runtimes that follow them (CVE-2026-41579, CVE-2026-88264).
func prepareRoot(root *os.File, cfg *container.Config) error {
	fd := int(root.Fd())
	for _, dir := range []string{"dev", "proc", "sys", "etc", "run"} {
		if err := makeReal(fd, dir, unix.S_IFDIR); err != nil {
			return fmt.Errorf("prepare /%s in the container: %w", dir, err)
		}
	}
	etc, err := unix.Openat(fd, "etc", unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("prepare /etc in the container: %w", err)
	}
	defer unix.Close(etc)
	files := []string{"hosts", "resolv.conf"}
	if !cfg.Network.NoHostname {
		files = append(files, "hostname")
	}
	if cfg.Timezone != "" {
		files = append(files, "localtime")
	}
	for _, file := range files {
		if err := makeReal(etc, file, unix.S_IFREG); err != nil {
			return fmt.Errorf("prepare /etc/%s in the container: %w", file, err)
		}
	}
	return nil
}

// makeReal makes sure that name in the directory dir is of the wanted kind, replacing what else is there unless
// that is a directory with something in it.
func makeReal(dir int, name string, kind uint32) error {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && st.Mode&unix.S_IFMT == kind {
		return nil
	}
	if err == nil {
		flags := 0
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			flags = unix.AT_REMOVEDIR
		}
		err = unix.Unlinkat(dir, name, flags)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	if kind == unix.S_IFDIR {
		return unix.Mkdirat(dir, name, 0o755)
	}
	fd, err := unix.Openat(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// makeWorkdir makes the working directory and its missing parents inside the container, owned by its user as docker
// does.
func makeWorkdir(root *os.File, workdir string, uid, gid int) error {
	path := filepath.Clean("/" + workdir)
	f, err := openInRoot(root, path, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the working directory %q cannot be used: %w", workdir, err)
	}
	made := ""
	for _, part := range strings.Split(strings.Trim(path, "/"), "/") {
		if err := makeInRoot(root, made, part, uid, gid); err != nil {
			return fmt.Errorf("make the working directory %q: %w", workdir, err)
		}
		made += "/" + part
	}
	return nil
}

// makeInRoot makes the directory name in the directory parent of the container unless there is one.
func makeInRoot(root *os.File, parent, name string, uid, gid int) error {
	in, err := openInRoot(root, parent+"/", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	err = unix.Mkdirat(int(in.Fd()), name, 0o755)
	if errors.Is(err, unix.EEXIST) {
		// What is there may be a link that leads nowhere.
		there, err := openInRoot(root, parent+"/"+name, unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		return there.Close()
	}
	if err != nil {
		return err
	}
	return unix.Fchownat(int(in.Fd()), name, uid, gid, unix.AT_SYMLINK_NOFOLLOW)
}
