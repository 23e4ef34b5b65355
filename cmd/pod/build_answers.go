package main

import (
	"cmp"
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
type buildMetadata map[string]any

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
	for file, text := range map[string]string{o.iidFile: "sha256:" + id, o.rawIDFile: id} {
		if file == "" {
			continue
		}
		// Without a newline, as docker and podman write it.
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write the id of the image: %w", err)
		}
	}
	if o.streaming {
		return nil
	}
	if a.asDocker() {
		id = "sha256:" + id
	}
	_, err := fmt.Fprintln(a.Out, id)
	return err
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
	m := buildMetadata{"buildx.build.ref": "default/default/" + strings.ToLower(rand.Text())[:25]}
	for i, record := range made.Records {
		key := "buildx.build.provenance"
		if len(made.Records) > 1 {
			key += "/" + o.job.Platforms[i].String()
		}
		m[key] = record.Record(o.metadataMode == metadataMin)
	}
	if made.id() == "" {
		return m, nil
	}
	img := made.Images[0]
	if made.List != nil {
		img = made.List.Image
	} else {
		m["containerimage.config.digest"] = "sha256:" + img.ID
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
	d := specs.Descriptor{MediaType: kind.MediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if len(made.pushed) > 0 {
		d.Digest, d.Size = digest.Digest(made.pushed[0].Digest), made.pushed[0].Size
	}
	m["containerimage.descriptor"], m["containerimage.digest"] = d, d.Digest
	name, err := o.resultName()
	if name != "" {
		m["image.name"] = name
	}
	return m, err
}

// resultName is what the result is called, in the store or where it was pushed to.
func (o *buildOptions) resultName() (string, error) {
	name := cmp.Or(strings.Join(o.job.Names, ","), o.job.List)
	for _, out := range o.outputs {
		if name == "" && out.push {
			names, err := o.destinations(out)
			return strings.Join(names, ","), err
		}
	}
	return name, nil
}
