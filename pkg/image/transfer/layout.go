package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/layertar"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
)

// PushLayout copies what an OCI layout has under a tag to a registry, as it is: it need not be an image.
func (t Transfer) PushLayout(ctx context.Context, s *image.Store, dir, tag, to string, opts image.PushOptions) (_ image.Pushed, err error) {
	j, err := t.begin(s, opts.Access, image.Platform{})
	if err != nil {
		return image.Pushed{}, err
	}
	defer func() { err = errors.Join(err, j.end()) }()
	src, err := layout.NewReference(dir, tag)
	if err != nil {
		return image.Pushed{}, err
	}
	return j.send(ctx, src, to, copy.Options{PreserveDigests: true}, opts)
}

// ManifestFor gives the manifest that a name in a registry stands for: of a list, that of the image for a platform.
func (t Transfer) ManifestFor(ctx context.Context, s *image.Store, name string, p image.Platform, access image.Access) (m image.Manifest, err error) {
	err = t.reading(ctx, s, name, p, access, func(ctx context.Context, j *job, src types.ImageSource) error {
		m.Text, m.Type, err = src.GetManifest(ctx, nil)
		if err != nil || !manifest.MIMETypeIsMultiImage(m.Type) {
			return err
		}
		list, err := manifest.ListFromBlob(m.Text, m.Type)
		if err != nil {
			return err
		}
		chosen, err := list.ChooseInstance(j.sys)
		if err != nil {
			return err
		}
		m.Text, m.Type, err = src.GetManifest(ctx, &chosen)
		return err
	})
	return m, err
}

// Blob writes a blob of a repository to a new file. It is the one that was asked for, or an error.
func (t Transfer) Blob(ctx context.Context, s *image.Store, name string, want specs.Descriptor, path string, access image.Access) error {
	return t.reading(ctx, s, name, image.Platform{}, access, func(ctx context.Context, j *job, src types.ImageSource) error {
		// What a stranger's cache claims must not fill the disk before it is unpacked within the same limit.
		if err := layertar.NewArchiveBudget(j.limits).File(want.Size); err != nil {
			return err
		}
		blob, _, err := src.GetBlob(ctx, types.BlobInfo{Digest: want.Digest, Size: want.Size}, none.NoCache)
		if err != nil {
			return err
		}
		defer blob.Close()
		out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		sum := digest.Canonical.Digester()
		n, err := io.Copy(io.MultiWriter(out, sum.Hash()), io.LimitReader(blob, want.Size+1))
		if err = errors.Join(err, out.Close()); err != nil {
			return err
		}
		if n != want.Size || sum.Digest() != want.Digest {
			return fmt.Errorf("the registry gives %s of %d bytes for %s of %d", sum.Digest(), n, want.Digest, want.Size)
		}
		return nil
	})
}

// reading has something read of what a name in a registry stands for, again after a fault of the network.
func (t Transfer) reading(ctx context.Context, s *image.Store, name string, p image.Platform, access image.Access, do func(context.Context, *job, types.ImageSource) error) (err error) {
	j, err := t.begin(s, access, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.end()) }()
	ref, err := j.remote(name)
	if err != nil {
		return err
	}
	err = j.again(ctx, func() error {
		ctx, cancel := j.attend(ctx)
		defer cancel()
		src, err := ref.NewImageSource(ctx, j.sys)
		if err != nil {
			return attended(ctx, err)
		}
		defer src.Close()
		return attended(ctx, do(ctx, j, src))
	})
	return explainRef("read", ref, err)
}
