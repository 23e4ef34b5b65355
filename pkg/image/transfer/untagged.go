package transfer

import (
	"context"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/types"
)

// untaggedList is a repository that a manifest list is pushed to without a tag. The library ends such a push with the list's signatures, even with none, for
// which it would have to know the list's digest, and fails.
type untaggedList struct{ types.ImageReference }

func (u untaggedList) NewImageDestination(ctx context.Context, sys *types.SystemContext) (types.ImageDestination, error) {
	d, err := u.ImageReference.NewImageDestination(ctx, sys)
	if err != nil {
		return nil, err
	}
	return untaggedDestination{d}, nil
}

type untaggedDestination struct{ types.ImageDestination }

func (d untaggedDestination) PutSignatures(ctx context.Context, signatures [][]byte, instance *digest.Digest) error {
	if len(signatures) == 0 {
		return nil
	}
	return d.ImageDestination.PutSignatures(ctx, signatures, instance)
}
