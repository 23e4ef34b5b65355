package artifact

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/image"
)

// UnknownType is the type of an artifact that nobody gave one.
const UnknownType = "application/vnd.unknown.artifact.v1"

// AddOptions say what is made of files.
type AddOptions struct {
	Type        string            // of the artifact; empty: UnknownType
	FileType    string            // media type of the files; empty: found out from their content
	Annotations map[string]string // of each file
	Append      bool              // add to the artifact that has the name
	Replace     bool              // take the place of the artifact that has the name
}

// Add makes an artifact of files, which are copied. Each is a layer whose title is the name of the file.
func (s *Store) Add(ctx context.Context, name string, files []string, opts AddOptions) (Artifact, error) {
	n, err := image.LocalName(name)
	if err != nil {
		return Artifact{}, err
	}
	a := Artifact{Name: n.String()}
	err = s.change(ctx, "add an artifact", func(index *specs.Index) error {
		m, err := s.start(*index, a.Name, opts)
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := s.addFile(ctx, m, file, opts); err != nil {
				return err
			}
		}
		if err := failpoint.Hit("artifact.files"); err != nil {
			return err
		}
		a.Manifest = *m
		a.Digest, err = s.record(index, a.Name, *m)
		return err
	})
	if err != nil {
		return a, fmt.Errorf("add artifact %q: %w", n, err)
	}
	return a, nil
}

// start gives the manifest to add to: an empty one, or that of the artifact which has the name.
func (s *Store) start(index specs.Index, name string, opts AddOptions) (*specs.Manifest, error) {
	i := slices.IndexFunc(index.Manifests, func(d specs.Descriptor) bool { return d.Annotations[specs.AnnotationRefName] == name })
	switch {
	case i < 0 && opts.Append:
		return nil, ErrNotFound
	case i >= 0 && opts.Append:
		old, err := s.read(index.Manifests[i])
		if err == nil && opts.Type != "" && opts.Type != old.Manifest.ArtifactType {
			err = fmt.Errorf("it is of the type %q", old.Manifest.ArtifactType)
		}
		return &old.Manifest, err
	case i >= 0 && !opts.Replace:
		return nil, hint.Wrap(errors.New("it is there already"), "artifact add --append or --replace")
	}
	m := &specs.Manifest{MediaType: specs.MediaTypeImageManifest, ArtifactType: opts.Type, Config: specs.DescriptorEmptyJSON, Layers: []specs.Descriptor{}}
	m.SchemaVersion = 2
	if m.ArtifactType == "" {
		m.ArtifactType = UnknownType
	}
	m.Annotations = map[string]string{specs.AnnotationCreated: time.Now().UTC().Format(time.RFC3339Nano)}
	_, err := s.write(specs.DescriptorEmptyJSON.Data)
	return m, err
}

// addFile copies one file into the store.
func (s *Store) addFile(ctx context.Context, m *specs.Manifest, path string, opts AddOptions) error {
	title := filepath.Base(path)
	for _, l := range m.Layers {
		if l.Annotations[specs.AnnotationTitle] == title {
			return fmt.Errorf("it has a file %q already", title)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, fmt.Errorf("%q is not a file", path))
	}
	layer := specs.Descriptor{MediaType: opts.FileType, Annotations: map[string]string{specs.AnnotationTitle: title}}
	maps.Copy(layer.Annotations, opts.Annotations)
	if layer.MediaType == "" {
		var head [512]byte
		n, err := f.ReadAt(head[:], 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		layer.MediaType = http.DetectContentType(head[:n])
	}
	if layer.Digest, layer.Size, err = s.copy(ctx, f); err != nil {
		return err
	}
	m.Layers = append(m.Layers, layer)
	return nil
}

// copy writes a stream as a blob, which appears when it is whole.
func (s *Store) copy(ctx context.Context, from io.Reader) (digest.Digest, int64, error) {
	tmp, err := os.CreateTemp(filepath.Join(s.dir, specs.ImageBlobsDir, string(digest.SHA256)), ".new-")
	if err != nil {
		return "", 0, err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	digester := digest.SHA256.Digester()
	n, err := io.Copy(io.MultiWriter(tmp, digester.Hash()), from)
	if err == nil {
		err = errors.Join(ctx.Err(), tmp.Sync())
	}
	if err != nil {
		return "", 0, err
	}
	path, err := s.blob(digester.Digest())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	return digester.Digest(), n, err
}

func (s *Store) write(text []byte) (digest.Digest, error) {
	path, err := s.blob(digest.FromBytes(text))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return digest.FromBytes(text), err
	}
	return digest.FromBytes(text), os.WriteFile(path, text, 0o600)
}

// record puts a manifest into the index under a name, in place of what had it.
func (s *Store) record(index *specs.Index, name string, m specs.Manifest) (digest.Digest, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	sum, err := s.write(text)
	if err != nil {
		return "", err
	}
	enter(index, name, specs.Descriptor{MediaType: specs.MediaTypeImageManifest, ArtifactType: m.ArtifactType, Digest: sum, Size: int64(len(text))})
	return sum, nil
}

func enter(index *specs.Index, name string, d specs.Descriptor) {
	d.Annotations = map[string]string{specs.AnnotationRefName: name}
	index.Manifests = slices.DeleteFunc(index.Manifests, func(old specs.Descriptor) bool { return old.Annotations[specs.AnnotationRefName] == name })
	index.Manifests = append(index.Manifests, d)
}

// Adopt takes in the one artifact of another layout, by moving its blobs, and gives it the name.
func (s *Store) Adopt(ctx context.Context, layout, name string) (a Artifact, err error) {
	other := &Store{layout}
	index, err := other.index()
	if err == nil && len(index.Manifests) != 1 {
		err = fmt.Errorf("there are %d manifests in it", len(index.Manifests))
	}
	if err != nil {
		return a, fmt.Errorf("take in artifact %q: %w", name, err)
	}
	d := index.Manifests[0]
	err = s.change(ctx, "pull an artifact", func(index *specs.Index) error {
		from, to := filepath.Join(layout, specs.ImageBlobsDir, string(digest.SHA256)), filepath.Join(s.dir, specs.ImageBlobsDir, string(digest.SHA256))
		blobs, err := os.ReadDir(from)
		if err != nil {
			return err
		}
		for _, b := range blobs {
			if err := move(filepath.Join(from, b.Name()), filepath.Join(to, b.Name())); err != nil {
				return err
			}
		}
		enter(index, name, d)
		return nil
	})
	if err != nil {
		return a, fmt.Errorf("take in artifact %q: %w", name, err)
	}
	return s.Find(name)
}

// move is rename, also from another file system (TMPDIR).
func move(from, to string) error {
	if os.Rename(from, to) == nil {
		return nil
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	part := to + ".part"
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, f)
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, to)
}
