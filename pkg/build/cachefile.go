package build

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
	specsgo "github.com/opencontainers/image-spec/specs-go"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
)

// The cache of a build that travels is an OCI image whose configuration says which steps have made which of its layers. An ordinary image
// can have the same field in its own configuration (an inline cache), so both are read alike.

// cacheConfigType is the media type of the configuration of a cache that is no image itself.
const cacheConfigType = "application/vnd.pod-engine.build.cache.config.v1+json"

const cacheLayerType = specs.MediaTypeImageLayerZstd

// cacheField is the field of the configuration.
const cacheField = "pod.build.cache.v1"

// cacheConfig is what is read of a configuration.
type cacheConfig struct {
	RootFS specs.RootFS `json:"rootfs"`
	Cache  cacheIndex   `json:"pod.build.cache.v1"`
}

type cacheIndex struct {
	Steps  []cacheStep  `json:"steps,omitempty"`
	Mounts []cacheMount `json:"mounts,omitempty"`
}

// cacheStep says that the step with these keys has made a layer.
type cacheStep struct {
	Keys    []string  `json:"keys"`
	Layer   int       `json:"layer"` // number in rootfs.diff_ids
	Created time.Time `json:"created"`
	Size    int64     `json:"size"` // of the layer's tar stream, in bytes
	Text    string    `json:"step,omitempty"`
}

// cacheMount is what a cache of RUN --mount=type=cache holds, as a layer.
type cacheMount struct {
	ID    string `json:"id"`
	Layer int    `json:"layer"`
	Mode  uint32 `json:"mode"`
	UID   int    `json:"uid"`
	GID   int    `json:"gid"`
}

// cacheContent is a cache as it is read: by key, and with the blob of each layer.
type cacheContent struct {
	steps  map[string]cacheLayer
	mounts map[string]cacheMount
	blobs  []cacheBlob
}

type cacheBlob struct {
	specs.Descriptor
	diffID digest.Digest
}

type cacheLayer struct {
	cacheBlob
	step cacheStep
}

// parseCache reads a manifest and its configuration, which a stranger may have written.
func parseCache(manifest, config []byte) (*cacheContent, error) {
	var m specs.Manifest
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, fmt.Errorf("its manifest: %w", err)
	}
	var c cacheConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("its configuration: %w", err)
	}
	if len(c.Cache.Steps) == 0 && len(c.Cache.Mounts) == 0 {
		return nil, errors.New("it is an image without a cache of pod")
	}
	if len(m.Layers) != len(c.RootFS.DiffIDs) {
		return nil, fmt.Errorf("its manifest has %d layers, its configuration %d", len(m.Layers), len(c.RootFS.DiffIDs))
	}
	out := &cacheContent{steps: map[string]cacheLayer{}, mounts: map[string]cacheMount{}}
	for i, l := range m.Layers {
		diffID := c.RootFS.DiffIDs[i]
		if err := errors.Join(l.Digest.Validate(), diffID.Validate()); err != nil {
			return nil, fmt.Errorf("the digests of layer %d: %w", i, err)
		}
		out.blobs = append(out.blobs, cacheBlob{specs.Descriptor{MediaType: l.MediaType, Digest: l.Digest, Size: l.Size}, diffID})
	}
	for _, step := range c.Cache.Steps {
		if step.Layer < 0 || step.Layer >= len(out.blobs) {
			return nil, fmt.Errorf("it has no layer %d", step.Layer)
		}
		for _, key := range step.Keys {
			out.steps[key] = cacheLayer{out.blobs[step.Layer], step}
		}
	}
	for _, mount := range c.Cache.Mounts {
		if mount.Layer < 0 || mount.Layer >= len(out.blobs) {
			return nil, fmt.Errorf("it has no layer %d", mount.Layer)
		}
		out.mounts[mount.ID] = mount
	}
	return out, nil
}

// inlineCache adds the steps that have made the layers of an image to its configuration.
func inlineCache(config []byte, layers []madeLayer, steps []notedStep) ([]byte, error) {
	number := map[string]int{}
	for i, l := range layers {
		number[l.ID] = i
	}
	var index cacheIndex
	for _, step := range steps {
		if i, ok := number[step.layer.ID]; ok {
			index.Steps = append(index.Steps, step.asCached(i))
		}
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(config, &fields); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(index)
	if err != nil {
		return nil, err
	}
	fields[cacheField] = raw
	return json.Marshal(fields)
}

// cacheManifest describes a cache as an image.
func cacheManifest(config specs.Descriptor, layers []specs.Descriptor) specs.Manifest {
	return specs.Manifest{
		Versioned: specsgo.Versioned{SchemaVersion: 2}, MediaType: specs.MediaTypeImageManifest, Config: config, Layers: layers,
	}
}
