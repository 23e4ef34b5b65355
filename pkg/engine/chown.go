package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/pod-engine/pod/pkg/container"
	"golang.org/x/sys/unix"
)

// giveSources hands the sources of the mounts with the option U, and all that is in them, to the container's user.
func giveSources(ctx context.Context, mounts []container.Mount, user container.User) error {
	for _, m := range mounts {
		if m.Type != container.MountBind || !slices.Contains(m.Options, "U") {
			continue
		}
		if err := chownTree(ctx, m.Source, int(user.UID), int(user.GID)); err != nil {
			return fmt.Errorf("give %q to the container's user %d:%d (mount option U): %w", m.Source, user.UID, user.GID, err)
		}
	}
	return nil
}

// chownTree changes the owner of path and of everything below it. Links inside are changed themselves, never followed: they may
// lead anywhere.
func chownTree(ctx context.Context, path string, uid, gid int) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	if err := f.Chown(uid, gid); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil || !info.IsDir() {
		return err
	}
	return chownEntries(ctx, f, uid, gid)
}

// chownEntries does it for what is in the directory dir.
func chownEntries(ctx context.Context, dir *os.File, uid, gid int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(dir.Name(), entry.Name())
		if err := unix.Fchownat(int(dir.Fd()), entry.Name(), uid, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &os.PathError{Op: "chown", Path: path, Err: err}
		}
		if !entry.IsDir() {
			continue
		}
		fd, err := unix.Openat(int(dir.Fd()), entry.Name(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return &os.PathError{Op: "open", Path: path, Err: err}
		}
		below := os.NewFile(uintptr(fd), path)
		err = chownEntries(ctx, below, uid, gid)
		below.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
