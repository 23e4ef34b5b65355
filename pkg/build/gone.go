package build

import (
	"errors"
	"io/fs"

	"github.com/pod-engine/pod/pkg/image"
)

// goneError says that a layer or image which this build has made or found is no longer there. What a build is known to use, pod leaves alone; but a layer that
// is made once more just when a prune removes it is gone the moment after, and podman, in the same store, knows nothing of builds of pod's.
type goneError struct{ error }

func (e goneError) Unwrap() error { return e.error }

// maxTries is how often a build is carried out when what it needs is removed meanwhile. All that is still there is found in the cache.
const maxTries = 5

// gone marks an error about layers or an image that were there before.
func gone(err error) error {
	if errors.Is(err, image.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return goneError{err}
	}
	return err
}

func isGone(err error) bool {
	var g goneError
	return errors.As(err, &g)
}
