package image

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/internal/hint"
	"go.podman.io/storage"
)

// ManifestList is a list of images for several platforms, as a record of the store: an image without layers, whose manifest is the
// list. Podman and buildah keep theirs in the same way.
type ManifestList struct {
	*Image
	Index specs.Index
	// Where says where the image of an entry is, as a reference with transport; of one in this store, with its id.
	Where map[digest.Digest]string

	artifacts artifacts
}

// instancesKey is where buildah keeps Where; a record that has it is a list.
const instancesKey = "instances.json"

// ManifestList finds a list. The error is ErrNotFound (wrapped) when there is none of this name, and also when it is an image.
func (s *Store) ManifestList(ctx context.Context, name string) (*ManifestList, error) {
	m, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if !m.img.List {
		return nil, hint.Wrap(fmt.Errorf("%q is an image and no manifest list: %w", name, ErrNotFound), "pod manifest create NAME "+name)
	}
	l := &ManifestList{Image: m.img, Where: map[digest.Digest]string{}}
	raw, err := s.RawManifest(m.img)
	if err == nil {
		err = json.Unmarshal(raw, &l.Index) // docker's list has the same fields
	}
	if err == nil {
		raw, err = s.blob(m.img, instancesKey)
	}
	if err == nil {
		err = json.Unmarshal(raw, &l.Where)
	}
	if err == nil && slices.Contains(m.img.blob, artifactsKey) {
		if raw, err = s.blob(m.img, artifactsKey); err == nil {
			err = json.Unmarshal(raw, &l.artifacts)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read manifest list %q: %w", name, err)
	}
	return l, nil
}

// CreateManifestList makes an empty list. With amend, a list of this name that is there already is given as it is.
func (s *Store) CreateManifestList(ctx context.Context, name string, amend bool) (*ManifestList, error) {
	n, err := LocalName(name)
	if err != nil {
		return nil, err
	}
	switch old, err := s.find(ctx, n.String()); {
	case err == nil && amend && old.img.List:
		return s.ManifestList(ctx, n.String())
	case err == nil:
		return nil, hint.Wrap(fmt.Errorf("create manifest list %q: %w: the name belongs to %s", n, ErrInUse, ShortID(old.img.ID)),
			"use another name, or --amend to change the list that is there")
	case !errors.Is(err, ErrNotFound):
		return nil, err
	}
	var id [32]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	l := &ManifestList{Image: &Image{ID: hex.EncodeToString(id[:])}, Where: map[digest.Digest]string{}}
	data, err := l.data()
	if err == nil {
		err = s.record(ctx, func(lib storage.Store) error {
			if err := failpoint.Hit("manifest.create"); err != nil {
				return err
			}
			_, err := lib.CreateImage(l.ID, []string{n.String()}, "", "{}", &storage.ImageOptions{BigData: data})
			return errors.Join(err, failpoint.Hit("manifest.created"))
		})
	}
	if err != nil {
		return nil, fmt.Errorf("create manifest list %q: %w", n, err)
	}
	return s.ManifestList(ctx, l.ID)
}

// data is the list as the store keeps it.
func (l *ManifestList) data() ([]storage.ImageBigDataOption, error) {
	l.Index.SchemaVersion, l.Index.MediaType = 2, specs.MediaTypeImageIndex
	if l.Index.Manifests == nil {
		l.Index.Manifests = []specs.Descriptor{}
	}
	raw, err := json.Marshal(l.Index)
	if err != nil {
		return nil, err
	}
	where, err := json.Marshal(l.Where)
	if err != nil {
		return nil, err
	}
	data := []storage.ImageBigDataOption{
		{Key: storage.ImageDigestBigDataKey, Data: raw, Digest: digest.FromBytes(raw)},
		{Key: instancesKey, Data: where},
	}
	if l.artifacts.Manifests == nil {
		return data, nil
	}
	kept, err := json.Marshal(l.artifacts)
	return append(data, storage.ImageBigDataOption{Key: artifactsKey, Data: kept}), err
}

// EditManifestList changes a list: edit gets it as it is now, and no other process of pod changes it meanwhile. Nothing changes when edit gives
// an error.
func (s *Store) EditManifestList(ctx context.Context, name string, edit func(*ManifestList) error) (*ManifestList, error) {
	lib, err := s.Library()
	if err != nil {
		return nil, err
	}
	lock, err := filelock.Acquire(ctx, filepath.Join(s.storage.GraphRoot, "pod-manifests.lock"), "change a manifest list")
	if err != nil {
		return nil, fmt.Errorf("change manifest list %q: %w", name, err)
	}
	defer lock.Release()
	l, err := s.ManifestList(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := edit(l); err != nil {
		return nil, err
	}
	data, err := l.data()
	if err != nil {
		return nil, err
	}
	// Where goes first, so that a list never has an entry of which nobody knows where it is.
	slices.Reverse(data)
	for _, d := range data {
		if err := failpoint.Hit("manifest.write"); err != nil {
			return nil, err
		}
		if err := lib.SetImageBigData(l.ID, d.Key, d.Data, func([]byte) (digest.Digest, error) { return digest.FromBytes(d.Data), nil }); err != nil {
			return nil, fmt.Errorf("change manifest list %q: %w", name, err)
		}
	}
	return l, nil
}

// Add puts an entry into the list, in place of one with the same digest.
func (l *ManifestList) Add(entry specs.Descriptor, where string) {
	l.replace(entry)
	l.Where[entry.Digest] = where
}

func (l *ManifestList) replace(entry specs.Descriptor) {
	l.Index.Manifests = slices.DeleteFunc(l.Index.Manifests, func(d specs.Descriptor) bool { return d.Digest == entry.Digest })
	l.Index.Manifests = append(l.Index.Manifests, entry)
}

// Entry gives the entry of a list that a person means: by its digest, or by the name of the image it was added from.
func (s *Store) Entry(ctx context.Context, l *ManifestList, want string) (*specs.Descriptor, error) {
	digests := []string{want}
	if n, err := ParseName(want); err == nil && n.Digest != "" {
		digests = append(digests, n.Digest)
	} else if img, err := s.Lookup(ctx, want); err == nil {
		digests = append(digests, img.Digests...)
	}
	for i := range l.Index.Manifests {
		if slices.Contains(digests, l.Index.Manifests[i].Digest.String()) {
			return &l.Index.Manifests[i], nil
		}
	}
	return nil, hint.Wrap(fmt.Errorf("manifest list %q has no entry %q", l, want), "pod manifest inspect "+l.String()+" shows the digests")
}

// Annotate gives the list itself annotations.
func (l *ManifestList) Annotate(annotations map[string]string) {
	if l.Index.Annotations == nil {
		l.Index.Annotations = map[string]string{}
	}
	maps.Copy(l.Index.Annotations, annotations)
}

// Drop takes an entry out of the list, and with an image what attests to it.
func (l *ManifestList) Drop(entry digest.Digest) {
	l.Index.Manifests = slices.DeleteFunc(l.Index.Manifests, func(d specs.Descriptor) bool {
		about, attests := Attests(d)
		if d.Digest != entry && !(attests && about == entry) {
			return false
		}
		delete(l.Where, d.Digest)
		l.artifacts.drop(d.Digest)
		return true
	})
}

// Annotations of the entry of an attestation in a list (BuildKit, docs/attestations/attestation-storage.md).
const (
	ReferenceType   = "vnd.docker.reference.type"
	ReferenceDigest = "vnd.docker.reference.digest"
	// AttestationManifest is the value of ReferenceType.
	AttestationManifest = "attestation-manifest"
)

// Attests says which image of the list an entry makes statements about; false: it is no attestation.
func Attests(entry specs.Descriptor) (about digest.Digest, ok bool) {
	about = digest.Digest(entry.Annotations[ReferenceDigest])
	return about, entry.Annotations[ReferenceType] == AttestationManifest && about != ""
}

// Attested reports whether something in the list attests to an image in it.
func (l *ManifestList) Attested() bool {
	return slices.ContainsFunc(l.Index.Manifests, func(d specs.Descriptor) bool { _, ok := Attests(d); return ok })
}

// instance gives the local image of a list for a platform.
func (s *Store) instance(ctx context.Context, name string, list *Image, p Platform) (*Image, error) {
	l, err := s.ManifestList(ctx, list.ID)
	if err != nil {
		return nil, err
	}
	want := p.filled()
	for _, d := range l.Index.Manifests {
		if d.Platform == nil || !want.fits(Config{Image: specs.Image{Platform: *d.Platform}}) {
			continue
		}
		if found, err := s.WithManifest(d.Digest.String()); err != nil || found != nil {
			return found, err
		}
	}
	return nil, fmt.Errorf("%w: the manifest list %q has none for %s in this store", ErrNotFound, name, want)
}

// WithManifest finds an image, not a list, with a manifest of this digest; nil when there is none.
func (s *Store) WithManifest(digest string) (found *Image, err error) {
	err = s.images(func([]byte) bool { return true }, func(img *Image) bool {
		if !img.List && slices.Contains(img.Digests, digest) {
			found = img
		}
		return found == nil
	})
	return found, err
}
