package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

// CacheTarget is where the cache of a build is written for others.
type CacheTarget struct {
	Name string // for messages
	// All writes the steps of all stages, not only of those that the target is based on; Mounts the caches of RUN too.
	All, Mounts bool
	// Level is that of zstd by which layers are compressed; 0: its default.
	Level int
	// IgnoreErrors has the build succeed though its cache could not be written.
	IgnoreErrors bool
	// Dir is the OCI layout that is written; empty: one that Send takes from there and that is removed then. Send may be given one without blobs
	// that the place it sends to may have; when that has not, it fails and is given one with all of them.
	Dir  string
	Send func(ctx context.Context, dir string, tell io.Writer) error
}

// notedStep is a step as this build has done or found it.
type notedStep struct {
	stage int
	keys  []string
	layer madeLayer
	text  string
}

func (n notedStep) asCached(layer int) cacheStep {
	return cacheStep{Keys: n.keys, Layer: layer, Created: n.layer.created, Size: n.layer.Size, Text: firstLine(n.text)}
}

// notes are the steps of a build, in no order.
type notes struct {
	mu    sync.Mutex
	steps []notedStep
}

func (n *notes) add(step notedStep) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.steps = append(n.steps, step)
}

// sorted gives those of some stages, always in the same order.
func (n *notes) sorted(of func(stage int) bool) []notedStep {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []notedStep
	for _, step := range n.steps {
		if of(step.stage) {
			out = append(out, step)
		}
	}
	slices.SortFunc(out, func(a, b notedStep) int {
		return cmp.Or(cmp.Compare(a.stage, b.stage), cmp.Compare(a.keys[0], b.keys[0]))
	})
	return out
}

// chain reports whether the target is based on a stage.
func (s *solve) chain() func(stage int) bool {
	in := map[int]bool{}
	for stage := s.plan.Stages[len(s.plan.Stages)-1]; ; stage = s.stages[*stage.Base.Stage].Stage {
		in[stage.Index] = true
		if stage.Base.Stage == nil {
			return func(stage int) bool { return in[stage] }
		}
	}
}

// exportCaches writes the cache to all places that the job says. The error is a goneError when layers that nothing but the cache has were removed
// meanwhile, by a prune or by somebody else who shares the store; last says that they are not made again.
func (b *Builder) exportCaches(ctx context.Context, job *Job, builds []*oneBuild, work *workspace, last bool) error {
	for _, target := range job.CacheTo {
		v := job.Display.Vertex("exporting cache to " + target.Name)
		v.Start()
		err := b.exportCache(ctx, target, builds, work, v)
		if err != nil {
			err = fmt.Errorf("write the cache to %s: %w", target.Name, err)
		}
		v.End(false, err)
		if err != nil && target.IgnoreErrors && (last || !isGone(err)) {
			b.Warn(err.Error())
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// exportCache writes the cache to one place. A registry is first sent only what was not compressed before; when it lacks something else, all is.
func (b *Builder) exportCache(ctx context.Context, target CacheTarget, builds []*oneBuild, work *workspace, tell io.Writer) error {
	if target.Send == nil {
		_, err := b.writeCache(ctx, target, builds, false, tell)
		return err
	}
	for _, anew := range []bool{false, true} {
		dir, err := work.sub()
		if err != nil {
			return err
		}
		target.Dir = dir
		leftOut, err := b.writeCache(ctx, target, builds, anew, tell)
		if err != nil {
			return err
		}
		if err = target.Send(ctx, dir, tell); err == nil || !leftOut || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// writeCache writes the cache as an OCI layout. leftOut says that it lacks layers that were compressed before; anew has them compressed again.
func (b *Builder) writeCache(ctx context.Context, target CacheTarget, builds []*oneBuild, anew bool, tell io.Writer) (leftOut bool, err error) {
	w := &cacheWriter{Builder: b, CacheTarget: target, anew: anew, tell: tell, numbers: map[digest.Digest]int{}}
	if err := os.MkdirAll(w.blobs(), 0o755); err != nil {
		return false, err
	}
	for _, one := range builds {
		of := func(int) bool { return true }
		if !target.All {
			of = one.solve.chain()
		}
		for _, step := range one.solve.notes.sorted(of) {
			n, err := w.layer(ctx, step.layer)
			if err != nil {
				return false, err
			}
			w.config.Cache.Steps = append(w.config.Cache.Steps, step.asCached(n))
		}
		if target.Mounts {
			if err := w.mounts(ctx, one.solve.plan); err != nil {
				return false, err
			}
		}
	}
	return w.leftOut, w.finish()
}

// cacheWriter writes an OCI layout. Blobs appear whole, and the index that names them comes last.
type cacheWriter struct {
	*Builder
	CacheTarget
	tell    io.Writer
	anew    bool // whatever was compressed before
	leftOut bool // a layer that was
	config  cacheConfig
	layers  []specs.Descriptor
	numbers map[digest.Digest]int // of layers, by diff id
}

func (w *cacheWriter) blobs() string {
	return filepath.Join(w.CacheTarget.Dir, specs.ImageBlobsDir, "sha256")
}

// layer writes a layer of the store and gives its number.
func (w *cacheWriter) layer(ctx context.Context, l madeLayer) (int, error) {
	if n, ok := w.numbers[l.DiffID]; ok {
		return n, nil
	}
	if n, ok := w.knownLayer(l); ok {
		return n, nil
	}
	lib, err := w.Images.Library()
	if err != nil {
		return 0, err
	}
	plain := archive.Uncompressed
	stream, err := lib.Diff("", l.ID, &storage.DiffOptions{Compression: &plain})
	if err != nil {
		return 0, layerGone(l, err)
	}
	n, err := w.pack(ctx, func(to io.Writer) error {
		_, err := io.Copy(to, untilDone{ctx, stream})
		return layerGone(l, err)
	})
	stream.Close() // it locks the store
	if err != nil {
		return 0, err
	}
	if got := w.config.RootFS.DiffIDs[n]; got != l.DiffID {
		return 0, fmt.Errorf("layer %s is %s and should be %s", image.ShortID(l.ID), got, l.DiffID)
	}
	fmt.Fprintf(w.tell, "layer %s: %d bytes\n", image.ShortID(l.ID), w.layers[n].Size)
	w.noteLayer(l, w.layers[n])
	return n, nil
}

// untilDone is a reader that ends with its context.
type untilDone struct {
	context.Context
	io.Reader
}

func (u untilDone) Read(b []byte) (int, error) {
	if err := u.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(b)
}

// layerGone marks the error about a layer that was removed since this build has made or found it.
func layerGone(l madeLayer, err error) error {
	if errors.Is(err, storage.ErrLayerUnknown) || errors.Is(err, os.ErrNotExist) {
		return goneError{fmt.Errorf("layer %s: %w", image.ShortID(l.ID), err)}
	}
	return err
}

// pack writes what a function writes as a layer.
func (w *cacheWriter) pack(ctx context.Context, write func(io.Writer) error) (int, error) {
	var blob specs.Descriptor
	diffs := digest.Canonical.Digester()
	blob, err := w.blob(func(to io.Writer) error {
		opts := []zstd.EOption{zstd.WithEncoderConcurrency(1)}
		if w.Level != 0 {
			opts = append(opts, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(w.Level)))
		}
		packed, err := zstd.NewWriter(to, opts...)
		if err != nil {
			return err
		}
		err = write(io.MultiWriter(packed, diffs.Hash()))
		return errors.Join(err, packed.Close(), ctx.Err())
	})
	if err != nil {
		return 0, err
	}
	return w.add(blob, diffs.Digest()), nil
}

// mounts writes the caches that the plan's RUNs have. One that is being written to is left out.
func (w *cacheWriter) mounts(ctx context.Context, p *plan.Plan) error {
	for _, id := range cacheIDs(p.Stages...) {
		if slices.ContainsFunc(w.config.Cache.Mounts, func(m cacheMount) bool { return m.ID == id }) {
			continue
		}
		mount, err := w.mount(ctx, id)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			w.Warn(fmt.Sprintf("the cache %q is not written: %s", id, err))
		default:
			w.config.Cache.Mounts = append(w.config.Cache.Mounts, mount)
		}
	}
	return ctx.Err()
}

// mount writes one cache.
func (w *cacheWriter) mount(ctx context.Context, id string) (cacheMount, error) {
	m := cacheMount{ID: id}
	use, err := filelock.Share(ctx, filepath.Join(w.mountDir(id, ""), "use"))
	if err != nil {
		return m, err
	}
	defer use.Release()
	root, err := os.OpenFile(filepath.Join(w.mountDir(id, ""), "data"), os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return m, err
	}
	defer root.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(root.Fd()), &st); err != nil {
		return m, err
	}
	m.Mode, m.UID, m.GID = st.Mode&0o7777, int(st.Uid), int(st.Gid)
	m.Layer, err = w.pack(ctx, func(to io.Writer) error { return (&files.Tree{Root: root}).WriteTar(ctx, to, nil) })
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("it changes meanwhile: %s", err)
	}
	return m, err
}
