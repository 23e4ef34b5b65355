package courier

import (
	"context"

	"github.com/pod-engine/pod/pkg/image"
)

// AddToList puts images into a manifest list; see transfer.Transfer.AddToList.
func (c Courier) AddToList(ctx context.Context, s *image.Store, list string, names []string, opts image.ListAdd) (*image.ManifestList, error) {
	if _, err := c.run(ctx, s, Request{Verb: AddToList, List: list, Names: names, ListAdd: opts, Progress: opts.Progress != nil}, nil, nil); err != nil {
		return nil, err
	}
	return s.ManifestList(ctx, list)
}

// PushList copies a manifest list out of the store; see transfer.Transfer.PushList.
func (c Courier) PushList(ctx context.Context, s *image.Store, list, to string, only bool, opts image.PushOptions) ([]image.Pushed, error) {
	request := Request{Verb: PushList, List: list, To: to, Only: only, Push: opts, Progress: opts.Progress != nil}
	answer, err := c.run(ctx, s, request, nil, nil)
	return answer.Pushed, err
}

// Manifest gives the manifest that a name in a registry stands for; see transfer.Transfer.Manifest.
func (c Courier) Manifest(ctx context.Context, s *image.Store, name string, access image.Access) (image.Manifest, error) {
	answer, err := c.run(ctx, s, Request{Verb: Manifest, Names: []string{name}, Access: access}, nil, nil)
	return answer.Manifest, err
}
