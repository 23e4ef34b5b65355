package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/types"
)

// PushList copies a manifest list, and unless only is set the images in it, to a destination; empty: the list's own name.
func (t Transfer) PushList(ctx context.Context, s *image.Store, name, to string, only bool, opts image.PushOptions) (_ image.Pushed, err error) {
	l, err := s.ManifestList(ctx, name)
	if err != nil {
		return image.Pushed{}, err
	}
	j, err := t.begin(s, opts.Access, image.Platform{})
	if err != nil {
		return image.Pushed{}, err
	}
	defer func() { err = errors.Join(err, j.end()) }()
	return j.pushList(ctx, l, name, to, only, opts)
}

func (j *job) pushList(ctx context.Context, l *image.ManifestList, name, to string, only bool, opts image.PushOptions) (image.Pushed, error) {
	if len(l.Index.Manifests) == 0 {
		return image.Pushed{}, fmt.Errorf("push manifest list %q: there is no image in it", name)
	}
	if to == "" {
		if to = l.Image.NameFor(name); to == "" {
			return image.Pushed{}, fmt.Errorf("push manifest list %q: it is given by its id and not by a name, which would say where to", name)
		}
	}
	if err := j.hold(ctx, l.Image, "push"); err != nil {
		return image.Pushed{}, err
	}
	target, err := j.ref(to)
	if err != nil {
		return image.Pushed{}, fmt.Errorf("push manifest list %q: %w", name, err)
	}
	j.tell.line("Pushing to %s...", fullName(target))
	return j.sendList(ctx, l, to, only, opts)
}

// sendList copies a list, and unless only is set the images in it.
func (j *job) sendList(ctx context.Context, l *image.ManifestList, to string, only bool, opts image.PushOptions) (image.Pushed, error) {
	base, err := j.stored(l.Image)
	if err != nil {
		return image.Pushed{}, err
	}
	target, err := j.ref(to)
	if err != nil {
		return image.Pushed{}, err
	}
	how := copy.Options{ImageListSelection: copy.CopyAllImages}
	if only {
		how.ImageListSelection = copy.CopySpecificImages // none
	}
	src := listRef{ImageReference: base, j: j, list: l, to: registryOf(target)}
	if !only && l.Attested() {
		return j.pushAttested(ctx, l, src, to, opts)
	}
	return j.transmit(ctx, src, to, how, opts)
}

// listRef is a manifest list of the store as something to copy from: the list from its record, each image from where it is.
type listRef struct {
	types.ImageReference
	j    *job
	list *image.ManifestList
	to   string          // registry that the list goes to, or ""
	only []digest.Digest // entries that are read; none: all
}

func (r listRef) NewImageSource(ctx context.Context, _ *types.SystemContext) (types.ImageSource, error) {
	s := &listSource{ref: r, images: map[digest.Digest]instance{}, blobs: map[digest.Digest]types.ImageSource{}}
	for _, d := range r.list.Index.Manifests {
		if len(r.only) > 0 && !slices.Contains(r.only, d.Digest) {
			continue
		}
		one, err := r.open(ctx, d.Digest)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open the image %s of the list: %w", d.Digest, err), s.Close())
		}
		s.images[d.Digest] = one
	}
	return s, nil
}

// open opens the image of one entry.
func (r listRef) open(ctx context.Context, sum digest.Digest) (instance, error) {
	if a, ok, err := r.list.Artifact(sum); err != nil || ok {
		return instance{artifactSource{r, a}, nil}, err
	}
	where := r.list.Where[sum]
	if where == "" || strings.HasPrefix(where, "containers-storage:") {
		img, err := r.j.store.WithManifest(sum.String())
		if err != nil {
			return instance{}, err
		}
		if img == nil {
			return instance{}, fmt.Errorf("%w with this manifest in the store", image.ErrNotFound)
		}
		if err := r.j.hold(ctx, img, "push"); err != nil {
			return instance{}, err
		}
		ref, err := r.j.stored(img)
		if err != nil {
			return instance{}, err
		}
		src, err := ref.NewImageSource(ctx, r.j.sys)
		return instance{src, &sum}, err
	}
	ref, err := r.j.ref(where)
	if err != nil {
		return instance{}, err
	}
	from := *r.j
	if registryOf(ref) != r.to {
		// --creds is for where the list goes.
		sys := *r.j.sys
		sys.DockerAuthConfig, from.sys = nil, &sys
	}
	src, err := from.openSource(ctx, ref)
	if err != nil {
		return instance{}, explainRef("open", ref, err)
	}
	raw, _, err := src.GetManifest(ctx, nil)
	if err != nil {
		return instance{}, errors.Join(err, src.Close())
	}
	if top, err := manifest.Digest(raw); err == nil && top == sum {
		return instance{src, nil}, nil
	}
	return instance{src, &sum}, nil
}

// instance is an open image, and its digest when the source has several.
type instance struct {
	types.ImageSource
	digest *digest.Digest
}

// listSource reads a list and its images.
type listSource struct {
	ref    listRef
	images map[digest.Digest]instance

	mu    sync.Mutex
	blobs map[digest.Digest]types.ImageSource // who has a blob
}

func (s *listSource) Reference() types.ImageReference { return s.ref }

func (s *listSource) Close() error {
	var errs []error
	for _, one := range s.images {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

func (s *listSource) image(sum digest.Digest) (instance, error) {
	one, ok := s.images[sum]
	if !ok {
		return instance{}, fmt.Errorf("the list has no image %s", sum)
	}
	return one, nil
}

func (s *listSource) GetManifest(ctx context.Context, sum *digest.Digest) ([]byte, string, error) {
	if sum == nil {
		raw, err := json.Marshal(s.ref.list.Index)
		return raw, specs.MediaTypeImageIndex, err
	}
	one, err := s.image(*sum)
	if err != nil {
		return nil, "", err
	}
	raw, kind, err := one.GetManifest(ctx, one.digest)
	if err != nil {
		return nil, "", err
	}
	parsed, err := manifest.FromBlob(raw, manifest.NormalizedMIMEType(kind))
	if err != nil {
		return nil, "", err
	}
	s.note(one, parsed.ConfigInfo())
	for _, layer := range parsed.LayerInfos() {
		s.note(one, layer.BlobInfo)
	}
	return raw, kind, nil
}

func (s *listSource) note(one instance, blobs ...types.BlobInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range blobs {
		s.blobs[b.Digest] = one.ImageSource
	}
}

func (s *listSource) GetBlob(ctx context.Context, info types.BlobInfo, cache types.BlobInfoCache) (io.ReadCloser, int64, error) {
	s.mu.Lock()
	src := s.blobs[info.Digest]
	s.mu.Unlock()
	if src == nil {
		return nil, 0, fmt.Errorf("no image of the list has the blob %s", info.Digest)
	}
	return src.GetBlob(ctx, info, cache)
}

func (s *listSource) HasThreadSafeGetBlob() bool {
	for _, one := range s.images {
		if !one.HasThreadSafeGetBlob() {
			return false
		}
	}
	return true
}

// GetSignatures gives those of an image; the list in the store has none.
func (s *listSource) GetSignatures(ctx context.Context, sum *digest.Digest) ([][]byte, error) {
	if sum == nil {
		return nil, nil
	}
	one, err := s.image(*sum)
	if err != nil {
		return nil, err
	}
	return one.GetSignatures(ctx, one.digest)
}

// LayerInfosForCopy says which blobs stand for the layers of an image; the store has them unpacked.
func (s *listSource) LayerInfosForCopy(ctx context.Context, sum *digest.Digest) ([]types.BlobInfo, error) {
	if sum == nil {
		return nil, nil
	}
	one, err := s.image(*sum)
	if err != nil {
		return nil, err
	}
	layers, err := one.LayerInfosForCopy(ctx, one.digest)
	s.note(one, layers...)
	return layers, err
}
