// Package attestation makes statements about images and puts them into the form in which BuildKit keeps them beside an image: a manifest of
// its own in the index, whose layers are in-toto statements (BuildKit, docs/attestations/attestation-storage.md; in-toto/attestation, spec/v1).
//
// A statement names what it is about by digest. An image that is compressed on its way to a registry gets another digest than it has in the
// store, and Retarget then makes its attestations anew.
package attestation

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	specsgo "github.com/opencontainers/image-spec/specs-go"
	specs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pod-engine/pod/pkg/image"
)

const (
	// MediaType is that of a layer which is a statement.
	MediaType = "application/vnd.in-toto+json"
	// PredicateType is the annotation of such a layer that says what kind of statement it is.
	PredicateType = "in-toto.io/predicate-type"

	// SPDX is the predicate type of bills of materials.
	SPDX = "https://spdx.dev/Document"
	// Provenance begins the predicate types of SLSA provenance, which ends with its version.
	Provenance = "https://slsa.dev/provenance/"

	statementType = "https://in-toto.io/Statement/v1"
	artifactType  = "application/vnd.docker.attestation.manifest.v1+json"
	unknown       = "unknown"
)

// Statement is an in-toto statement.
type Statement struct {
	Type          string          `json:"_type"`
	PredicateType string          `json:"predicateType"`
	Subject       []Subject       `json:"subject"`
	Predicate     json.RawMessage `json:"predicate"`
}

// Subject is what a statement is about: a name, and digests by their algorithms.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// NewSubject is a subject with one digest.
func NewSubject(name string, sum digest.Digest) Subject {
	return Subject{name, map[string]string{sum.Algorithm().String(): sum.Encoded()}}
}

// NewStatement says something of the subjects.
func NewStatement(predicateType string, predicate json.RawMessage, subjects []Subject) Statement {
	if subjects == nil {
		subjects = []Subject{}
	}
	return Statement{statementType, predicateType, subjects, predicate}
}

// Form is how an attestation manifest is written.
type Form struct {
	// Image has it look like an image, as BuildKit before 0.31 wrote it, rather than like an OCI artifact.
	Image bool
}

// New puts statements about the image target into an attestation.
func New(target specs.Descriptor, statements []Statement, form Form) (image.Attached, error) {
	a := image.Attached{Artifact: image.Artifact{Blobs: map[digest.Digest][]byte{}}}
	m := specs.Manifest{Versioned: specsgo.Versioned{SchemaVersion: 2}, MediaType: specs.MediaTypeImageManifest, Layers: []specs.Descriptor{}}
	for _, s := range statements {
		text, err := json.Marshal(s)
		if err != nil {
			return a, fmt.Errorf("write a statement %s: %w", s.PredicateType, err)
		}
		sum := digest.FromBytes(text)
		a.Blobs[sum] = text
		m.Layers = append(m.Layers, specs.Descriptor{
			MediaType: MediaType, Digest: sum, Size: int64(len(text)), Annotations: map[string]string{PredicateType: s.PredicateType},
		})
	}
	if form.Image {
		if err := imageForm(&m, a.Blobs); err != nil {
			return a, err
		}
	} else {
		m.ArtifactType, m.Config = artifactType, specs.DescriptorEmptyJSON
		m.Subject = &specs.Descriptor{MediaType: target.MediaType, Digest: target.Digest, Size: target.Size}
		a.Blobs[m.Config.Digest] = m.Config.Data
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return a, err
	}
	a.Manifest = text
	a.Entry = specs.Descriptor{
		MediaType: m.MediaType, Digest: digest.FromBytes(text), Size: int64(len(text)),
		Platform:    &specs.Platform{Architecture: unknown, OS: unknown},
		Annotations: map[string]string{image.ReferenceType: image.AttestationManifest, image.ReferenceDigest: target.Digest.String()},
	}
	return a, nil
}

// imageForm gives the manifest the configuration of an image that nothing runs.
func imageForm(m *specs.Manifest, blobs map[digest.Digest][]byte) error {
	config := specs.Image{Platform: specs.Platform{Architecture: unknown, OS: unknown}, RootFS: specs.RootFS{Type: "layers"}}
	for _, layer := range m.Layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, layer.Digest)
	}
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	m.Config = specs.Descriptor{MediaType: specs.MediaTypeImageConfig, Digest: digest.FromBytes(text), Size: int64(len(text))}
	blobs[m.Config.Digest] = text
	return nil
}

// Read gives the statements of an attestation. Layers of another kind are left out.
func Read(a image.Artifact) ([]Statement, error) {
	m, err := manifest(a)
	if err != nil {
		return nil, err
	}
	var out []Statement
	for _, layer := range m.Layers {
		if layer.MediaType != MediaType {
			continue
		}
		s, err := ReadStatement(a.Blobs[layer.Digest])
		if err != nil {
			return nil, fmt.Errorf("read the statement %s: %w", layer.Digest, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func manifest(a image.Artifact) (m specs.Manifest, err error) {
	if err = json.Unmarshal(a.Manifest, &m); err != nil {
		err = fmt.Errorf("read an attestation: %w", err)
	}
	return m, err
}

// ReadStatement reads what New has written, and others.
func ReadStatement(text []byte) (s Statement, err error) {
	if err = json.Unmarshal(text, &s); err == nil && s.PredicateType == "" {
		err = errors.New("it is no in-toto statement")
	}
	return s, err
}

// Retarget gives the attestation of the image old as one of the image to, which is the same in another form.
func Retarget(a image.Artifact, old, to specs.Descriptor) (image.Attached, error) {
	m, err := manifest(a)
	if err != nil {
		return image.Attached{}, err
	}
	for _, layer := range m.Layers {
		if layer.MediaType != MediaType {
			return image.Attached{}, fmt.Errorf("the attestation of %s has a layer of the type %q, which may be signed and cannot follow the image into another form", old.Digest, layer.MediaType)
		}
	}
	statements, err := Read(a)
	if err != nil {
		return image.Attached{}, err
	}
	for _, s := range statements {
		for _, subject := range s.Subject {
			if subject.Digest[old.Digest.Algorithm().String()] == old.Digest.Encoded() {
				subject.Digest[to.Digest.Algorithm().String()] = to.Digest.Encoded()
			}
		}
	}
	return New(to, statements, Form{Image: m.ArtifactType == ""})
}
