package courier

import (
	"context"

	"github.com/pod-engine/pod/pkg/image"
)

// PullArtifact fetches an artifact and gives the digest of its manifest; see transfer.Transfer.PullArtifact.
func (c Courier) PullArtifact(ctx context.Context, s *image.Store, name string, opts image.PullOptions) (string, error) {
	answer, err := c.run(ctx, s, Request{Verb: PullArtifact, Names: []string{name}, Pull: opts, Progress: opts.Progress != nil}, nil, nil)
	return answer.Digest, err
}

// PushArtifact copies an artifact to a registry; see transfer.Transfer.PushArtifact.
func (c Courier) PushArtifact(ctx context.Context, s *image.Store, name, to string, opts image.PushOptions) ([]image.Pushed, error) {
	request := Request{Verb: PushArtifact, Names: []string{name}, To: to, Push: opts, Progress: opts.Progress != nil}
	answer, err := c.run(ctx, s, request, nil, nil)
	return answer.Pushed, err
}
