package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/undo"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
)

// maxStated is the most that is read of what attests to the images of one list, in bytes; it is kept in the list's record.
const maxStated = 256 << 20

// loadEntry brings in what an OCI layout has under one of its entries: an image, or a list with all of its images that are there.
func (j *job) loadEntry(ctx context.Context, from location, ref imageRef, desc specs.Descriptor) (image.Loaded, error) {
	if !from.whole || !manifest.MIMETypeIsMultiImage(desc.MediaType) {
		return j.loadOne(ctx, ref, nameOf(desc))
	}
	src, err := j.openSource(ctx, ref)
	if err != nil {
		return image.Loaded{}, err
	}
	defer src.Close()
	list, err := readList(ctx, src)
	if err != nil {
		return image.Loaded{}, err
	}
	if len(list.Index.Manifests) < 2 {
		return j.loadOne(ctx, ref, nameOf(desc))
	}
	return j.loadList(ctx, opened{ref, src}, list, nameOf(desc))
}

// foundList is a list in a layout: the entries of which the layout has what they name.
type foundList struct {
	specs.Index
	stated []image.Attached
}

// readList reads a list, and all but the images. What is for another operating system is left out: it would not be taken alone either.
func readList(ctx context.Context, src types.ImageSource) (list foundList, err error) {
	raw, _, err := src.GetManifest(ctx, nil)
	if err != nil {
		return list, err
	}
	if err := json.Unmarshal(raw, &list.Index); err != nil { // docker's list has the same fields
		return list, fmt.Errorf("read the list of images: %w", err)
	}
	there := map[digest.Digest]bool{}
	room := int64(maxStated)
	list.Manifests = slices.DeleteFunc(list.Manifests, func(d specs.Descriptor) bool {
		about, attests := image.Attests(d)
		_, again := there[d.Digest]
		var text []byte
		if err == nil && !again && (!attests && runsHere(d) || there[about]) {
			text, err = manifestOf(ctx, src, d)
		}
		if err != nil || text == nil {
			return true
		}
		if there[d.Digest] = !attests; attests {
			var a image.Artifact
			a, err = readArtifact(ctx, src, text, &room)
			list.stated = append(list.stated, image.Attached{Entry: d, Artifact: a})
		}
		return err != nil
	})
	return list, err
}

func runsHere(d specs.Descriptor) bool {
	return !manifest.MIMETypeIsMultiImage(d.MediaType) && (d.Platform == nil || d.Platform.OS == runtime.GOOS)
}

// manifestOf reads a manifest; nil: the layout does not have it, as one that was saved for some platforms only.
func manifestOf(ctx context.Context, src types.ImageSource, d specs.Descriptor) ([]byte, error) {
	text, err := readBlob(ctx, src, d, maxConfig) // the library would read as much as there is
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the manifest %s: %w", d.Digest, err)
	}
	return text, nil
}

// readArtifact reads what a manifest names; room is how much more may be read.
func readArtifact(ctx context.Context, src types.ImageSource, text []byte, room *int64) (image.Artifact, error) {
	a := image.Artifact{Manifest: text, Blobs: map[digest.Digest][]byte{}}
	var m specs.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return a, fmt.Errorf("read an attestation: %w", err)
	}
	for _, d := range append(slices.Clone(m.Layers), m.Config) {
		blob, err := readBlob(ctx, src, d, *room)
		if err != nil {
			return a, fmt.Errorf("read %s of an attestation: %w", d.Digest, err)
		}
		*room -= int64(len(blob))
		a.Blobs[d.Digest] = blob
	}
	return a, nil
}

func readBlob(ctx context.Context, src types.ImageSource, d specs.Descriptor, room int64) ([]byte, error) {
	if d.Digest == specs.DescriptorEmptyJSON.Digest {
		return specs.DescriptorEmptyJSON.Data, nil // which a layout may leave out
	}
	if err := d.Digest.Validate(); err != nil {
		return nil, err
	}
	stream, _, err := src.GetBlob(ctx, types.BlobInfo{Digest: d.Digest, Size: d.Size}, none.NoCache)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	blob, err := io.ReadAll(io.LimitReader(stream, room+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(blob)) > room:
		return nil, errors.New("it is larger than what is read of such things")
	case d.Digest.Algorithm().FromBytes(blob) != d.Digest:
		return nil, errors.New("it is not what its name says")
	}
	return blob, nil
}

// loadList brings in the images of a list, and records the list under its names.
func (j *job) loadList(ctx context.Context, src opened, list foundList, names []string) (_ image.Loaded, err error) {
	full, err := fullNames(names)
	if err != nil {
		return image.Loaded{}, err
	}
	undo := new(undo.Stack)
	defer undo.OnError(&err)
	images := map[digest.Digest]*image.Image{}
	for _, d := range list.Manifests {
		if _, attests := image.Attests(d); attests {
			continue
		}
		img, err := j.loadMember(ctx, oneOf{src, d.Digest}, undo)
		if err != nil {
			return image.Loaded{}, fmt.Errorf("the image %s: %w", d.Digest, err)
		}
		if !slices.Contains(img.Digests, d.Digest.String()) {
			return image.Loaded{}, fmt.Errorf("the image %s has another manifest in the store", d.Digest)
		}
		images[d.Digest] = img
	}
	l, err := j.store.AddIndex(ctx, list.Index, images, list.stated, full)
	if err != nil {
		return image.Loaded{}, err
	}
	return image.Loaded{Image: l.Image, Names: full}, failpoint.Hit("load.list")
}

// loadMember brings in an image without a name, keeps it until the job ends, and knows how to take it away again.
func (j *job) loadMember(ctx context.Context, src imageRef, undo *undo.Stack) (*image.Image, error) {
	id, err := j.configID(ctx, src)
	if err != nil {
		return nil, err
	}
	had, err := j.store.Has(ctx, id)
	if err != nil {
		return nil, err
	}
	l, err := j.loadOne(ctx, src, nil)
	if err != nil {
		return nil, err
	}
	if !had {
		undo.Push(func() error {
			// The job has failed: nothing that it holds is needed any more.
			var errs []error
			for _, pin := range j.pins {
				errs = append(errs, pin.Release())
			}
			_, err := j.store.Remove(context.WithoutCancel(ctx), id, image.RemoveOptions{})
			return errors.Join(append(errs, err)...)
		})
	}
	return l.Image, j.hold(ctx, l.Image, "load")
}

// opened is a reference whose source is open, and stays so.
type opened struct {
	types.ImageReference
	src types.ImageSource
}

func (o opened) NewImageSource(context.Context, *types.SystemContext) (types.ImageSource, error) {
	return borrowed{o.src}, nil
}

// borrowed is a source that others do not close.
type borrowed struct{ types.ImageSource }

func (borrowed) Close() error { return nil }
