package image

import (
	"context"
	"errors"
	"strings"

	"github.com/pod-engine/pod/internal/failpoint"
	"go.podman.io/storage"
)

// An image that is to have names has a first one of its own from its record until it has them. The library cannot record an image, its data and
// its names in one step, and without a name it would be podman's to remove: its "image prune" lists the images that have none, and removes them
// one after another without looking again, by which time the command that made one of them may have acknowledged it.
//
// Nothing of pod's shows first names, though the library keeps them in the history of names. Of a command that died here, who next looks at its pin takes the name away.

const firstNamePrefix = "localhost/pod-recording:"

func isFirstName(name string) bool { return strings.HasPrefix(name, firstNamePrefix) }

// firstNames are those with which an image is recorded that is to have these.
func firstNames(imageID string, names []string) []string {
	if len(names) == 0 {
		return nil
	}
	return []string{firstNamePrefix + imageID}
}

// name puts names in front of those that an image has, since the first is the one shown. One that was created with its first name loses that.
func (s *Store) name(lib storage.Store, imageID string, names []string, created bool) error {
	if len(names) == 0 {
		return failpoint.Hit("image.named")
	}
	// Not with all names at once: whoever names another image meanwhile has taken one of them.
	err := lib.AddNames(imageID, names)
	if err == nil && created {
		err = lib.RemoveNames(imageID, firstNames(imageID, names))
	}
	return errors.Join(err, failpoint.Hit("image.named"))
}

// dropFirstName takes the first name from the image of somebody who died, if it has one. The caller has the lock of pins.
func (s *Store) dropFirstName(ctx context.Context, imageID string) error {
	m, err := s.find(ctx, imageID)
	if errors.Is(err, ErrNotFound) || err == nil && !m.img.unnamed {
		return nil
	}
	if err == nil {
		err = s.change(ctx, func(lib storage.Store) error { return lib.RemoveNames(imageID, []string{firstNamePrefix + imageID}) })
	}
	if errors.Is(err, storage.ErrImageUnknown) {
		return nil
	}
	return err
}
