package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	goimage "go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/transports"
	"go.podman.io/image/v5/types"
)

// entry is what goes into a manifest list.
type entry struct {
	descriptor specs.Descriptor
	where      string
}

// AddToList puts images into a manifest list and gives it: local ones by their names, others by a name with transport or in a registry. All
// are looked at before the list changes.
func (t Transfer) AddToList(ctx context.Context, s *image.Store, list string, names []string, opts image.ListAdd) (_ *image.ManifestList, err error) {
	j, err := t.begin(s, opts.Access, opts.Platform)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.end()) }()
	var entries []entry
	for _, name := range names {
		found, err := j.entries(ctx, name, opts)
		if err != nil {
			return nil, err
		}
		entries = append(entries, found...)
	}
	return s.EditManifestList(ctx, list, func(l *image.ManifestList) error {
		for _, e := range entries {
			opts.Apply(&e.descriptor)
			l.Add(e.descriptor, e.where)
		}
		return nil
	})
}

// Manifest gives the manifest that a name stands for, without looking into the store unless the transport says so.
func (t Transfer) Manifest(ctx context.Context, s *image.Store, name string, access image.Access) (_ image.Manifest, err error) {
	j, err := t.begin(s, access, image.Platform{})
	if err != nil {
		return image.Manifest{}, err
	}
	defer func() { err = errors.Join(err, j.end()) }()
	ref, err := j.remote(name)
	if err != nil {
		return image.Manifest{}, err
	}
	var m image.Manifest
	err = j.again(ctx, func() error {
		ctx, cancel := j.attend(ctx)
		defer cancel()
		src, err := j.openSource(ctx, ref)
		if err != nil {
			return attended(ctx, err)
		}
		defer src.Close()
		m.Text, m.Type, err = src.GetManifest(ctx, nil)
		return attended(ctx, err)
	})
	return m, explainRef("inspect the manifest of", ref, err)
}

// remote is the reference of a name that is not in this store.
func (j *job) remote(name string) (imageRef, error) {
	if word, rest := transport(name); word != "docker" || rest != "//"+name {
		return j.ref(name)
	}
	names, err := image.PullNames(name)
	if err != nil {
		return nil, err
	}
	return j.ask(names[0])
}

// entries gives what is put into a list for one name.
func (j *job) entries(ctx context.Context, name string, opts image.ListAdd) ([]entry, error) {
	ref, err := j.source(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	var found []entry
	err = j.again(ctx, func() error {
		ctx, cancel := j.attend(ctx)
		defer cancel()
		src, err := j.openSource(ctx, ref)
		if err != nil {
			return attended(ctx, err)
		}
		defer src.Close()
		found, err = j.entriesOf(ctx, src, opts.All)
		return attended(ctx, err)
	})
	return found, explainRef("add", ref, err)
}

// source is where the image of a name is read: in the store if it is there, unless all images of a list are wanted.
func (j *job) source(ctx context.Context, name string, opts image.ListAdd) (imageRef, error) {
	if word, rest := transport(name); word == "docker" && rest == "//"+name && !opts.All {
		img, err := j.store.LookupFor(ctx, name, opts.Platform)
		if err == nil {
			return j.stored(img)
		}
		if !errors.Is(err, image.ErrNotFound) {
			return nil, err
		}
	}
	return j.remote(name)
}

func (j *job) entriesOf(ctx context.Context, src types.ImageSource, all bool) ([]entry, error) {
	raw, kind, err := src.GetManifest(ctx, nil)
	if err != nil {
		return nil, err
	}
	if !manifest.MIMETypeIsMultiImage(kind) {
		e, err := j.single(ctx, src, raw, kind)
		return []entry{e}, err
	}
	list, err := manifest.ListFromBlob(raw, kind)
	if err != nil {
		return nil, err
	}
	var index specs.Index // docker's list has the same fields
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, err
	}
	wanted := list.Instances()
	if !all {
		chosen, err := list.ChooseInstance(j.sys)
		if err != nil {
			return nil, err
		}
		wanted = []digest.Digest{chosen}
	}
	var found []entry
	for _, d := range index.Manifests {
		for _, w := range wanted {
			if d.Digest == w {
				found = append(found, entry{d, place(src.Reference(), w)})
			}
		}
	}
	return found, nil
}

// single describes an image that is no list: its platform is in its configuration.
func (j *job) single(ctx context.Context, src types.ImageSource, raw []byte, kind string) (entry, error) {
	sum, err := manifest.Digest(raw)
	if err != nil {
		return entry{}, err
	}
	d := specs.Descriptor{MediaType: kind, Digest: sum, Size: int64(len(raw))}
	img, err := goimage.FromUnparsedImage(ctx, j.sys, goimage.UnparsedInstance(src, nil))
	if err != nil {
		return entry{}, err
	}
	config, err := img.OCIConfig(ctx)
	if err != nil {
		return entry{}, fmt.Errorf("read its configuration: %w", err)
	}
	d.Platform = &config.Platform
	return entry{d, place(src.Reference(), sum)}, nil
}

// place is a reference to one image, by which it is found again whatever its tag means by then.
func place(ref imageRef, sum digest.Digest) string {
	if named := ref.DockerReference(); named != nil && ref.Transport() == docker.Transport {
		if exact, err := reference.WithDigest(reference.TrimNamed(named), sum); err == nil {
			return "docker://" + exact.String()
		}
	}
	return transports.ImageName(ref)
}
