package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/directory"
	dockerarchive "go.podman.io/image/v5/docker/archive"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	ociarchive "go.podman.io/image/v5/oci/archive"
	"go.podman.io/image/v5/oci/layout"
	storageref "go.podman.io/image/v5/storage"
)

// Save writes images from the store to a file, a directory or a stream.
func (t Transfer) Save(ctx context.Context, s *image.Store, names []string, opts image.SaveOptions) (err error) {
	if len(names) > 1 && opts.Format != image.DockerArchive {
		return fmt.Errorf("save %d names: only docker-archive can hold more than one", len(names))
	}
	if opts.TakesList() {
		if l, err := s.ManifestList(ctx, names[0]); err == nil {
			return t.saveList(ctx, s, l, names[0], opts)
		}
	}
	images, err := toSave(ctx, s, names, opts)
	if err != nil {
		return err
	}
	j, err := t.begin(s, image.Access{Progress: opts.Progress, Terminal: opts.Terminal}, image.Platform{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.end()) }()
	for _, img := range images {
		if err := j.hold(ctx, img.image, "save"); err != nil {
			return err
		}
	}
	j.sys.DirForceCompress = opts.Compress
	j.sys.OCIAcceptUncompressedLayers = opts.Uncompressed
	write := func(path string) error { return j.write(ctx, images, path, opts.Format) }
	if err := j.saveTo(ctx, opts, write); err != nil {
		return fmt.Errorf("save image %q: %w", names[0], err)
	}
	return nil
}

// saved is an image on its way into an archive.
type saved struct {
	image *image.Image
	name  string   // its full name, or that of the list it is taken from; empty: it was given by its id
	more  []string // further names
}

// toSave looks the images up: each name's own if there are several, else further names are further tags of the first. An image that is named
// twice is there once, since an archive cannot hold it twice.
func toSave(ctx context.Context, s *image.Store, names []string, opts image.SaveOptions) ([]saved, error) {
	var images []saved
	for i, name := range names {
		if i > 0 && !opts.Multi {
			images[0].more = append(images[0].more, name)
			continue
		}
		img, err := s.LookupFor(ctx, name, opts.Platform)
		if err != nil {
			return nil, err
		}
		full := img.NameFor(name)
		if l, err := s.ManifestList(ctx, name); err == nil {
			full = l.NameFor(name)
		}
		at := slices.IndexFunc(images, func(s saved) bool { return s.image.ID == img.ID })
		if at < 0 {
			images = append(images, saved{image: img, name: full})
		} else if full != "" {
			images[at].more = append(images[at].more, full)
		}
	}
	return images, nil
}

// saveTo has an archive or a directory written beside the target and moves it there when it is whole.
func (j *job) saveTo(ctx context.Context, opts image.SaveOptions, write func(path string) error) error {
	info, err := os.Stat(opts.Output)
	exists := err == nil
	switch {
	case opts.Format.IsDir() && exists:
		// An OCI layout that is there takes the image in; the library replaces its index last.
		return write(opts.Output)
	case opts.Output == "", exists && !info.Mode().IsRegular():
		return j.stream(ctx, opts, write)
	}
	tmp, err := beside(opts.Output)
	if err != nil {
		return err
	}
	defer tmp.remove()
	part := filepath.Join(tmp.dir, filepath.Base(opts.Output))
	if err := write(part); err != nil {
		return err
	}
	if err := failpoint.Hit("save.written"); err != nil {
		return err
	}
	return os.Rename(part, opts.Output)
}

// stream writes an archive to a pipe or device: formed in the workspace, as its beginning is known last.
func (j *job) stream(ctx context.Context, opts image.SaveOptions, write func(path string) error) error {
	part := filepath.Join(j.work.dir, "save.tar")
	if err := write(part); err != nil {
		return err
	}
	// A pipe may have no reader yet, or one that waits.
	return within(ctx, func() error { return pour(part, opts) })
}

// pour copies a file to where an archive is streamed.
func pour(part string, opts image.SaveOptions) error {
	f, err := os.Open(part)
	if err != nil {
		return err
	}
	defer f.Close()
	out := opts.Out
	if opts.Output != "" {
		target, err := os.OpenFile(opts.Output, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer target.Close()
		out = target
	}
	_, err = io.Copy(out, f)
	return err
}

func (j *job) write(ctx context.Context, images []saved, path string, format image.Format) error {
	if format == image.DockerArchive {
		return j.writeDockerArchive(ctx, images, path)
	}
	src, err := j.stored(images[0].image)
	if err != nil {
		return err
	}
	var dst imageRef
	var opts copy.Options
	switch format {
	case image.OCIArchive:
		dst, err = ociarchive.NewReference(path, images[0].name)
	case image.OCIDir:
		dst, err = layout.NewReference(path, images[0].name)
	case image.DockerDir:
		dst, err = directory.NewReference(path)
		opts.ForceManifestMIMEType = manifest.DockerV2Schema2MediaType
	}
	if err != nil {
		return err
	}
	if _, err = j.copy(ctx, dst, inForm(src, dst, opts), opts); err == nil && format == image.OCIArchive {
		err = levelArchive(path)
	}
	return err
}

// writeDockerArchive writes the images, each with its tags.
func (j *job) writeDockerArchive(ctx context.Context, images []saved, path string) (err error) {
	w, err := dockerarchive.NewWriter(j.sys, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	for _, s := range images {
		tags, err := s.tags()
		if err != nil {
			return err
		}
		var first reference.NamedTagged
		if len(tags) > 0 {
			first = tags[0]
		}
		dst, err := w.NewReference(first)
		if err != nil {
			return err
		}
		src, err := j.stored(s.image)
		if err != nil {
			return err
		}
		sys := *j.sys
		sys.DockerArchiveAdditionalTags = tags[min(1, len(tags)):]
		if _, err := j.copy(ctx, dst, src, copy.Options{DestinationCtx: &sys}); err != nil {
			return err
		}
	}
	return nil
}

// tags are those under which the image goes into an archive.
func (s saved) tags() ([]reference.NamedTagged, error) {
	full, err := fullNames(s.more)
	if err != nil {
		return nil, err
	}
	if s.name != "" {
		full = append([]string{s.name}, full...)
	}
	var tags []reference.NamedTagged
	for _, name := range full {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			return nil, err
		}
		if tagged, ok := named.(reference.NamedTagged); ok {
			tags = append(tags, tagged)
		}
	}
	return tags, nil
}

// stored is the source of an image in the store.
func (j *job) stored(img *image.Image) (imageRef, error) {
	lib, err := j.store.Library()
	if err != nil {
		return nil, err
	}
	return storageref.Transport.NewStoreReference(lib, nil, img.ID)
}
