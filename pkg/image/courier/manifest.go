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

// Look gives what a name in a registry stands for, with parts of it; see transfer.Transfer.Look.
func (c Courier) Look(ctx context.Context, s *image.Store, name string, at image.LookAt) (image.Looked, error) {
	answer, err := c.run(ctx, s, Request{Verb: Look, Names: []string{name}, LookAt: at}, nil, nil)
	return answer.Looked, err
}

// Copy copies what a name in a registry stands for to another; see transfer.Transfer.Copy.
func (c Courier) Copy(ctx context.Context, s *image.Store, from, to string, opts image.PushOptions) ([]image.Pushed, error) {
	answer, err := c.run(ctx, s, Request{Verb: Copy, Names: []string{from}, To: to, Push: opts, Progress: opts.Progress != nil}, nil, nil)
	return answer.Pushed, err
}
