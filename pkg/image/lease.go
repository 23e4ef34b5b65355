package image

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pod-engine/pod/internal/failpoint"
	"go.podman.io/storage"
)

// A lease is a container record of the storage library, one per image, which keeps podman, buildah and every other user of
// the store from removing the image. Which of pod's containers use the image is asked from Options.InUse.
//
// Hold and Remove agree without a lock, by the order of their steps. A new container is first recorded (so that InUse names
// it), then the image is held, then it is seen to exist still. Remove first drops the lease, then asks InUse, then
// deletes. So either Remove sees the container; or the container sees no lease and makes one, which makes the
// deletion fail or is refused because the image is gone.

// leaseName is the name of an image's lease.
func leaseName(imageID string) string { return "pod-lease-" + imageID[:24] }

// Hold keeps the image with this whole id from being removed by anybody, until Release. It is idempotent and costs two small
// reads when the image is held already. The caller records its container first (see Options.InUse). The error is ErrNotFound
// (wrapped) when the image has gone meanwhile.
func (s *Store) Hold(ctx context.Context, imageID string) error {
	m, err := s.find(ctx, imageID)
	if err != nil {
		return err
	}
	// Nobody can remove an image through this view of a read-only store.
	if m.img.ReadOnly || s.readOnly {
		return nil
	}
	held, err := s.held(imageID)
	if err != nil {
		return err
	}
	if !held {
		if err := s.lease(ctx, imageID); err != nil {
			return err
		}
	}
	_, err = s.find(ctx, imageID)
	return err
}

func (s *Store) held(imageID string) (bool, error) {
	containers, err := s.containersOf(imageID)
	return slices.ContainsFunc(containers, isLease), err
}

func isLease(c containerRecord) bool { return slices.Contains(c.Names, leaseName(c.ImageID)) }

func (s *Store) lease(ctx context.Context, imageID string) error {
	if err := failpoint.Hit("hold.lease"); err != nil {
		return err
	}
	err := s.change(ctx, func(lib storage.Store) error {
		_, err := lib.CreateContainer("", []string{leaseName(imageID)}, imageID, "", "", &storage.ContainerOptions{})
		return err
	})
	switch {
	case err == nil, errors.Is(err, storage.ErrDuplicateName):
		return nil
	case errors.Is(err, storage.ErrImageUnknown), errors.Is(err, storage.ErrLayerUnknown), errors.Is(err, storage.ErrParentUnknown):
		return notFound(ShortID(imageID))
	}
	return fmt.Errorf("hold image %s: %w", ShortID(imageID), err)
}

// Release ends Hold once no container uses the image any more; while InUse names some it does nothing.
func (s *Store) Release(ctx context.Context, imageID string) error {
	users, err := s.users(ctx, imageID)
	if err != nil || len(users) > 0 {
		return err
	}
	if err := s.dropLease(ctx, imageID); err != nil {
		return err
	}
	// A container may have been recorded, and found the image held, before the lease went.
	users, err = s.users(ctx, imageID)
	if err != nil || len(users) == 0 {
		return err
	}
	return s.lease(ctx, imageID)
}

func (s *Store) dropLease(ctx context.Context, imageID string) error {
	if s.opts.Unheld != nil {
		if err := s.opts.Unheld(ctx, imageID); err != nil {
			return err
		}
	}
	if held, err := s.held(imageID); err != nil || !held {
		return err
	}
	err := s.change(ctx, func(lib storage.Store) error { return lib.DeleteContainer(leaseName(imageID)) })
	if err != nil && !errors.Is(err, storage.ErrContainerUnknown) && !errors.Is(err, storage.ErrNotAContainer) {
		return fmt.Errorf("release image %s: %w", ShortID(imageID), err)
	}
	return failpoint.Hit("release.lease")
}

// users names pod's containers that use the image.
func (s *Store) users(ctx context.Context, imageID string) ([]string, error) {
	if s.opts.InUse == nil {
		return nil, nil
	}
	return s.opts.InUse(ctx, imageID)
}
