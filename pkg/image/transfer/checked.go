package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/opencontainers/go-digest"
	goimage "go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/types"
)

// maxConfig is the largest configuration that is read, as large as the largest manifest.
const maxConfig = 4 << 20

// checkedSource is an image source whose manifests are asked for once, so that what was checked is what is copied. It is its own reference;
// to policies it is the one it was opened by.
type checkedSource struct {
	types.ImageSource
	types.ImageReference
	j      *job
	remote bool
	tell   *teller

	mu        sync.Mutex
	manifests map[digest.Digest]manifestBlob // "": of the reference itself
	blobs     map[digest.Digest]string       // files
	configs   map[digest.Digest][]byte
}

type manifestBlob struct {
	text []byte
	kind string
}

func openChecked(ctx context.Context, j *job, ref types.ImageReference) (*checkedSource, error) {
	asking, cancel := j.attend(ctx)
	defer cancel()
	src, err := j.openSource(asking, ref)
	if err != nil {
		return nil, attended(asking, err)
	}
	return &checkedSource{
		ImageSource: src, ImageReference: ref, j: j, remote: ref.Transport().Name() == "docker", tell: j.tell.teller(),
		manifests: map[digest.Digest]manifestBlob{}, blobs: map[digest.Digest]string{}, configs: map[digest.Digest][]byte{},
	}, nil
}

func (s *checkedSource) close() error {
	s.tell.end()
	return s.ImageSource.Close()
}

// NewImageSource gives the source that is open.
func (s *checkedSource) NewImageSource(context.Context, *types.SystemContext) (types.ImageSource, error) {
	return lent{s}, nil
}

// lent is a source that stays open when the library closes it.
type lent struct{ *checkedSource }

func (lent) Close() error { return nil }

// GetManifest asks for each manifest once.
func (s *checkedSource) GetManifest(ctx context.Context, instance *digest.Digest) ([]byte, string, error) {
	var key digest.Digest
	if instance != nil {
		key = *instance
	}
	s.mu.Lock()
	known, ok := s.manifests[key]
	s.mu.Unlock()
	if ok {
		return known.text, known.kind, nil
	}
	text, kind, err := s.ImageSource.GetManifest(ctx, instance)
	if err != nil {
		return nil, "", err
	}
	s.mu.Lock()
	s.manifests[key] = manifestBlob{text, kind}
	s.mu.Unlock()
	return text, kind, nil
}

// GetBlob gives the library what was checked before, and bounds what was not.
func (s *checkedSource) GetBlob(ctx context.Context, info types.BlobInfo, cache types.BlobInfoCache) (io.ReadCloser, int64, error) {
	s.mu.Lock()
	file := s.blobs[info.Digest]
	s.mu.Unlock()
	if file != "" {
		f, err := os.Open(file)
		return f, info.Size, err
	}
	if !s.remote {
		return s.ImageSource.GetBlob(ctx, info, cache)
	}
	config, err := s.config(ctx, info, cache)
	return io.NopCloser(bytes.NewReader(config)), int64(len(config)), err
}

// config fetches a configuration, once. Who gets it checks its digest.
func (s *checkedSource) config(ctx context.Context, info types.BlobInfo, cache types.BlobInfoCache) ([]byte, error) {
	s.mu.Lock()
	known, ok := s.configs[info.Digest]
	s.mu.Unlock()
	if ok {
		return known, nil
	}
	watch := s.j.watch(ctx)
	defer watch.stop()
	stream, _, err := s.ImageSource.GetBlob(watch.ctx, info, cache)
	if err != nil {
		return nil, watch.cause(err)
	}
	defer stream.Close()
	config, err := io.ReadAll(io.LimitReader(&watched{stream, watch}, maxConfig+1))
	if err != nil {
		return nil, watch.cause(err)
	}
	if len(config) > maxConfig {
		return nil, fmt.Errorf("a configuration has more than the %d bytes that are read", maxConfig)
	}
	s.mu.Lock()
	s.configs[info.Digest] = config
	s.mu.Unlock()
	return config, nil
}

// keep lets the library have a blob from a file.
func (s *checkedSource) keep(d digest.Digest, file string) {
	s.mu.Lock()
	s.blobs[d] = file
	s.mu.Unlock()
}

// choose gives the digest of the image for the wanted platform, or nil when the reference is that of one image.
func (s *checkedSource) choose(ctx context.Context) (*digest.Digest, error) {
	text, kind, err := goimage.UnparsedInstance(lent{s}, nil).Manifest(ctx)
	if err != nil || !manifest.MIMETypeIsMultiImage(manifest.NormalizedMIMEType(kind)) {
		return nil, err
	}
	list, err := manifest.ListFromBlob(text, manifest.NormalizedMIMEType(kind))
	if err != nil {
		return nil, fmt.Errorf("the list of images cannot be read: %w", err)
	}
	instance, err := list.ChooseInstance(s.j.sys)
	if err != nil {
		return nil, err
	}
	_, kind, err = goimage.UnparsedInstance(lent{s}, &instance).Manifest(ctx)
	if err == nil && manifest.MIMETypeIsMultiImage(manifest.NormalizedMIMEType(kind)) {
		err = errors.New("the list of images has another list where the image for this platform should be")
	}
	return &instance, err
}

// acceptConfig refuses a configuration before it is read.
func (s *checkedSource) acceptConfig(info types.BlobInfo) error {
	if info.Size > maxConfig {
		return fmt.Errorf("the image's configuration has %d bytes: more than %d are not read", info.Size, maxConfig)
	}
	if info.Digest != "" && info.Digest.Validate() != nil {
		return fmt.Errorf("the image's configuration has a digest that is none: %q", clip(info.Digest.String()))
	}
	return nil
}

// attachments reports whether registries.d(5) lets signatures be kept in registries beside the images.
func attachments(sys *types.SystemContext) bool {
	dirs := []string{sys.RegistriesDirPath}
	if dirs[0] == "" {
		config, _ := os.UserConfigDir()
		dirs = []string{filepath.Join(config, "containers/registries.d"), "/etc/containers/registries.d"}
	}
	for _, dir := range dirs {
		files, _ := filepath.Glob(filepath.Join(dir, "*.yaml"))
		for _, f := range files {
			text, _ := os.ReadFile(f)
			for line := range bytes.Lines(text) {
				if bytes.HasPrefix(bytes.TrimSpace(line), []byte("use-sigstore-attachments")) && bytes.Contains(line, []byte("true")) {
					return true
				}
			}
		}
	}
	return false
}
