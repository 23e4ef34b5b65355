package transfer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/image/artifact"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/oci/layout"
)

// PullArtifact fetches an artifact into the store of artifacts, and gives the digest of its manifest. It is whole there or not at all.
func (t Transfer) PullArtifact(ctx context.Context, s *image.Store, name string, opts image.PullOptions) (_ string, err error) {
	j, err := t.begin(s, opts.Access, opts.Platform)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, j.end()) }()
	names, err := image.PullNames(name)
	if err != nil {
		return "", err
	}
	n := names[0]
	src, err := j.ask(n)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(j.work.dir, "artifact")
	dst, err := layout.NewReference(dir, "")
	if err != nil {
		return "", err
	}
	how := copy.Options{PreserveDigests: len(opts.DecryptionKeys) == 0}
	if err := decrypt(&how, opts.DecryptionKeys); err != nil {
		return "", err
	}
	j.tell.line("Trying to pull artifact %s...", n)
	err = j.again(ctx, func() error {
		_, err := j.copy(ctx, dst, src, how)
		return err
	})
	if err != nil {
		return "", explain("pull artifact", n.String(), n.Domain, err)
	}
	if err := failpoint.Hit("artifact.pulled"); err != nil {
		return "", err
	}
	a, err := artifact.Open(s).Adopt(ctx, dir, n.String())
	return a.Digest.String(), err
}

// PushArtifact copies an artifact to its registry, or to another name there.
func (t Transfer) PushArtifact(ctx context.Context, s *image.Store, name, to string, opts image.PushOptions) (_ image.Pushed, err error) {
	store := artifact.Open(s)
	a, err := store.Find(name)
	if err != nil {
		return image.Pushed{}, fmt.Errorf("push artifact: %w", err)
	}
	j, err := t.begin(s, opts.Access, image.Platform{})
	if err != nil {
		return image.Pushed{}, err
	}
	defer func() { err = errors.Join(err, j.end()) }()
	if to == "" {
		to = a.Name
	}
	src, err := layout.NewReference(store.Dir(), a.Name)
	if err != nil {
		return image.Pushed{}, err
	}
	return j.send(ctx, src, to, copy.Options{PreserveDigests: true}, opts)
}
