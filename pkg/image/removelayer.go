package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/pod-engine/pod/internal/failpoint"
	"go.podman.io/storage"
)

// The cache of builds keeps layers that no image has (Options.Kept). With an image the storage library removes all its layers that
// nothing else needs, whoever asks it to. So before pod removes an image, the topmost of its layers that is kept gets a lease: an empty layer
// above it, which the library, podman and buildah respect.

// layerLease is the id of a layer's lease.
func layerLease(layer string) string { return digest.FromString("pod-cache " + layer).Encoded() }

// keepLayers sees that the layers of an image that are kept outlive it.
func (s *Store) keepLayers(ctx context.Context, img *Image) error {
	if s.driverFor() != "overlay" {
		return nil // an empty layer would be a copy of all below it
	}
	kept, err := s.kept(ctx)
	if err != nil || len(kept) == 0 {
		return err
	}
	index, err := s.layers()
	if err != nil {
		return err
	}
	for id := img.TopLayer; id != ""; id = index[id].Parent {
		if !kept[id] {
			continue
		}
		if _, leased := index[layerLease(id)]; leased {
			return nil
		}
		return s.leaseLayer(ctx, id)
	}
	return nil
}

func (s *Store) leaseLayer(ctx context.Context, id string) error {
	err := s.patiently(ctx, func() error {
		return s.change(ctx, func(lib storage.Store) error {
			_, err := lib.CreateLayer(layerLease(id), id, nil, "", false, nil)
			return err
		})
	})
	if errors.Is(err, storage.ErrLayerUnknown) || errors.Is(err, storage.ErrParentUnknown) {
		return nil // somebody else has removed the image, and the layer with it
	}
	if err != nil && !errors.Is(err, storage.ErrDuplicateID) {
		return fmt.Errorf("keep layer %s for the cache of builds: %w", ShortID(id), err)
	}
	return failpoint.Hit("rmi.kept")
}

// kept gives the layers that are needed though no image may have them.
func (s *Store) kept(ctx context.Context) (map[string]bool, error) {
	if s.opts.Kept == nil {
		return nil, nil
	}
	kept, err := s.opts.Kept(ctx)
	if err != nil {
		err = fmt.Errorf("look which layers the cache of builds keeps: %w", err)
	}
	return kept, err
}

// ImageLayerIDs gives the ids of all layers that images have.
func (s *Store) ImageLayerIDs() (map[string]bool, error) {
	f, err := s.family()
	if err != nil {
		return nil, err
	}
	return f.imageLayers(), nil
}

func (f *family) imageLayers() map[string]bool {
	needed := map[string]bool{}
	for _, img := range f.images {
		for _, id := range f.chain(img.TopLayer) {
			needed[id] = true
		}
	}
	return needed
}

// RemoveLayers removes those of the layers that nothing needs: no image, no container, no other layer, and not Options.Kept. Then go those below, as far
// as nothing needs them either: an image that was removed before leaves its layers to those that were built on it. It gives all that were removed;
// what is not there is passed over.
func (s *Store) RemoveLayers(ctx context.Context, ids []string) (removed []string, err error) {
	f, err := s.family()
	if err != nil {
		return nil, err
	}
	needed, err := s.neededLayers(ctx, f)
	if err != nil {
		return nil, err
	}
	s.MakeRoom()
	// A lease would outlive the image that needs its layer now, and nobody would know of it then.
	for _, id := range ids {
		lease := layerLease(id)
		if f.layers[lease].ID == "" || needed[lease] {
			continue
		}
		err := s.change(ctx, func(lib storage.Store) error { return lib.DeleteLayer(lease) })
		if err != nil && !errors.Is(err, storage.ErrNotALayer) && !errors.Is(err, storage.ErrLayerUnknown) {
			return nil, fmt.Errorf("remove the lease of layer %s: %w", ShortID(id), err)
		}
	}
	for _, id := range removable(f, needed, ids) {
		gone, err := s.removeLayer(ctx, f, id)
		if err != nil {
			return removed, err
		}
		if gone {
			removed = append(removed, id)
		}
	}
	return removed, nil
}

// neededLayers are those of images, of containers, and those that are kept, with all below them.
func (s *Store) neededLayers(ctx context.Context, f *family) (map[string]bool, error) {
	containers, err := s.containers(nil)
	if err != nil {
		return nil, err
	}
	kept, err := s.kept(ctx)
	if err != nil {
		return nil, err
	}
	needed := f.imageLayers()
	for id := range kept {
		if _, ok := f.layers[id]; ok {
			needed[layerLease(id)] = true
		}
		for _, id := range f.chain(id) {
			needed[id] = true
		}
	}
	for _, list := range containers {
		for _, r := range list {
			for _, id := range f.chain(r.Layer) {
				needed[id] = true
			}
		}
	}
	return needed, nil
}

// removable are the layers and those below them that are not needed, each before what it lies on.
func removable(f *family, needed map[string]bool, ids []string) []string {
	depth := map[string]int{}
	for _, id := range ids {
		chain := f.chain(id)
		for i, id := range chain {
			if !needed[id] {
				depth[id] = len(chain) - i
			}
		}
	}
	var out []string
	for id := range depth {
		out = append(out, id)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(depth[b]-depth[a], strings.Compare(a, b)) })
	return out
}

// removeLayer removes a layer and its lease, unless something else needs it.
func (s *Store) removeLayer(ctx context.Context, f *family, id string) (gone bool, err error) {
	if err := failpoint.Hit("prune.layer"); err != nil {
		return false, err
	}
	err = s.patiently(ctx, func() error {
		return s.change(ctx, func(lib storage.Store) error {
			if lease := layerLease(id); f.layers[lease].ID != "" {
				if err := lib.DeleteLayer(lease); err != nil && !errors.Is(err, storage.ErrNotALayer) {
					return err
				}
			}
			return lib.DeleteLayer(id)
		})
	})
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, storage.ErrLayerUnknown), errors.Is(err, storage.ErrNotALayer),
		errors.Is(err, storage.ErrLayerHasChildren), errors.Is(err, storage.ErrLayerUsedByImage), errors.Is(err, storage.ErrLayerUsedByContainer):
		return false, nil
	}
	return false, fmt.Errorf("remove layer %s: %w", ShortID(id), err)
}
