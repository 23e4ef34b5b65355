package image

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Artifact is a manifest in a list that is no image, as an attestation is, with the blobs that it names.
type Artifact struct {
	Manifest []byte
	Blobs    map[digest.Digest][]byte // its configuration and layers
}

// Attached is an artifact with its entry in a list.
type Attached struct {
	Entry specs.Descriptor
	Artifact
}

// artifactsKey is where podman (libimage, since 4.9) keeps the artifacts of a list.
const artifactsKey = "artifacts.json"

// artifacts is the data under that key; the names are podman's.
type artifacts struct {
	Manifests map[digest.Digest]string          `json:"manifests,omitempty"`
	Files     map[digest.Digest][]string        `json:"files,omitempty"` // of which the artifact was made, for people
	Configs   map[digest.Digest]digest.Digest   `json:"config,omitempty"`
	Layers    map[digest.Digest][]digest.Digest `json:"layers,omitempty"`
	Detached  map[digest.Digest]string          `json:"detached,omitempty"` // blobs that lie in files of the user's
	Blobs     map[digest.Digest][]byte          `json:"blobs,omitempty"`
}

// maxDetached is the most that is read of a blob that lies in a file.
const maxDetached = 256 << 20

// Attach puts an artifact into the list.
func (l *ManifestList) Attach(a Attached) error {
	if err := l.keep(a); err != nil {
		return err
	}
	l.replace(a.Entry)
	return nil
}

// keep has the list hold what an artifact consists of.
func (l *ManifestList) keep(a Attached) error {
	var m specs.Manifest
	if err := json.Unmarshal(a.Manifest, &m); err != nil {
		return fmt.Errorf("the manifest %s: %w", a.Entry.Digest, err)
	}
	all := &l.artifacts
	if all.Manifests == nil {
		all.Manifests, all.Configs, all.Layers = map[digest.Digest]string{}, map[digest.Digest]digest.Digest{}, map[digest.Digest][]digest.Digest{}
	}
	if all.Blobs == nil {
		all.Blobs = map[digest.Digest][]byte{}
	}
	sum := a.Entry.Digest
	all.Manifests[sum], all.Configs[sum], all.Layers[sum] = string(a.Manifest), m.Config.Digest, nil
	for _, layer := range m.Layers {
		all.Layers[sum] = append(all.Layers[sum], layer.Digest)
	}
	for blob, content := range a.Blobs {
		all.Blobs[blob] = content
	}
	return nil
}

// Artifact gives what the list itself keeps of an entry; false: the entry is an image, or lies elsewhere.
func (l *ManifestList) Artifact(sum digest.Digest) (Artifact, bool, error) {
	text, ok := l.artifacts.Manifests[sum]
	if !ok {
		return Artifact{}, false, nil
	}
	a := Artifact{Manifest: []byte(text), Blobs: map[digest.Digest][]byte{}}
	for _, blob := range append(slices.Clone(l.artifacts.Layers[sum]), l.artifacts.Configs[sum]) {
		content, ok := l.artifacts.Blobs[blob]
		if path := l.artifacts.Detached[blob]; !ok && path != "" {
			var err error
			if content, err = readDetached(path, blob); err != nil {
				return a, true, fmt.Errorf("read the artifact %s of the list: %w", sum, err)
			}
		}
		a.Blobs[blob] = content
	}
	return a, true, nil
}

// readDetached reads a blob that lies in a file, which may have changed since.
func readDetached(path string, want digest.Digest) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxDetached {
		return nil, fmt.Errorf("%q is not a file of at most %d bytes", path, maxDetached)
	}
	content, err := os.ReadFile(path)
	if err == nil && digest.FromBytes(content) != want {
		err = fmt.Errorf("%q is not what was added any more", path)
	}
	return content, err
}

// drop forgets an artifact, and the blobs that no other has.
func (all *artifacts) drop(sum digest.Digest) {
	delete(all.Manifests, sum)
	delete(all.Files, sum)
	delete(all.Configs, sum)
	delete(all.Layers, sum)
	needed := map[digest.Digest]bool{}
	for _, config := range all.Configs {
		needed[config] = true
	}
	for _, layers := range all.Layers {
		for _, layer := range layers {
			needed[layer] = true
		}
	}
	for blob := range all.Blobs {
		if !needed[blob] {
			delete(all.Blobs, blob)
		}
	}
	for blob := range all.Detached {
		if !needed[blob] {
			delete(all.Detached, blob)
		}
	}
}
