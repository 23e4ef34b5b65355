// Package artifact keeps OCI artifacts: files under names like those of images, which registries take as they take images. The store is
// an OCI image layout (image-spec, image-layout.md) in the directory "artifacts" of the image store, where podman has its own.
//
// The index is replaced whole, so reading takes no lock; whoever changes it holds index.lock. A blob that no manifest names any more is
// removed with the last that did.
package artifact

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/pkg/image"
)

// ErrNotFound says that there is no artifact of this name. It is never the whole message.
var ErrNotFound = errors.New("no such artifact")

// Store is the user's artifacts. Its methods may be called from several goroutines.
type Store struct{ dir string }

// Open gives the artifacts beside an image store. Nothing is made until something is added.
func Open(images *image.Store) *Store {
	return &Store{filepath.Join(images.GraphRoot(), "artifacts")}
}

// Dir is the directory of the layout.
func (s *Store) Dir() string { return s.dir }

// Artifact is one artifact as found.
type Artifact struct {
	Name     string // full, with a tag
	Digest   digest.Digest
	Manifest specs.Manifest
}

// Size is the bytes of its files.
func (a Artifact) Size() int64 {
	var n int64
	for _, l := range a.Manifest.Layers {
		n += l.Size
	}
	return n
}

// List gives all artifacts in the order of their names.
func (s *Store) List() ([]Artifact, error) {
	index, err := s.index()
	if err != nil {
		return nil, err
	}
	var all []Artifact
	for _, d := range index.Manifests {
		a, err := s.read(d)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b Artifact) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(string(a.Digest), string(b.Digest)))
	})
	return all, nil
}

// Find gives the artifact called name, or whose digest begins with it. The error is ErrNotFound (wrapped) when there is none.
func (s *Store) Find(name string) (Artifact, error) {
	all, err := s.List()
	if err != nil {
		return Artifact{}, err
	}
	if full, err := image.LocalName(name); err == nil {
		for _, a := range all {
			if a.Name == full.String() || full.Digest != "" && a.Digest.String() == full.Digest {
				return a, nil
			}
		}
	}
	var found []Artifact
	for _, a := range all {
		if prefix := strings.TrimPrefix(name, "sha256:"); prefix != "" && strings.HasPrefix(a.Digest.Encoded(), prefix) {
			found = append(found, a)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return Artifact{}, fmt.Errorf("%w as %q", ErrNotFound, name)
}

func (s *Store) index() (specs.Index, error) {
	index := specs.Index{}
	index.SchemaVersion, index.MediaType = 2, specs.MediaTypeImageIndex
	text, err := os.ReadFile(filepath.Join(s.dir, specs.ImageIndexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return index, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &index)
	}
	if err != nil {
		return index, fmt.Errorf("read the index of artifacts: %w", err)
	}
	return index, nil
}

func (s *Store) read(d specs.Descriptor) (Artifact, error) {
	a := Artifact{Name: d.Annotations[specs.AnnotationRefName], Digest: d.Digest}
	path, err := s.blob(d.Digest)
	if err != nil {
		return a, err
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &a.Manifest)
	}
	if err != nil {
		return a, fmt.Errorf("read artifact %q: %w", a.Name, err)
	}
	return a, nil
}

// blob is the path of a blob. A digest that is none could lead elsewhere.
func (s *Store) blob(d digest.Digest) (string, error) {
	if err := d.Validate(); err != nil {
		return "", fmt.Errorf("digest %q: %w", d, err)
	}
	return filepath.Join(s.dir, specs.ImageBlobsDir, d.Algorithm().String(), d.Encoded()), nil
}

// change rewrites the index as edit does, and then removes the blobs that nothing names any more.
func (s *Store) change(ctx context.Context, purpose string, edit func(*specs.Index) error) error {
	if err := os.MkdirAll(filepath.Join(s.dir, specs.ImageBlobsDir, string(digest.SHA256)), 0o700); err != nil {
		return err
	}
	lock, err := filelock.Acquire(ctx, filepath.Join(s.dir, "index.lock"), purpose)
	if err != nil {
		return err
	}
	defer lock.Release()
	layout := filepath.Join(s.dir, specs.ImageLayoutFile)
	if _, err := os.Stat(layout); errors.Is(err, fs.ErrNotExist) {
		if err := atomicfile.Write(layout, []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
			return err
		}
	}
	index, err := s.index()
	if err != nil {
		return err
	}
	if err := edit(&index); err != nil {
		return err
	}
	text, err := json.Marshal(index)
	if err != nil {
		return err
	}
	if err := failpoint.Hit("artifact.index"); err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(s.dir, specs.ImageIndexFile), text); err != nil {
		return err
	}
	if err := failpoint.Hit("artifact.indexed"); err != nil {
		return err
	}
	return s.sweep(index)
}

// sweep removes the blobs that no manifest of the index names.
func (s *Store) sweep(index specs.Index) error {
	needed := map[string]bool{}
	for _, d := range index.Manifests {
		a, err := s.read(d)
		if err != nil {
			return err // rather keep too much
		}
		needed[d.Digest.Encoded()], needed[a.Manifest.Config.Digest.Encoded()] = true, true
		for _, l := range a.Manifest.Layers {
			needed[l.Digest.Encoded()] = true
		}
	}
	dir := filepath.Join(s.dir, specs.ImageBlobsDir, string(digest.SHA256))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !needed[e.Name()] {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// Remove takes artifacts out of the store.
func (s *Store) Remove(ctx context.Context, gone []Artifact) error {
	err := s.change(ctx, "remove an artifact", func(index *specs.Index) error {
		index.Manifests = slices.DeleteFunc(index.Manifests, func(d specs.Descriptor) bool {
			return slices.ContainsFunc(gone, func(a Artifact) bool { return a.Digest == d.Digest && a.Name == d.Annotations[specs.AnnotationRefName] })
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove artifacts: %w", err)
	}
	return nil
}
