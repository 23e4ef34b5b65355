package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/directory"
	dockerarchive "go.podman.io/image/v5/docker/archive"
	"go.podman.io/image/v5/docker/reference"
	goimage "go.podman.io/image/v5/image"
	ociarchive "go.podman.io/image/v5/oci/archive"
	"go.podman.io/image/v5/oci/layout"
	storageref "go.podman.io/image/v5/storage"
)

// location is an archive or directory, of a kind if that is known, and the one image wanted from it.
type location struct {
	kind, path, image string
	whole             bool // a list comes in as a list
}

// archive takes a name with the transport of an archive or directory apart.
func archive(name string) (location, bool) {
	kind, rest, ok := strings.Cut(name, ":")
	switch kind {
	case "docker-archive", "oci-archive", "oci":
		path, ref, _ := strings.Cut(rest, ":")
		return location{kind: kind, path: path, image: ref}, ok
	case "dir", "docker-daemon":
		return location{kind: kind, path: rest}, ok
	}
	return location{}, false
}

func (t Transfer) pullArchive(ctx context.Context, s *image.Store, from location, opts image.PullOptions) ([]*image.Image, error) {
	loaded, err := t.load(ctx, s, from, nil, opts)
	var images []*image.Image
	for _, l := range loaded {
		images = append(images, l.Image)
	}
	return images, err
}

// Load brings in the images of an archive or a directory as save and docker save write them, compressed or not. An empty path reads the
// archive from in. Of opts only Platform, Progress and Terminal count; without a platform a list is loaded whole, with what attests to its images. What
// was loaded before an error is given with it.
func (t Transfer) Load(ctx context.Context, s *image.Store, path string, in io.Reader, opts image.PullOptions) ([]image.Loaded, error) {
	return t.load(ctx, s, location{path: path, whole: opts.Platform == image.Platform{}}, in, opts)
}

func (t Transfer) load(ctx context.Context, s *image.Store, from location, in io.Reader, opts image.PullOptions) (_ []image.Loaded, err error) {
	j, err := t.begin(s, opts.Access, opts.Platform)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.end()) }()
	j.decryptionKeys = opts.DecryptionKeys
	shown := from.path
	if from.path == "" {
		shown = "standard input"
		if from.path, err = j.spool(ctx, in); err != nil {
			return nil, fmt.Errorf("load an archive from %s: %w", shown, err)
		}
	}
	loaded, err := j.open(ctx, from)
	if err != nil {
		return loaded, fmt.Errorf("load %q: %w", shown, sentence(image.Damaged(err)))
	}
	return loaded, nil
}

// spool writes a stream to a file of the workspace, since archives are read more than once.
func (j *job) spool(ctx context.Context, in io.Reader) (string, error) {
	f, err := os.CreateTemp(j.work.dir, "archive")
	if err != nil {
		return "", err
	}
	defer f.Close()
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(f, in)
		done <- err
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return f.Name(), err
}

func (j *job) spoolFile(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return j.spool(ctx, f)
}

// open finds out what lies at the place and loads it.
func (j *job) open(ctx context.Context, from location) ([]image.Loaded, error) {
	if from.kind == "docker-daemon" {
		return j.loadDaemon(ctx, from.path)
	}
	info, err := os.Stat(from.path)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err // the caller names the file
		}
		return nil, err
	}
	if info.IsDir() {
		return j.openDir(ctx, from)
	}
	if !info.Mode().IsRegular() {
		if from.path, err = j.spoolFile(ctx, from.path); err != nil {
			return nil, err
		}
	}
	if from.path, err = j.bounded(ctx, from.path); err != nil {
		return nil, err
	}
	if from.kind == "oci-archive" {
		return j.loadOCIArchive(ctx, from)
	}
	reader, err := dockerarchive.NewReader(j.sys, from.path)
	if err == nil {
		defer reader.Close()
		if err := j.measureLayers(ctx, from.path); err != nil {
			return nil, err
		}
		return j.loadDockerArchive(ctx, reader, from.image)
	}
	if from.kind == "docker-archive" {
		return nil, err
	}
	loaded, ociErr := j.loadOCIArchive(ctx, from)
	var notOCI badArchive
	if errors.As(ociErr, &notOCI) {
		return nil, fmt.Errorf("it is neither a docker archive (%w) nor an OCI archive (%w)", err, ociErr)
	}
	return loaded, ociErr
}

// loadDaemon loads an image from a docker daemon.
func (j *job) loadDaemon(ctx context.Context, name string) ([]image.Loaded, error) {
	src, err := j.ref("docker-daemon:" + name)
	if err != nil {
		return nil, err
	}
	var names []string
	if named := src.DockerReference(); named != nil {
		names = []string{named.String()}
	}
	l, err := j.loadOne(ctx, src, names)
	if err != nil {
		return nil, explainRef("load from", src, err)
	}
	return []image.Loaded{l}, nil
}

func (j *job) openDir(ctx context.Context, from location) ([]image.Loaded, error) {
	if _, err := os.Stat(filepath.Join(from.path, "oci-layout")); err == nil {
		return j.loadLayout(ctx, from)
	}
	if _, err := os.Stat(filepath.Join(from.path, "version")); err != nil {
		return nil, errors.New("the directory has neither an OCI layout nor an image saved as docker-dir")
	}
	src, err := directory.NewReference(from.path)
	if err != nil {
		return nil, err
	}
	l, err := j.loadOne(ctx, src, nil)
	if err != nil {
		return nil, err
	}
	return []image.Loaded{l}, nil
}

func (j *job) loadDockerArchive(ctx context.Context, reader *dockerarchive.Reader, only string) ([]image.Loaded, error) {
	images, err := reader.List()
	if err != nil {
		return nil, err
	}
	var out []image.Loaded
	for _, refs := range images {
		names, err := namesIn(reader, refs, only)
		if err != nil {
			return out, err
		}
		if only != "" && len(names) == 0 {
			continue
		}
		l, err := j.loadOne(ctx, refs[0], names)
		if err != nil {
			return out, err
		}
		out = append(out, l)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there is no image %q in it", only)
	}
	return out, nil
}

// namesIn gives the names of one image of a docker archive, as written there: all, or only the one asked for.
func namesIn(reader *dockerarchive.Reader, refs []imageRef, only string) ([]string, error) {
	var names []string
	for _, ref := range refs {
		tags, err := reader.ManifestTagsForReference(ref)
		if err != nil {
			return nil, err
		}
		for _, tag := range tags {
			n, err := image.ParseName(tag)
			if err != nil {
				return nil, err
			}
			if only == "" || matches(only, n) {
				names = append(names, tag)
			}
		}
	}
	return names, nil
}

func matches(only string, n image.Name) bool {
	want, err := image.ParseName(only)
	return err == nil && (want.Tagged() == n.Tagged() || want.Tagged().String() == n.Path+":"+n.Tagged().Tag)
}

// badArchive says that a file is not an OCI archive at all.
type badArchive struct{ error }

func (b badArchive) Unwrap() error { return b.error }

func (j *job) loadOCIArchive(ctx context.Context, from location) ([]image.Loaded, error) {
	src, err := ociarchive.NewReference(from.path, from.image)
	if err != nil {
		return nil, badArchive{err}
	}
	desc, err := ociarchive.LoadManifestDescriptorWithContext(j.sys, src)
	if err != nil {
		return nil, badArchive{err}
	}
	l, err := j.loadEntry(ctx, from, src, desc)
	if err != nil {
		return nil, err
	}
	return []image.Loaded{l}, nil
}

func (j *job) loadLayout(ctx context.Context, from location) ([]image.Loaded, error) {
	list, err := layout.List(from.path)
	if err != nil {
		return nil, err
	}
	var out []image.Loaded
	for _, item := range list {
		if from.image != "" && item.ManifestDescriptor.Annotations[specs.AnnotationRefName] != from.image {
			continue
		}
		l, err := j.loadEntry(ctx, from, item.Reference, item.ManifestDescriptor)
		if err != nil {
			return out, err
		}
		out = append(out, l)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there is no image %q in it", from.image)
	}
	return out, nil
}

// nameOf is the name that an OCI layout gives to an image. Docker's tools write the full one beside the standard annotation, which
// then is only a tag.
func nameOf(desc specs.Descriptor) []string {
	for _, key := range []string{"io.containerd.image.name", specs.AnnotationRefName} {
		if name := desc.Annotations[key]; name != "" {
			if _, err := image.ParseName(name); err == nil {
				return []string{name}
			}
		}
	}
	return nil
}

// loadOne copies one image into the store and gives it its names.
func (j *job) loadOne(ctx context.Context, src imageRef, names []string) (image.Loaded, error) {
	full, err := fullNames(names)
	if err != nil {
		return image.Loaded{}, err
	}
	lib, err := j.store.Library()
	if err != nil {
		return image.Loaded{}, err
	}
	var named reference.Named
	id := ""
	if len(full) > 0 {
		if named, err = reference.ParseNormalizedNamed(full[0]); err != nil {
			return image.Loaded{}, err
		}
	} else if id, err = j.configID(ctx, src); err != nil {
		return image.Loaded{}, err
	}
	dst, err := storageref.Transport.NewStoreReference(lib, named, id)
	if err != nil {
		return image.Loaded{}, err
	}
	var how copy.Options
	if err := decrypt(&how, j.decryptionKeys); err != nil {
		return image.Loaded{}, err
	}
	img, err := j.receive(ctx, dst, src, how)
	if err != nil {
		return image.Loaded{}, err
	}
	for _, name := range full[min(1, len(full)):] {
		if err := j.store.Tag(ctx, img.ID, name); err != nil {
			return image.Loaded{}, err
		}
	}
	return image.Loaded{Image: img, Names: full}, failpoint.Hit("load.one")
}

func fullNames(names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		n, err := image.LocalName(name)
		if err != nil {
			return nil, err
		}
		out = append(out, n.String())
	}
	return out, nil
}

// configID is the id the image will have: the digest of its configuration.
func (j *job) configID(ctx context.Context, ref imageRef) (string, error) {
	src, err := ref.NewImageSource(ctx, j.sys)
	if err != nil {
		return "", err
	}
	defer src.Close()
	img, err := goimage.FromUnparsedImage(ctx, j.sys, goimage.UnparsedInstance(src, nil))
	if err != nil {
		return "", err
	}
	return img.ConfigInfo().Digest.Encoded(), nil
}
