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
func (o *buildOptions) writeAnswers(a *app, made builtResult) error {
	if o.metadataFile != "" {
		m, err := o.metadata(made)
		if err == nil {
			err = writeMetadata(o.metadataFile, m)
		}
		if err != nil {
			return err
		}
	}
	id := made.id()
	if id == "" {
		return nil
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

// writeMetadata writes the file of --metadata-file.
func writeMetadata(path string, metadata any) error {
	text, err := json.MarshalIndent(metadata, "", "  ")
	if err == nil {
		err = atomicfile.WriteVolatile(path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the metadata of the build: %w", err)
	}
	return nil
}

// metadata describes what was made: as it is in the registry when it was pushed, else as it is in the store.
func (o *buildOptions) metadata(made builtResult) (buildMetadata, error) {
	m := buildMetadata{Ref: "default/default/" + strings.ToLower(rand.Text())[:25]}
	if made.id() == "" {
		return m, nil
	}
	img := made.Images[0]
	if made.List != nil {
		img = made.List.Image
	} else {
		m.ConfigDigest = "sha256:" + img.ID
	}
	raw, err := made.store.RawManifest(img)
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
	if len(made.pushed) > 0 {
		m.Descriptor.Digest, m.Descriptor.Size = digest.Digest(made.pushed[0].Digest), made.pushed[0].Size
	}
	m.Digest, m.Name = m.Descriptor.Digest.String(), strings.Join(o.job.Names, ",")
	if o.job.List != "" && m.Name == "" {
		m.Name = o.job.List
	}
	for _, out := range o.outputs {
		if m.Name == "" && out.push {
			names, err := o.destinations(out)
			m.Name = strings.Join(names, ",")
			return m, err
		}
	}
	return m, nil
}
