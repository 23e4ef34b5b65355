package engine

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/pod-engine/pod/pkg/container"
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
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return os.Chown(path, uid, gid)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		return root.Lchown(name, uid, gid)
	})
}
