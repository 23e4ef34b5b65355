package transfer

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/manifest"
	ociarchive "go.podman.io/image/v5/oci/archive"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/types"
)

// ociForm is an image as something to copy to where OCI's format is wanted. Docker's configuration is one of OCI's with more in it, so
// only the manifest of an image in docker's format is another. The library would also write the configuration anew: without its health check, and with another
// digest, which is the image's id.
type ociForm struct{ types.ImageReference }

// inForm is src in the form in which it is to be copied to dst.
func inForm(src, dst types.ImageReference, how copy.Options) types.ImageReference {
	wanted, to := how.ForceManifestMIMEType, dst.Transport()
	onlyOCI := to == ociarchive.Transport || to == layout.Transport
	if how.PreserveDigests || wanted != specs.MediaTypeImageManifest && (wanted != "" || !onlyOCI) {
		return src
	}
	return ociForm{src}
}

// NewImageSource gives an image that is signed as it is: its signatures are of its manifest.
func (r ociForm) NewImageSource(ctx context.Context, sys *types.SystemContext) (types.ImageSource, error) {
	src, err := r.ImageReference.NewImageSource(ctx, sys)
	if err != nil {
		return nil, err
	}
	signatures, err := src.GetSignatures(ctx, nil)
	if err != nil || len(signatures) > 0 {
		return src, nil // who copies it reports the error
	}
	return ociFormSource{src}, nil
}

type ociFormSource struct{ types.ImageSource }

func (s ociFormSource) GetManifest(ctx context.Context, instance *digest.Digest) ([]byte, string, error) {
	raw, kind, err := s.ImageSource.GetManifest(ctx, instance)
	if err != nil || instance != nil || kind != manifest.DockerV2Schema2MediaType {
		return raw, kind, err
	}
	m, err := manifest.Schema2FromManifest(raw)
	if err != nil {
		return nil, "", fmt.Errorf("read the manifest: %w", err)
	}
	form := specs.Manifest{
		MediaType: specs.MediaTypeImageManifest,
		Config:    specs.Descriptor{MediaType: specs.MediaTypeImageConfig, Digest: m.ConfigDescriptor.Digest, Size: m.ConfigDescriptor.Size},
		Layers:    []specs.Descriptor{},
	}
	form.SchemaVersion = 2
	for _, l := range m.LayersDescriptors {
		form.Layers = append(form.Layers, specs.Descriptor{MediaType: ociLayer(l.MediaType), Digest: l.Digest, Size: l.Size, URLs: l.URLs})
	}
	raw, err = json.Marshal(form)
	return raw, specs.MediaTypeImageManifest, err
}

func (s ociFormSource) LayerInfosForCopy(ctx context.Context, instance *digest.Digest) ([]types.BlobInfo, error) {
	layers, err := s.ImageSource.LayerInfosForCopy(ctx, instance)
	for i := range layers {
		layers[i].MediaType = ociLayer(layers[i].MediaType)
	}
	return layers, err
}

// ociLayer is OCI's name for a type of layers (image-spec, media-types.md).
func ociLayer(mediaType string) string {
	switch mediaType {
	case manifest.DockerV2SchemaLayerMediaTypeUncompressed:
		return specs.MediaTypeImageLayer
	case manifest.DockerV2Schema2LayerMediaType:
		return specs.MediaTypeImageLayerGzip
	case manifest.DockerV2SchemaLayerMediaTypeZstd:
		return specs.MediaTypeImageLayerZstd
	case manifest.DockerV2Schema2ForeignLayerMediaType:
		//lint:ignore SA1019 images that have such layers are copied as they are
		return specs.MediaTypeImageLayerNonDistributable
	case manifest.DockerV2Schema2ForeignLayerMediaTypeGzip:
		//lint:ignore SA1019 as above
		return specs.MediaTypeImageLayerNonDistributableGzip
	}
	return mediaType
}
