package courier

import (
	"context"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/pkg/image"
)

// Layout is an OCI layout, or a blob of one in a registry.
type Layout struct {
	Path     string // of the directory, or of the file to write
	Tag      string
	Blob     specs.Descriptor
	Platform image.Platform
}

// PushLayout copies what an OCI layout has under a tag to a registry; see transfer.Transfer.PushLayout.
func (c Courier) PushLayout(ctx context.Context, s *image.Store, dir, tag, to string, opts image.PushOptions) ([]image.Pushed, error) {
	request := Request{Verb: PushLayout, Layout: Layout{Path: dir, Tag: tag}, To: to, Push: opts, Progress: opts.Progress != nil}
	answer, err := c.run(ctx, s, request, nil, nil)
	return answer.Pushed, err
}

// ManifestFor gives the manifest of an image in a registry, of a list the one for a platform; see transfer.Transfer.ManifestFor.
func (c Courier) ManifestFor(ctx context.Context, s *image.Store, name string, p image.Platform, access image.Access) (image.Manifest, error) {
	answer, err := c.run(ctx, s, Request{Verb: ManifestFor, Names: []string{name}, Layout: Layout{Platform: p}, Access: access}, nil, nil)
	return answer.Manifest, err
}

// Blob writes a blob of a repository to a file; see transfer.Transfer.Blob.
func (c Courier) Blob(ctx context.Context, s *image.Store, name string, want specs.Descriptor, path string, access image.Access) error {
	_, err := c.run(ctx, s, Request{Verb: Blob, Names: []string{name}, Layout: Layout{Path: path, Blob: want}, Access: access}, nil, nil)
	return err
}
