package transfer

import (
	"context"
	"errors"
	"fmt"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/compression"
)

// Push copies the image called name from the store to a destination: a name with or without transport; empty: the image's own name,
// in its registry. With AllTags, name is a repository, and each name that images have in it is pushed; what was done before an error
// is given with it.
func (t Transfer) Push(ctx context.Context, s *image.Store, name, to string, opts image.PushOptions) (_ []image.Pushed, err error) {
	names := []string{name}
	if opts.AllTags {
		if names, err = tagsOf(s, name); err != nil {
			return nil, err
		}
	}
	j, err := t.begin(s, opts.Access, image.Platform{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.end()) }()
	var done []image.Pushed
	for _, name := range names {
		pushed, err := j.push(ctx, name, to, opts)
		if err != nil {
			return done, err
		}
		done = append(done, pushed)
	}
	return done, nil
}

// tagsOf gives the names that local images have in a repository.
func tagsOf(s *image.Store, repository string) ([]string, error) {
	n, err := image.ParseName(repository)
	if err != nil {
		return nil, err
	}
	if n.Tag != "" || n.Digest != "" {
		return nil, fmt.Errorf("push all tags of %q: give a repository, without tag and digest", repository)
	}
	names, err := s.NamesIn(n)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("push all tags of %q: %w has a tag in this repository", repository, image.ErrNotFound)
	}
	return names, nil
}

// push copies one image out of the store.
func (j *job) push(ctx context.Context, name, to string, opts image.PushOptions) (image.Pushed, error) {
	if l, err := j.store.ManifestList(ctx, name); err == nil {
		return j.pushList(ctx, l, name, to, false, opts)
	}
	img, err := j.store.Lookup(ctx, name)
	if err != nil {
		return image.Pushed{}, err
	}
	if to == "" {
		if to = img.NameFor(name); to == "" {
			return image.Pushed{}, hint.Wrap(fmt.Errorf("push image %q: it is given by its id and not by a name, which would say where to", name),
				"pod push "+image.ShortID(img.ID)+" REGISTRY/NAME:TAG")
		}
	}
	if err := j.hold(ctx, img, "push"); err != nil {
		return image.Pushed{}, err
	}
	src, err := j.stored(img)
	if err != nil {
		return image.Pushed{}, err
	}
	return j.send(ctx, src, to, copy.Options{}, opts)
}

// send is transmit that says so.
func (j *job) send(ctx context.Context, src imageRef, to string, how copy.Options, opts image.PushOptions) (image.Pushed, error) {
	dst, err := j.ref(to)
	if err != nil {
		return image.Pushed{}, fmt.Errorf("push to %q: %w", to, err)
	}
	j.tell.line("Pushing to %s...", fullName(dst))
	return j.transmit(ctx, src, to, how, opts)
}

// transmit copies src to the destination called to, as opts say, and signs it there.
func (j *job) transmit(ctx context.Context, src imageRef, to string, how copy.Options, opts image.PushOptions) (_ image.Pushed, err error) {
	if err := j.shape(&how, opts); err != nil {
		return image.Pushed{}, fmt.Errorf("push to %q: %w", to, err)
	}
	sign, err := signers(&how, opts.Signing)
	if err != nil {
		return image.Pushed{}, fmt.Errorf("push to %q: %w", to, err)
	}
	defer func() { err = errors.Join(err, sign.end()) }()
	where := to
	if opts.ByDigest {
		where += docker.UnknownDigestSuffix
	}
	dst, err := j.destination(where)
	if err != nil {
		return image.Pushed{}, fmt.Errorf("push to %q: %w", to, err)
	}
	if opts.ByDigest && how.ImageListSelection != copy.CopySystemImage {
		dst.imageRef = untaggedList{dst.imageRef}
	}
	whole := false
	defer func() { err = errors.Join(err, dst.end(whole)) }()
	if opts.GPG != "" && dst.Transport() != docker.Transport {
		return image.Pushed{}, fmt.Errorf("push to %q: a simple signature has a place beside a registry only", to)
	}
	if err := failpoint.Hit("push.copy"); err != nil {
		return image.Pushed{}, err
	}
	var written []byte
	err = j.again(ctx, func() error {
		var err error
		written, err = j.copy(ctx, dst.imageRef, inForm(src, dst.imageRef, how), how)
		return err
	})
	if err == nil {
		err = failpoint.Hit("push.copied")
	}
	if err == nil {
		err = j.signSimply(ctx, dst.imageRef, written, how, opts.Signing)
	}
	if err != nil {
		return image.Pushed{}, explainRef("push to", dst.imageRef, err)
	}
	digest, err := manifest.Digest(written)
	if err != nil {
		return image.Pushed{}, err
	}
	whole = true
	if opts.ByDigest {
		dst.name += "@" + digest.String()
	}
	return image.Pushed{Name: dst.name, Digest: digest.String(), Size: int64(len(written))}, failpoint.Hit("push.done")
}

// shape fills in what form manifest and layers get.
func (j *job) shape(how *copy.Options, opts image.PushOptions) error {
	switch opts.Type {
	case image.OCI:
		how.ForceManifestMIMEType = specs.MediaTypeImageManifest
	case image.V2S2:
		how.ForceManifestMIMEType = manifest.DockerV2Schema2MediaType
	case image.V2S1:
		how.ForceManifestMIMEType = manifest.DockerV2Schema1SignedMediaType
	}
	sys := *j.sys
	sys.DirForceCompress = opts.Compress
	sys.OCIAcceptUncompressedLayers = opts.Uncompressed
	sys.CompressionLevel = opts.Level
	algorithm := opts.Compression
	if algorithm == "" && opts.Force {
		algorithm = image.Gzip
	}
	for _, more := range opts.AddCompression {
		known, err := compression.AlgorithmByName(string(more))
		if err != nil {
			return err
		}
		how.EnsureCompressionVariantsExist = append(how.EnsureCompressionVariantsExist, copy.OptionCompressionVariant{Algorithm: known})
	}
	if algorithm != "" {
		known, err := compression.AlgorithmByName(string(algorithm))
		if err != nil {
			return err
		}
		sys.CompressionFormat = &known
		how.ForceCompressionFormat = opts.Force
	}
	how.DestinationCtx = &sys
	if len(opts.EncryptionKeys) == 0 && len(opts.EncryptLayers) > 0 {
		return errors.New("layers to encrypt are chosen, but no key is given")
	}
	return encrypt(how, opts.EncryptionKeys, opts.EncryptLayers)
}
