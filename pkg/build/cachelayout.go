package build

import (
	"encoding/json"
	"errors"
	"io"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/failpoint"
)

// blob writes a file under its digest.
func (w *cacheWriter) blob(write func(io.Writer) error) (d specs.Descriptor, err error) {
	f, err := atomicfile.NewUnnamed(w.blobs())
	if err != nil {
		return d, err
	}
	defer f.Close()
	sum := digest.Canonical.Digester()
	err = write(io.MultiWriter(f, sum.Hash()))
	info, stat := f.Stat()
	if err = errors.Join(err, stat, f.Chmod(0o644)); err != nil {
		return d, err
	}
	d = specs.Descriptor{Digest: sum.Digest(), Size: info.Size()}
	return d, f.Place(filepath.Join(w.blobs(), d.Digest.Encoded()))
}

// finish writes configuration, manifest and index.
func (w *cacheWriter) finish() error {
	w.config.RootFS.Type = "layers"
	config, err := w.json(w.config, cacheConfigType)
	if err != nil {
		return err
	}
	manifest, err := w.json(cacheManifest(config, w.layers), specs.MediaTypeImageManifest)
	if err != nil {
		return err
	}
	manifest.Annotations = map[string]string{specs.AnnotationRefName: CacheTag}
	index := specs.Index{MediaType: specs.MediaTypeImageIndex, Manifests: []specs.Descriptor{manifest}}
	index.SchemaVersion = 2
	text, err := json.Marshal(index)
	if err != nil {
		return err
	}
	layout := []byte(`{"imageLayoutVersion":"` + specs.ImageLayoutVersion + `"}`)
	if err := atomicfile.WriteVolatile(filepath.Join(w.CacheTarget.Dir, specs.ImageLayoutFile), layout); err != nil {
		return err
	}
	if err := failpoint.Hit("build.cachewritten"); err != nil {
		return err
	}
	return atomicfile.WriteVolatile(filepath.Join(w.CacheTarget.Dir, specs.ImageIndexFile), text)
}

// CacheTag is the name of a cache in its layout.
const CacheTag = "latest"

func (w *cacheWriter) json(v any, mediaType string) (specs.Descriptor, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return specs.Descriptor{}, err
	}
	d, err := w.blob(func(to io.Writer) error {
		_, err := to.Write(text)
		return err
	})
	d.MediaType = mediaType
	return d, err
}
