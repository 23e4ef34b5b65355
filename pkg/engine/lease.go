package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A container holds its image by a file leases/IMAGE/CONTAINER. The first one of an image also makes the storage
// library hold it, for podman and others that share the store; that hold stays until the image is removed.

func (e *Engine) leaseDir(imageID string) string { return filepath.Join(e.DataDir, dirLeases, imageID) }

func (e *Engine) holdImage(ctx context.Context, imageID, id string) error {
	dir := e.leaseDir(imageID)
	if info, err := os.Lstat(dir); err == nil && !info.IsDir() {
		if err := os.Remove(dir); err != nil {
			return fmt.Errorf("hold image %s: %w", short(imageID), err)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("hold image %s: %w", short(imageID), err)
	}
	// The reference is there before the hold, so that a removal that runs at the same time sees one or the other.
	if err := writeNew(filepath.Join(dir, id), ""); err != nil {
		return fmt.Errorf("hold image %s: %w", short(imageID), err)
	}
	held := filepath.Join(dir, "held")
	if exists(held) {
		return nil
	}
	store, err := e.images()
	if err != nil {
		return err
	}
	if err := store.Hold(ctx, imageID); err != nil {
		return errors.Join(err, e.dropImage(imageID, id))
	}
	if err := writeNew(held, ""); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("hold image %s: %w", short(imageID), err)
	}
	return nil
}

func (e *Engine) dropImage(imageID, id string) error {
	if imageID == "" {
		return nil
	}
	err := os.Remove(filepath.Join(e.leaseDir(imageID), id))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return err
}

// ImageUsers lists the ids of the containers made from an image.
func (e *Engine) ImageUsers(imageID string) ([]string, error) {
	entries, err := os.ReadDir(e.leaseDir(imageID))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the containers of image %s: %w", short(imageID), err)
	}
	var ids []string
	for _, entry := range entries {
		id := entry.Name()
		if isID(id) && e.owns(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// ForgetHold notes that the storage library may not hold an image any more: the next container asks it to again.
func (e *Engine) ForgetHold(imageID string) error {
	dir := e.leaseDir(imageID)
	err := os.Remove(filepath.Join(dir, "held"))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		err = nil
	}
	// It stays while containers are recorded in it.
	_ = unix.Rmdir(dir)
	return err
}
