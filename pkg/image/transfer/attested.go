package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/types"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/image/attestation"
)

// Attestations name the image they are about by its digest, and that is known only when the image has been copied: layers are compressed on the way. So a list
// with attestations is copied in two steps. The images go first: to a registry without a tag, else into a layout in the workspace. Then the list and its
// attestations are made for what became of them, and copied as they are.

// pushAttested is pushList for a list with attestations.
func (j *job) pushAttested(ctx context.Context, l *image.ManifestList, src listRef, to string, opts image.PushOptions) (image.Pushed, error) {
	switch word, _ := transport(to); {
	case opts.Type != "" && opts.Type != image.OCI:
		return image.Pushed{}, fmt.Errorf("push to %q: attestations have a place in OCI's format only", to)
	case word == "docker-archive" || word == "docker-daemon":
		return image.Pushed{}, fmt.Errorf("push to %q: docker's archives have no place for attestations; oci-archive has", to)
	case len(opts.AddCompression) > 0:
		return image.Pushed{}, fmt.Errorf("push to %q: an image with attestations goes in one compression, since they say which", to)
	}
	moved, err := j.sendImages(ctx, l, src, to, opts)
	if err != nil {
		return image.Pushed{}, err
	}
	if err := failpoint.Hit("push.attested"); err != nil {
		return image.Pushed{}, err
	}
	how := copy.Options{PreserveDigests: true, ImageListSelection: copy.CopyAllImages}
	if src.to != "" && !opts.Signing.Any() {
		// The images are there; to be signed they are looked at again.
		how.ImageListSelection = copy.CopySpecificImages
		for _, d := range moved.Index.Manifests {
			if _, ok := image.Attests(d); ok {
				how.Instances = append(how.Instances, d.Digest)
			}
		}
	}
	// The images have their form already.
	opts.Compression, opts.Level, opts.Force, opts.EncryptionKeys, opts.EncryptLayers = "", nil, false, nil, nil
	src.list, src.only = moved, how.Instances
	return j.transmit(ctx, src, to, how, opts)
}

// sendImages copies the images of a list to where the list will be, and gives the list of what became of them.
func (j *job) sendImages(ctx context.Context, l *image.ManifestList, src listRef, to string, opts image.PushOptions) (*image.ManifestList, error) {
	moved := &image.ManifestList{Image: l.Image, Where: map[digest.Digest]string{}}
	moved.Index = l.Index
	moved.Index.Manifests = nil
	became := map[digest.Digest][2]specs.Descriptor{} // by the old digest
	for i, d := range l.Index.Manifests {
		if _, ok := image.Attests(d); ok {
			continue
		}
		entry, where, err := j.sendImage(ctx, d, src, to, i, opts)
		if err != nil {
			return nil, err
		}
		became[d.Digest] = [2]specs.Descriptor{d, entry}
		moved.Add(entry, where)
	}
	for _, d := range l.Index.Manifests {
		about, ok := image.Attests(d)
		if !ok {
			continue
		}
		if err := attestAgain(l, moved, d, became[about]); err != nil {
			return nil, fmt.Errorf("push to %q: %w", to, err)
		}
	}
	return moved, nil
}

// attestAgain puts an attestation of l into the list moved. Of an image that did not change it is the same.
func attestAgain(l, moved *image.ManifestList, entry specs.Descriptor, became [2]specs.Descriptor) error {
	a, ok, err := l.Artifact(entry.Digest)
	if err != nil {
		return err
	}
	old, to := became[0], became[1]
	switch {
	case old.Digest == "":
		return errors.New("it has an attestation of an image that is not in it; manifest remove takes it out")
	case ok && old.Digest == to.Digest:
		return moved.Attach(image.Attached{Entry: entry, Artifact: a})
	case old.Digest == to.Digest:
		moved.Add(entry, l.Where[entry.Digest])
		return nil
	case !ok:
		return fmt.Errorf("the attestation %s is in another registry, and the image that it is about changes its form", entry.Digest)
	}
	again, err := attestation.Retarget(a, old, to)
	if err != nil {
		return err
	}
	return moved.Attach(again)
}

// sendImage copies one image of a list, and gives its entry as it is there, and where that is.
func (j *job) sendImage(ctx context.Context, d specs.Descriptor, src listRef, to string, number int, opts image.PushOptions) (entry specs.Descriptor, where string, err error) {
	var how copy.Options
	opts.Type = image.OCI
	if err := j.shape(&how, opts); err != nil {
		return entry, "", fmt.Errorf("push to %q: %w", to, err)
	}
	dst, where, err := j.halfway(src.to, to, number)
	if err != nil {
		return entry, "", fmt.Errorf("push to %q: %w", to, err)
	}
	how.RemoveSignatures = opts.Signing.Remove
	src.only = []digest.Digest{d.Digest}
	var written []byte
	err = j.again(ctx, func() error {
		var err error
		written, err = j.copy(ctx, dst, oneOf{src, d.Digest}, how)
		return err
	})
	if err != nil {
		return entry, "", explainRef("push to", dst, err)
	}
	sum, err := manifest.Digest(written)
	if err != nil {
		return entry, "", err
	}
	entry = d
	entry.MediaType, entry.Digest, entry.Size = manifest.GuessMIMEType(written), sum, int64(len(written))
	if src.to != "" {
		where += "@" + sum.String()
	}
	return noteZstd(entry, written), where, nil
}

// noteZstd marks the entry of an image with zstd layers as other tools do, which choose by that (containers/image).
func noteZstd(entry specs.Descriptor, text []byte) specs.Descriptor {
	var m specs.Manifest
	if json.Unmarshal(text, &m) != nil || len(m.Layers) == 0 {
		return entry
	}
	for _, layer := range m.Layers {
		if !strings.HasSuffix(layer.MediaType, "+zstd") {
			return entry
		}
	}
	annotations := map[string]string{"io.github.containers.compression.zstd": "true"}
	for name, value := range entry.Annotations {
		annotations[name] = value
	}
	entry.Annotations = annotations
	return entry
}

// halfway is where an image waits for its list: in the repository that it goes to, or in a layout in the workspace.
func (j *job) halfway(registry, to string, number int) (dst imageRef, where string, err error) {
	if registry == "" {
		dir, name := filepath.Join(j.work.dir, "attested"), fmt.Sprint(number)
		dst, err = layout.NewReference(dir, name)
		return dst, "oci:" + dir + ":" + name, err
	}
	ref, err := j.ref(to)
	if err != nil {
		return nil, "", err
	}
	repository := reference.TrimNamed(ref.DockerReference())
	dst, err = docker.NewReferenceUnknownDigest(repository)
	return dst, "docker://" + repository.String(), err
}

// oneOf is a single image of a list as something to copy from.
type oneOf struct {
	types.ImageReference
	sum digest.Digest
}

func (r oneOf) NewImageSource(ctx context.Context, sys *types.SystemContext) (types.ImageSource, error) {
	src, err := r.ImageReference.NewImageSource(ctx, sys)
	if err != nil {
		return nil, err
	}
	return oneSource{src, r.sum}, nil
}

// oneSource answers as the source of the image what it answers about an image of the list.
type oneSource struct {
	types.ImageSource
	sum digest.Digest
}

func (s oneSource) GetManifest(ctx context.Context, _ *digest.Digest) ([]byte, string, error) {
	return s.ImageSource.GetManifest(ctx, &s.sum)
}

func (s oneSource) GetSignatures(ctx context.Context, _ *digest.Digest) ([][]byte, error) {
	return s.ImageSource.GetSignatures(ctx, &s.sum)
}

func (s oneSource) LayerInfosForCopy(ctx context.Context, _ *digest.Digest) ([]types.BlobInfo, error) {
	return s.ImageSource.LayerInfosForCopy(ctx, &s.sum)
}

// artifactSource is an artifact that a list keeps, as something to copy from.
type artifactSource struct {
	ref types.ImageReference
	image.Artifact
}

func (s artifactSource) Reference() types.ImageReference { return s.ref }
func (s artifactSource) Close() error                    { return nil }
func (s artifactSource) HasThreadSafeGetBlob() bool      { return true }

func (s artifactSource) GetManifest(context.Context, *digest.Digest) ([]byte, string, error) {
	return s.Manifest, manifest.GuessMIMEType(s.Manifest), nil
}

func (s artifactSource) GetBlob(_ context.Context, info types.BlobInfo, _ types.BlobInfoCache) (io.ReadCloser, int64, error) {
	blob, ok := s.Blobs[info.Digest]
	if !ok {
		return nil, 0, fmt.Errorf("the artifact has no blob %s", info.Digest)
	}
	return io.NopCloser(bytes.NewReader(blob)), int64(len(blob)), nil
}

func (s artifactSource) GetSignatures(context.Context, *digest.Digest) ([][]byte, error) {
	return nil, nil
}

func (s artifactSource) LayerInfosForCopy(context.Context, *digest.Digest) ([]types.BlobInfo, error) {
	return nil, nil
}
