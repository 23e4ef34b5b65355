package engine

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/filetree"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/image"
	"golang.org/x/sys/unix"
)

// A container's root file system is mounted only where its monitor is. For reading it is mounted once more, detached and
// read-only, its writable layer as the newest of the layers: that neither disturbs the container nor needs its lock, and is gone
// with the descriptor.

// readRoot mounts the root file system of a container for reading, without what is mounted in the container.
func (e *Engine) readRoot(ctx context.Context, cfg *container.Config) (*os.File, error) {
	store, err := e.images()
	if err != nil {
		return nil, err
	}
	layers, err := store.Layers(ctx, cfg.Image.ID)
	if err != nil {
		return nil, err
	}
	f, err := e.mountLayers(e.Dir(cfg.ID), e.upperDir(cfg.ID), layers, nil)
	if err != nil {
		return nil, fmt.Errorf("mount the root file system of container %q: %w", cfg.Name, err)
	}
	return f, nil
}

// mountLayers mounts layers read-only and detached, above them top unless that is empty, and in them what extra says.
func (e *Engine) mountLayers(at, top string, layers image.Layers, extra []container.Mount) (*os.File, error) {
	lowers := layers.Links
	if len(lowers) == 0 {
		lowers = layers.Dirs
	}
	if top != "" {
		lowers = append([]string{top}, lowers...)
	}
	if len(lowers) == 1 && len(extra) == 0 {
		// Overlay wants two; one alone hides nothing.
		alone := top
		if alone == "" {
			alone = layers.Dirs[0]
		}
		fd, err := unix.OpenTree(unix.AT_FDCWD, alone, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return nil, err
		}
		return os.NewFile(uintptr(fd), at), nil
	}
	escaped := make([]string, 0, len(lowers))
	for _, dir := range lowers {
		escaped = append(escaped, escapeOverlay(dir))
	}
	options := "lowerdir=" + strings.Join(escaped, ":")
	if e.User.Rootless {
		options += ",userxattr"
	}
	return overlay{base: layers.BaseDir, at: at, options: options, binds: extra}.mountDetached()
}

// rootLayers are the directories that make up a container's root, newest first.
func (e *Engine) rootLayers(ctx context.Context, cfg *container.Config) ([]string, error) {
	store, err := e.images()
	if err != nil {
		return nil, err
	}
	layers, err := store.Layers(ctx, cfg.Image.ID)
	if err != nil {
		return nil, err
	}
	return append([]string{e.upperDir(cfg.ID)}, layers.Dirs...), nil
}

// Layers are the directories that make up the root file system of a container, newest first.
func (e *Engine) Layers(ctx context.Context, c Container) ([]string, error) {
	return e.rootLayers(ctx, c.Config)
}

func (e *Engine) upperDir(id string) string { return filepath.Join(e.Dir(id), "rootfs", "upper") }

// Differences says what a container has changed in the files of its image. What pod and the runtime make in every container is left out.
func (e *Engine) Differences(ctx context.Context, c Container) ([]image.Difference, error) {
	layers, err := e.rootLayers(ctx, c.Config)
	if err != nil {
		return nil, err
	}
	found, err := image.Differences(ctx, layers[1:], layers)
	if err != nil {
		return nil, fmt.Errorf("compare container %q with its image: %w", c.Config.Name, err)
	}
	return slices.DeleteFunc(found, func(d image.Difference) bool { return slices.Contains(madeInEvery, d.Path) }), nil
}

// madeInEvery are podman's, too.
var madeInEvery = []string{
	"/dev", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/mtab", "/proc", "/run", "/run/.containerenv", "/run/secrets", "/sys",
}

// Export writes the root file system of a container as a tar archive, without what is mounted in it.
func (e *Engine) Export(ctx context.Context, c Container, w io.Writer) error {
	root, err := e.readRoot(ctx, c.Config)
	if err != nil {
		return err
	}
	defer root.Close()
	err = writeTree(ctx, root, w, c.State.Alive())
	if err != nil {
		return fmt.Errorf("export container %q: %w", c.Config.Name, err)
	}
	e.event(c.Config, "export", nil)
	return nil
}

// writeTree writes the whole of a root file system as a tar archive.
func writeTree(ctx context.Context, root *os.File, w io.Writer, lenient bool) error {
	top, err := filetree.Find(root, "/", false)
	if err != nil {
		return err
	}
	defer top.Dir.Close()
	t := tar.NewWriter(w)
	if err := filetree.Archive(ctx, t, top, "", filetree.ArchiveOptions{Lenient: lenient, ContentOnly: true}); err != nil {
		return err
	}
	return t.Close()
}
