package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/failpoint"
	"go.podman.io/storage"
)

// NewList is a manifest list to be recorded.
type NewList struct {
	Images []*Image // of this store
	// Artifacts come after them.
	Artifacts   []Attached
	Annotations map[string]string
	// EntryAnnotations are those of the entries of Images, in their order; nil: none have any.
	EntryAnnotations []map[string]string
	// Names are full names; what has one of them loses it.
	Names []string
}

// AddManifestList records a list whose id is its digest, so that the same images give the same list, and then moves the names to it in
// one step.
func (s *Store) AddManifestList(ctx context.Context, n NewList) (*ManifestList, error) {
	l := &ManifestList{Image: &Image{}, Where: map[digest.Digest]string{}}
	if err := s.fill(l, n); err != nil {
		return nil, fmt.Errorf("record a manifest list: %w", err)
	}
	return s.recordList(ctx, l, n.Names)
}

// AddIndex is AddManifestList for a list that came from elsewhere: its entries stay as they are, and are of images of this store, which are given by their digests, or of artifacts.
func (s *Store) AddIndex(ctx context.Context, index specs.Index, images map[digest.Digest]*Image, artifacts []Attached, names []string) (*ManifestList, error) {
	l := &ManifestList{Image: &Image{}, Index: index, Where: map[digest.Digest]string{}}
	for _, d := range index.Manifests {
		if img := images[d.Digest]; img != nil {
			l.Where[d.Digest] = s.whereIs(img)
		}
	}
	for _, a := range artifacts {
		if err := l.keep(a); err != nil {
			return nil, fmt.Errorf("record a manifest list: %w", err)
		}
	}
	return s.recordList(ctx, l, names)
}

func (s *Store) recordList(ctx context.Context, l *ManifestList, names []string) (*ManifestList, error) {
	data, err := l.data()
	if err != nil {
		return nil, err
	}
	id := data[0].Digest.Encoded()
	err = s.recording(ctx, id, func() error {
		return s.record(ctx, func(lib storage.Store) error {
			_, err := lib.CreateImage(id, firstNames(id, names), "", "{}", &storage.ImageOptions{BigData: data, Digest: data[0].Digest})
			created := err == nil
			if err != nil && !errors.Is(err, storage.ErrDuplicateID) {
				return err
			}
			if err := failpoint.Hit("image.recorded"); err != nil {
				return err
			}
			return s.name(lib, id, names, created)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("record manifest list %s: %w", ShortID(id), err)
	}
	return s.ManifestList(ctx, id)
}

// AddToManifestList puts images of this store, and artifacts, into the list of this name, which is made when it is not there. The names of n are not looked at.
func (s *Store) AddToManifestList(ctx context.Context, name string, n NewList) (*ManifestList, error) {
	l, err := s.CreateManifestList(ctx, name, true)
	if err != nil {
		return nil, err
	}
	return s.EditManifestList(ctx, l.ID, func(l *ManifestList) error { return s.fill(l, n) })
}

// fill puts images of this store, artifacts and annotations into a list.
func (s *Store) fill(l *ManifestList, n NewList) error {
	if len(n.Annotations) > 0 {
		l.Annotate(n.Annotations)
	}
	for i, img := range n.Images {
		entry, err := s.EntryOf(img)
		if err != nil {
			return err
		}
		if n.EntryAnnotations != nil {
			entry.Annotations = n.EntryAnnotations[i]
		}
		l.Add(entry, s.whereIs(img))
	}
	for _, a := range n.Artifacts {
		if err := l.Attach(a); err != nil {
			return err
		}
	}
	return nil
}

// whereIs says where an image of this store is, as podman and buildah write it, which read it too.
func (s *Store) whereIs(img *Image) string {
	return fmt.Sprintf("containers-storage:[%s@%s+%s]@%s", s.Driver(), s.GraphRoot(), s.RunRoot(), img.ID)
}

// EntryOf is the entry that an image has in a list.
func (s *Store) EntryOf(img *Image) (specs.Descriptor, error) {
	raw, err := s.RawManifest(img)
	if err != nil {
		return specs.Descriptor{}, err
	}
	m := struct {
		MediaType string `json:"mediaType"`
	}{specs.MediaTypeImageManifest} // which OCI's need not say
	if err := json.Unmarshal(raw, &m); err != nil {
		return specs.Descriptor{}, fmt.Errorf("the manifest of image %q: %w", img, err)
	}
	platform := img.Config.Platform
	return specs.Descriptor{MediaType: m.MediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw)), Platform: &platform}, nil
}
