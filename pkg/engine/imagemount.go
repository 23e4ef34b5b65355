package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/image"
	"golang.org/x/sys/unix"
)

// Images are mounted in the namespace that the holder keeps, at images/ID in the run directory. There is no record beside the mount itself: it is there or not.

// ImageMount is a mounted image.
type ImageMount struct{ ID, Path string }

func (e *Engine) imageMounts() string { return filepath.Join(e.RunDir, "images") }

// MountImage mounts the root file system of an image, read-only, and says where; it is there until UnmountImage. An image that is mounted already stays
// as it is.
func (e *Engine) MountImage(ctx context.Context, img *image.Image) (string, error) {
	at := filepath.Join(e.imageMounts(), img.ID)
	mounts, err := e.MountedImages()
	if err != nil || slices.ContainsFunc(mounts, func(m ImageMount) bool { return m.ID == img.ID }) {
		return at, err
	}
	store, err := e.images()
	if err != nil {
		return "", err
	}
	pin, err := store.Pin(ctx, img.ID, "mount")
	if err != nil {
		return "", err
	}
	defer pin.Release()
	layers, err := store.LayersOf(img)
	if err != nil {
		return "", err
	}
	if len(layers.Dirs) == 0 {
		return "", fmt.Errorf("mount image %q: it has no layers", img)
	}
	if err := os.MkdirAll(at, 0o700); err != nil {
		return "", fmt.Errorf("mount image %q: %w", img, err)
	}
	if err := e.attachImage(at, layers); err != nil {
		return "", errors.Join(fmt.Errorf("mount image %q: %w", img, err), os.Remove(at))
	}
	return at, nil
}

func (e *Engine) attachImage(at string, layers image.Layers) error {
	root, err := e.mountLayers(at, "", layers, nil)
	if err != nil {
		return err
	}
	defer root.Close()
	fd := int(root.Fd())
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}); err != nil {
		return err
	}
	if err := failpoint.Hit("imagemount.attach"); err != nil {
		return err
	}
	return unix.MoveMount(fd, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// MountedImages gives the images that are mounted.
func (e *Engine) MountedImages() ([]ImageMount, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("look which images are mounted: %w", err)
	}
	var found []ImageMount
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		id := filepath.Base(f[4])
		if isID(id) && unescapedMount(filepath.Dir(f[4])) == e.imageMounts() {
			found = append(found, ImageMount{id, filepath.Join(e.imageMounts(), id)})
		}
	}
	return found, nil
}

// unescapedMount undoes what the kernel does to a path in mountinfo (proc_pid_mountinfo(5)).
func unescapedMount(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// UnmountImage takes a mount away. With force it goes when it is not in use any more, and out of sight at once. It reports whether there was one.
func (e *Engine) UnmountImage(id string, force bool) (bool, error) {
	at := filepath.Join(e.imageMounts(), id)
	flags := unix.UMOUNT_NOFOLLOW
	if force {
		flags |= unix.MNT_DETACH
	}
	err := unix.Unmount(at, flags)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		_ = os.Remove(at)
		return false, nil
	}
	if err != nil {
		return true, fmt.Errorf("unmount image %s: %w", short(id), err)
	}
	return true, os.Remove(at)
}
