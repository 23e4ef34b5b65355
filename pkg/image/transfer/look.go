package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"

	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/image/attestation"
)

// Limits of what is looked at: a registry may claim anything.
const (
	maxLookedConfig    = 8 << 20
	maxLookedStatement = 80 << 20
	maxLookedAll       = 512 << 20
	maxLookedEntries   = 1000
)

// Look gives the manifest of a name, which is not looked for in the store unless the transport says so, and what else is asked for.
func (t Transfer) Look(ctx context.Context, s *image.Store, name string, at image.LookAt) (found image.Looked, err error) {
	err = t.reading(ctx, s, name, image.Platform{}, at.Access, func(ctx context.Context, _ *job, src types.ImageSource) error {
		l := &look{src: src, at: at, Looked: image.Looked{Manifests: map[digest.Digest][]byte{}, Blobs: map[digest.Digest][]byte{}}}
		err := l.all(ctx)
		found = l.Looked
		return err
	})
	return found, err
}

// look is one Look while it is carried out.
type look struct {
	image.Looked
	src  types.ImageSource
	at   image.LookAt
	size int64
}

func (l *look) all(ctx context.Context) (err error) {
	if l.Text, l.Type, err = l.src.GetManifest(ctx, nil); err != nil {
		return err
	}
	if l.Digest, err = manifest.Digest(l.Text); err != nil {
		return err
	}
	if !manifest.MIMETypeIsMultiImage(l.Type) {
		l.Manifests[l.Digest] = l.Text
		return l.blobs(ctx, l.Text, false)
	}
	var index specs.Index // docker's list has the same fields
	if err := json.Unmarshal(l.Text, &index); err != nil {
		return err
	}
	if len(index.Manifests) > maxLookedEntries {
		return fmt.Errorf("the list has more than %d entries", maxLookedEntries)
	}
	for _, d := range index.Manifests {
		_, attests := image.Attests(d)
		if attests && !l.at.Statements || !attests && !l.at.Configs {
			continue
		}
		text, kind, err := l.src.GetManifest(ctx, &d.Digest)
		if err != nil {
			return err
		}
		if digest.FromBytes(text) != d.Digest && d.Digest.Algorithm() == digest.SHA256 {
			return fmt.Errorf("the registry gives another manifest for %s", d.Digest)
		}
		l.Manifests[d.Digest] = text
		if manifest.MIMETypeIsMultiImage(kind) {
			continue // a list in a list is shown as it is
		}
		if err := l.blobs(ctx, text, attests); err != nil {
			return err
		}
	}
	return nil
}

// blobs reads what is wanted of one manifest.
func (l *look) blobs(ctx context.Context, text []byte, attests bool) error {
	var m specs.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	if !attests {
		if !l.at.Configs || m.Config.Digest == "" {
			return nil
		}
		return l.blob(ctx, m.Config, maxLookedConfig)
	}
	for _, layer := range m.Layers {
		if layer.MediaType != attestation.MediaType {
			continue
		}
		if err := l.blob(ctx, layer, maxLookedStatement); err != nil {
			return err
		}
	}
	return nil
}

func (l *look) blob(ctx context.Context, d specs.Descriptor, limit int64) error {
	if l.size += d.Size; d.Size > limit || d.Size < 0 || l.size > maxLookedAll {
		return fmt.Errorf("the blob %s has %d bytes, more than are read", d.Digest, d.Size)
	}
	blob, _, err := l.src.GetBlob(ctx, types.BlobInfo{Digest: d.Digest, Size: d.Size}, none.NoCache)
	if err != nil {
		return err
	}
	defer blob.Close()
	text, err := io.ReadAll(io.LimitReader(blob, d.Size+1))
	if err != nil {
		return err
	}
	if int64(len(text)) != d.Size || d.Digest.Validate() != nil || d.Digest.Algorithm().FromBytes(text) != d.Digest {
		return fmt.Errorf("the registry gives another blob for %s", d.Digest)
	}
	l.Blobs[d.Digest] = text
	return nil
}

// Copy copies what a name in a registry stands for, a list with all in it, to another name. Nothing of it changes.
func (t Transfer) Copy(ctx context.Context, s *image.Store, from, to string, opts image.PushOptions) (_ image.Pushed, err error) {
	j, err := t.begin(s, opts.Access, image.Platform{})
	if err != nil {
		return image.Pushed{}, err
	}
	defer func() { err = errors.Join(err, j.end()) }()
	src, err := j.remote(from)
	if err != nil {
		return image.Pushed{}, err
	}
	return j.send(ctx, src, to, copy.Options{ImageListSelection: copy.CopyAllImages, PreserveDigests: true}, opts)
}
