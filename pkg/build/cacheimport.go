package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/layertar"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/chrootarchive"
	"golang.org/x/sys/unix"
)

// CacheSource is a cache that somebody else has written. What it says about steps is taken on trust, as an image's files are; that
// a layer is the one it says is checked.
type CacheSource struct {
	Name string // for messages
	// Manifest gives that of the cache; where there is one for each platform, of this one.
	Manifest func(context.Context, plan.Platform) ([]byte, error)
	// Blob writes a blob to a path at which nothing is. It may have another digest than was asked for.
	Blob func(ctx context.Context, d specs.Descriptor, path string) error
}

// What is read of a stranger's cache at most, in bytes.
const maxCacheConfig = 64 << 20

// imports are the caches that a build looks into. Each is opened by whoever asks first.
type imports struct {
	*Builder
	platform plan.Platform
	sources  []CacheSource
	work     *workspace
	budget   *layertar.Budget

	mu   sync.Mutex
	open []*openCache // like sources
}

type openCache struct {
	source  CacheSource
	content *cacheContent
}

func (b *Builder) newImports(job *Job, platform plan.Platform, work *workspace) *imports {
	limits := layertar.Default()
	if own := job.Pull.UnpackLimit; own != nil {
		limits = layertar.Limits{Bytes: *own}
	}
	return &imports{Builder: b, platform: platform, sources: job.CacheFrom, work: work, budget: layertar.NewBudget(limits)}
}

// caches opens all caches once. One that cannot be read costs time, not the build.
func (m *imports) caches(ctx context.Context) []*openCache {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ; len(m.sources) > 0; m.sources = m.sources[1:] {
		source := m.sources[0]
		content, err := m.read(ctx, source)
		if ctx.Err() != nil {
			return nil // nobody wants to know any more
		}
		if err != nil {
			m.Warn(fmt.Sprintf("the cache %s is not used: %s", source.Name, err))
			continue
		}
		m.open = append(m.open, &openCache{source, content})
	}
	return m.open
}

func (m *imports) read(ctx context.Context, source CacheSource) (*cacheContent, error) {
	manifest, err := source.Manifest(ctx, m.platform)
	if err != nil {
		return nil, err
	}
	var head specs.Manifest
	if err := json.Unmarshal(manifest, &head); err != nil {
		return nil, err
	}
	if head.Config.Size > maxCacheConfig {
		return nil, fmt.Errorf("its configuration has %d bytes", head.Config.Size)
	}
	var config []byte
	err = m.blob(ctx, source, head.Config, func(f *os.File) error {
		config, err = io.ReadAll(io.LimitReader(f, maxCacheConfig))
		return err
	})
	if err != nil {
		return nil, err
	}
	if digest.FromBytes(config) != head.Config.Digest {
		return nil, errors.New("its configuration is not the one that its manifest names")
	}
	return parseCache(manifest, config)
}

// blob fetches a blob and has it read.
func (m *imports) blob(ctx context.Context, source CacheSource, d specs.Descriptor, read func(*os.File) error) error {
	if err := d.Digest.Validate(); err != nil {
		return err
	}
	dir, err := m.work.sub()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "blob")
	if err := source.Blob(ctx, d, path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, fmt.Errorf("blob %s is not a regular file", d.Digest))
	}
	return read(f)
}

// layer gives the layer that a cache says the step with this key has made over parent: from the store if it is there, else
// fetched. It is not remembered under the key: a build that is not told to use the cache does not get it.
func (m *imports) layer(ctx context.Context, parent made, key string) (madeLayer, bool) {
	for _, cache := range m.caches(ctx) {
		found, ok := cache.content.steps[key]
		if !ok {
			continue
		}
		l := image.Layer{ID: image.ChainID(parent.top(), found.diffID), DiffID: found.diffID, Found: true}
		var err error
		if m.hasLayer(l.ID, len(parent.layers)+1) {
			l.Size, err = m.Images.LayerSize(l.ID) // whatever the cache says
		}
		if l.Size == 0 || err != nil {
			l, err = m.fetch(ctx, cache.source, found, parent)
			if ctx.Err() != nil {
				return madeLayer{}, false
			}
			if err != nil {
				m.Warn(fmt.Sprintf("a layer of the cache %s is not used: %s", cache.source.Name, err))
				continue
			}
		}
		return madeLayer{l, found.step.Created.UTC()}, true
	}
	return madeLayer{}, false
}

// fetch brings a layer into the store, with a record that no step asks for, so that prune finds it when the image has gone. One that unpacks to another
// digest than the cache says is refused.
func (m *imports) fetch(ctx context.Context, source CacheSource, found cacheLayer, parent made) (l image.Layer, err error) {
	err = m.blob(ctx, source, found.Descriptor, func(f *os.File) error {
		plain := layertar.Open(ctx, f, found.diffID.String(), m.budget)
		defer plain.Close()
		l, err = m.Images.AddLayerTar(ctx, parent.top(), plain, func(l image.Layer) error {
			if l.DiffID != found.diffID {
				return fmt.Errorf("it is %s and not %s", l.DiffID, found.diffID)
			}
			return m.remember(sum("imported", l.ID), parent.top(), madeLayer{l, found.step.Created}, "from a cache: "+found.step.Text)
		})
		if refused := plain.Err(); refused != nil {
			return refused
		}
		return err
	})
	return l, errors.Join(err, failpoint.Hit("build.imported"))
}

// fillMount gives a new cache of RUN the content that another machine has left; false: there is none.
func (m *imports) fillMount(ctx context.Context, id, dir string) (bool, error) {
	for _, cache := range m.caches(ctx) {
		mount, ok := cache.content.mounts[id]
		if !ok {
			continue
		}
		blob := cache.content.blobs[mount.Layer]
		err := m.blob(ctx, cache.source, blob.Descriptor, func(f *os.File) error {
			plain := layertar.Open(ctx, f, blob.diffID.String(), m.budget)
			defer plain.Close()
			err := chrootarchive.UntarUncompressed(plain, dir, &archive.TarOptions{})
			if refused := plain.Err(); refused != nil {
				return refused
			}
			if err != nil {
				return err
			}
			// Its owner may have no id here.
			if err := os.Chown(dir, mount.UID, mount.GID); err != nil {
				return files.OwnerError(files.Owner{UID: mount.UID, GID: mount.GID}, err)
			}
			return unix.Chmod(dir, mount.Mode&0o7777)
		})
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err != nil {
			m.Warn(fmt.Sprintf("the content of the cache %q in %s is not used: %s", id, cache.source.Name, err))
			return false, emptyDirectory(dir)
		}
		return true, nil
	}
	return false, nil
}

func emptyDirectory(dir string) error {
	if err := removeTree(dir); err != nil {
		return err
	}
	return os.Mkdir(dir, 0o755)
}

// LocalCache is a cache in an OCI layout of the caller's.
func LocalCache(dir string) CacheSource {
	read := func(name string, limit int64) ([]byte, error) { return files.ReadFile(filepath.Join(dir, name), limit) }
	blobPath := func(d digest.Digest) (string, error) {
		return filepath.Join(specs.ImageBlobsDir, d.Algorithm().String(), d.Encoded()), d.Validate()
	}
	return CacheSource{
		Name: dir,
		Manifest: func(context.Context, plan.Platform) ([]byte, error) {
			text, err := read(specs.ImageIndexFile, maxCacheConfig)
			if err != nil {
				return nil, err
			}
			var index specs.Index
			if err := json.Unmarshal(text, &index); err != nil {
				return nil, err
			}
			if len(index.Manifests) == 0 {
				return nil, errors.New("its index is empty")
			}
			name, err := blobPath(index.Manifests[0].Digest)
			if err != nil {
				return nil, err
			}
			return read(name, maxCacheConfig)
		},
		Blob: func(_ context.Context, d specs.Descriptor, path string) error {
			name, err := blobPath(d.Digest)
			if err != nil {
				return err
			}
			return os.Symlink(filepath.Join(dir, name), path)
		},
	}
}
