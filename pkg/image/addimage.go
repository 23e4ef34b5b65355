package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	specsgo "github.com/opencontainers/image-spec/specs-go"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/failpoint"
	"go.podman.io/storage"
)

// NewImage is an image to be recorded.
type NewImage struct {
	// Config is the configuration, as image-spec or docker define it. Its digest is the id of the image, and its rootfs.diff_ids are those of
	// Layers.
	Config []byte
	// Layers are all layers, lowest first (see Store.ImageLayers and AddLayer).
	Layers []Layer
	// Docker writes docker's manifest, schema 2, in place of OCI's. It has no annotations.
	Docker      bool
	Annotations map[string]string
	// Names are full names; an image that has one of them loses it. An image without names is what podman and buildah have as
	// build cache: intermediate while another is built on it, dangling else.
	Names []string
}

// AddImage records an image over layers that are in the store, so that podman, buildah and skopeo read it too, and then moves the names to
// it in one step: a name means the image it meant before or this one. An image that is there already gets the names. The error is ErrNotFound
// (wrapped) when a layer has gone meanwhile.
func (s *Store) AddImage(ctx context.Context, n NewImage) (*Image, error) {
	if err := n.check(); err != nil {
		return nil, fmt.Errorf("record an image: %w", err)
	}
	manifest, err := n.manifest()
	if err != nil {
		return nil, fmt.Errorf("record an image: %w", err)
	}
	id := digest.FromBytes(n.Config)
	err = s.recording(ctx, id.Encoded(), func() error {
		return s.record(ctx, func(lib storage.Store) error {
			created, err := n.record(lib, id, manifest)
			if err != nil {
				return err
			}
			return s.name(lib, id.Encoded(), n.Names, created)
		})
	})
	if errors.Is(err, storage.ErrLayerUnknown) {
		err = fmt.Errorf("layer %s has gone: %w", ShortID(n.top()), ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("record image %s: %w", ShortID(id.Encoded()), err)
	}
	return s.Lookup(ctx, id.Encoded())
}

// record records the image under its first names, unless it is there.
func (n NewImage) record(lib storage.Store, id digest.Digest, manifest []byte) (created bool, err error) {
	sum := digest.FromBytes(manifest)
	data := []storage.ImageBigDataOption{
		{Key: id.String(), Data: n.Config, Digest: id},
		{Key: manifestPrefix + "-" + sum.String(), Data: manifest, Digest: sum},
		// Older readers know the manifest by this key only.
		{Key: storage.ImageDigestBigDataKey, Data: manifest, Digest: sum},
	}
	var conf struct{ Created time.Time }
	if err := json.Unmarshal(n.Config, &conf); err != nil {
		return false, err
	}
	opts := &storage.ImageOptions{CreationDate: conf.Created, Digest: sum, BigData: data}
	_, err = lib.CreateImage(id.Encoded(), firstNames(id.Encoded(), n.Names), n.top(), "{}", opts)
	created = err == nil
	if errors.Is(err, storage.ErrDuplicateID) {
		err = n.again(lib, id, data)
	}
	if err != nil {
		return false, err
	}
	return created, failpoint.Hit("image.recorded")
}

// again is record for an image that is there. The same configuration under another manifest is one image with two manifests.
func (n NewImage) again(lib storage.Store, id digest.Digest, data []storage.ImageBigDataOption) error {
	have, err := lib.Image(id.Encoded())
	if err != nil {
		return err
	}
	if have.Digest == data[1].Digest {
		return nil
	}
	for _, d := range data[1:] {
		if err := lib.SetImageBigData(have.ID, d.Key, d.Data, func(b []byte) (digest.Digest, error) { return digest.FromBytes(b), nil }); err != nil {
			return err
		}
	}
	return nil
}

func (n NewImage) top() string {
	if len(n.Layers) == 0 {
		return ""
	}
	return n.Layers[len(n.Layers)-1].ID
}

func (n NewImage) check() error {
	var conf specs.Image
	if err := json.Unmarshal(n.Config, &conf); err != nil {
		return fmt.Errorf("its configuration is not JSON: %w", err)
	}
	same := func(d digest.Digest, l Layer) bool { return d == l.DiffID }
	if !slices.EqualFunc(conf.RootFS.DiffIDs, n.Layers, same) {
		return fmt.Errorf("its configuration names the layers %v, it has %v", conf.RootFS.DiffIDs, n.Layers)
	}
	if n.Docker && len(n.Annotations) > 0 {
		return errors.New("an image in docker's format has no annotations")
	}
	return nil
}

// Media types of docker's manifest, schema 2 (distribution, spec/manifest-v2-2.md).
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
	dockerLayer    = "application/vnd.docker.image.rootfs.diff.tar"
)

// manifest describes the layers as they are in the store, not compressed; who copies the image elsewhere compresses
// them and writes another manifest.
func (n NewImage) manifest() ([]byte, error) {
	manifestType, configType, layerType := specs.MediaTypeImageManifest, specs.MediaTypeImageConfig, specs.MediaTypeImageLayer
	if n.Docker {
		manifestType, configType, layerType = dockerManifest, dockerConfig, dockerLayer
	}
	m := specs.Manifest{
		Versioned: specsgo.Versioned{SchemaVersion: 2}, MediaType: manifestType,
		Config: specs.Descriptor{MediaType: configType, Digest: digest.FromBytes(n.Config), Size: int64(len(n.Config))},
		Layers: []specs.Descriptor{}, Annotations: n.Annotations,
	}
	for _, l := range n.Layers {
		m.Layers = append(m.Layers, specs.Descriptor{MediaType: layerType, Digest: l.DiffID, Size: l.Size})
	}
	return json.Marshal(m)
}

// ImageLayers gives the layers of an image, lowest first, to build on. The image is one of Lookup's.
func (s *Store) ImageLayers(img *Image) ([]Layer, error) {
	index, err := s.layers()
	if err != nil {
		return nil, err
	}
	var chain []Layer
	for id := img.TopLayer; id != ""; id = index[id].Parent {
		r, ok := index[id]
		if !ok || len(chain) > len(index) {
			return nil, fmt.Errorf("layer %s of image %q is not in the store: %w", ShortID(id), img, ErrNotFound)
		}
		chain = append(chain, Layer{ID: id, DiffID: digest.Digest(r.DiffDigest), Size: r.DiffSize, Found: true})
	}
	slices.Reverse(chain)
	// The configuration knows better: a layer of a partial pull may have been recorded without its digest.
	if ids := img.Config.RootFS.DiffIDs; len(ids) == len(chain) {
		for i := range chain {
			chain[i].DiffID = ids[i]
		}
	} else {
		return nil, fmt.Errorf("image %q has %d layers, and its configuration names %d", img, len(chain), len(ids))
	}
	return chain, nil
}
