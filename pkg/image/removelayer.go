package image

import (
	"context"
	"errors"
	"fmt"

	"go.podman.io/storage"
)

// RemoveLayer removes a layer that no image, container or other layer needs, and then what is below it as long as that holds there too: an
// image that was removed before leaves its layers to those that were built on it. It is ErrInUse (wrapped) when the layer itself is needed,
// and nil when it is not there.
func (s *Store) RemoveLayer(ctx context.Context, id string) error {
	parent := ""
	err := s.change(ctx, func(lib storage.Store) error {
		layer, err := lib.Layer(id)
		if err != nil {
			return err
		}
		parent = layer.Parent
		return lib.DeleteLayer(id)
	})
	switch {
	case errors.Is(err, storage.ErrLayerUnknown), errors.Is(err, storage.ErrNotALayer):
		return nil
	case errors.Is(err, storage.ErrLayerHasChildren), errors.Is(err, storage.ErrLayerUsedByImage), errors.Is(err, storage.ErrLayerUsedByContainer):
		return fmt.Errorf("layer %s: %w", ShortID(id), ErrInUse)
	case err != nil:
		return fmt.Errorf("remove layer %s: %w", ShortID(id), err)
	}
	if parent == "" {
		return nil
	}
	if err := s.RemoveLayer(ctx, parent); !errors.Is(err, ErrInUse) {
		return err
	}
	return nil
}
