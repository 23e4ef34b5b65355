package image

import (
	"context"
	"errors"
	"fmt"

	"go.podman.io/storage"
)

// RemoveLayer removes a layer that no image, container or other layer needs; then, and if it is not there, the result is nil. Else it is
// ErrInUse (wrapped).
func (s *Store) RemoveLayer(ctx context.Context, id string) error {
	err := s.change(ctx, func(lib storage.Store) error { return lib.DeleteLayer(id) })
	switch {
	case errors.Is(err, storage.ErrLayerUnknown), errors.Is(err, storage.ErrNotALayer):
		return nil
	case errors.Is(err, storage.ErrLayerHasChildren), errors.Is(err, storage.ErrLayerUsedByImage), errors.Is(err, storage.ErrLayerUsedByContainer):
		return fmt.Errorf("layer %s: %w", ShortID(id), ErrInUse)
	case err != nil:
		return fmt.Errorf("remove layer %s: %w", ShortID(id), err)
	}
	return nil
}
