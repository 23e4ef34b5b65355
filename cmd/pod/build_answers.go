package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/image"
)

// buildMetadata is what --metadata-file says, in the words of docker.
type buildMetadata struct {
	Ref          string            `json:"buildx.build.ref"`
	ConfigDigest string            `json:"containerimage.config.digest,omitempty"`
	Descriptor   *specs.Descriptor `json:"containerimage.descriptor,omitempty"`
	Digest       string            `json:"containerimage.digest,omitempty"`
	Name         string            `json:"image.name,omitempty"`
}

// writeAnswers writes the files in which other programs look for what was built, and prints the id.
func (o *buildOptions) writeAnswers(a *app, store *image.Store, result build.Result, pushed []image.Pushed) error {
	if o.metadataFile != "" {
		m, err := o.metadata(store, result, pushed)
		var text []byte
		if err == nil {
			text, err = json.MarshalIndent(m, "", "  ")
		}
		if err == nil {
			err = atomicfile.WriteVolatile(o.metadataFile, append(text, '\n'))
		}
		if err != nil {
			return fmt.Errorf("write the metadata of the build: %w", err)
		}
	}
	if o.job.NoImage {
		return nil
	}
	id := ""
	if result.List != nil {
		id = result.List.ID
	} else {
		id = result.Images[0].ID
	}
	if o.iidFile != "" {
		// Without a newline, as docker and podman write it.
		if err := os.WriteFile(o.iidFile, []byte("sha256:"+id), 0o644); err != nil {
			return fmt.Errorf("write the id of the image: %w", err)
		}
	}
	if !o.streaming {
		fmt.Fprintln(a.Out, id)
	}
	return nil
}

// metadata describes what was made: as it is in the registry when it was pushed, else as it is in the store.
func (o *buildOptions) metadata(store *image.Store, result build.Result, pushed []image.Pushed) (buildMetadata, error) {
	m := buildMetadata{Ref: "default/default/" + strings.ToLower(rand.Text())[:25]}
	if o.job.NoImage {
		return m, nil
	}
	img := result.Images[0]
	if result.List != nil {
		img = result.List.Image
	} else {
		m.ConfigDigest = "sha256:" + img.ID
	}
	raw, err := store.RawManifest(img)
	if err != nil {
		return m, err
	}
	kind := struct {
		MediaType string `json:"mediaType"`
	}{specs.MediaTypeImageManifest}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return m, err
	}
	m.Descriptor = &specs.Descriptor{MediaType: kind.MediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if len(pushed) > 0 {
		m.Descriptor.Digest, m.Descriptor.Size = digest.Digest(pushed[0].Digest), pushed[0].Size
	}
	m.Digest, m.Name = m.Descriptor.Digest.String(), strings.Join(o.job.Names, ",")
	if o.job.List != "" && m.Name == "" {
		m.Name = o.job.List
	}
	return m, nil
}
