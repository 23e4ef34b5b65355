package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker"
	storageref "go.podman.io/image/v5/storage"
)

// Pull fetches the image called name, and gives what is in the store now: one image, or with AllTags one for each tag. Names: as
// in image.PullNames; with a transport before it ("docker://", "docker-archive:FILE", "oci-archive:FILE", "oci:DIR", "dir:DIR") from there.
// With the policy "newer" a local image that the registry has too is given without fetching it.
func (t Transfer) Pull(ctx context.Context, s *image.Store, name string, opts image.PullOptions) (_ []*image.Image, err error) {
	if from, ok := archive(name); ok {
		return t.pullArchive(ctx, s, from, opts)
	}
	if local, ok := strings.CutPrefix(name, "containers-storage:"); ok {
		img, err := s.Lookup(ctx, local)
		if err != nil {
			return nil, err
		}
		return []*image.Image{img}, nil
	}
	candidates, err := image.PullNames(strings.TrimPrefix(name, "docker://"))
	if err != nil {
		return nil, err
	}
	j, err := t.begin(s, opts.Access, opts.Platform)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.end()) }()
	var failures []error
	for _, n := range candidates {
		var images []*image.Image
		if opts.AllTags {
			images, err = j.pullTags(ctx, n, opts)
		} else {
			images, err = j.pullOne(ctx, n, opts)
		}
		if err == nil {
			return images, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		failures = append(failures, explain("pull", n.String(), n.Domain, err))
	}
	if len(failures) == 1 {
		return nil, failures[0]
	}
	return nil, errors.Join(failures...)
}

func (j *job) pullOne(ctx context.Context, n image.Name, opts image.PullOptions) ([]*image.Image, error) {
	if opts.Policy == image.PullNewer {
		if img := j.current(ctx, n); img != nil {
			return []*image.Image{img}, nil
		}
	}
	release, err := j.turn(ctx, n.String())
	if err != nil {
		return nil, err
	}
	defer release()
	j.tell.line("Trying to pull %s...", n)
	var img *image.Image
	err = j.again(ctx, func() error {
		var err error
		img, err = j.fetch(ctx, n, opts)
		return err
	})
	if err != nil {
		return nil, err
	}
	return []*image.Image{img}, failpoint.Hit("pull.done")
}

// current gives the local image called n if the registry has the same.
func (j *job) current(ctx context.Context, n image.Name) *image.Image {
	img, err := j.store.Lookup(ctx, n.String())
	if err != nil {
		return nil
	}
	ref, err := j.ask(n)
	if err != nil {
		return nil
	}
	sys, err := j.sysFor(ref)
	if err != nil {
		return nil
	}
	digest, err := docker.GetDigest(ctx, sys, ref)
	if err != nil || !slices.Contains(img.Digests, digest.String()) {
		return nil
	}
	return img
}

// fetch copies one image from its registry into the store.
func (j *job) fetch(ctx context.Context, n image.Name, opts image.PullOptions) (*image.Image, error) {
	src, err := j.ask(n)
	if err != nil {
		return nil, err
	}
	lib, err := j.store.Library()
	if err != nil {
		return nil, err
	}
	dst, err := storageref.Transport.NewStoreReference(lib, src.DockerReference(), "")
	if err != nil {
		return nil, err
	}
	if err := failpoint.Hit("pull.copy"); err != nil {
		return nil, err
	}
	var how copy.Options
	if err := decrypt(&how, opts.DecryptionKeys); err != nil {
		return nil, err
	}
	return j.receive(ctx, dst, src, how)
}

func (j *job) pullTags(ctx context.Context, n image.Name, opts image.PullOptions) ([]*image.Image, error) {
	ref, err := j.ask(n)
	if err != nil {
		return nil, err
	}
	sys, err := j.sysFor(ref)
	if err != nil {
		return nil, err
	}
	var tags []string
	err = j.again(ctx, func() error {
		asking, stop := frugal(j.attend(ctx))
		defer stop()
		tags, err = docker.GetRepositoryTags(asking, sys, ref)
		return attended(asking, err)
	})
	if err != nil {
		return nil, err
	}
	if len(tags) == 0 {
		return nil, fmt.Errorf("repository %q has no tags", n.Repository())
	}
	var images []*image.Image
	for _, tag := range tags {
		n.Tag, n.Digest = tag, ""
		got, err := j.pullOne(ctx, n, opts)
		if err != nil {
			return images, err
		}
		images = append(images, got...)
	}
	return images, nil
}

// ask gives the reference of an image in its registry, to which requests may go from now on.
func (j *job) ask(n image.Name) (imageRef, error) {
	return j.gate.admitted(n)
}
