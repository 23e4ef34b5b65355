package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
	"go.podman.io/storage"
	drivers "go.podman.io/storage/drivers"
	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

// Making an image is two steps: AddLayer or AddLayerTar for each new layer, then AddImage, which names the whole chain.
//
// A layer is there whole or not at all: it is prepared in a directory of pod's own without a lock (WorkDir), and the library
// records it, marked incomplete, before it renames the prepared directory into place; whoever finds such a mark after a crash takes the
// layer away. The library's own directory for this will not do: podman 4 removes all that is in it whenever a command of its ends, also files
// of what is renamed into place meanwhile.
//
// A layer that no image has yet is left alone by every removal. One that was there before (Layer.Found) belongs to images
// that can be removed: Pin one of them, or be ready for AddImage to say ErrNotFound.

// Layer is one layer of the store.
type Layer struct {
	ID     string        // of the store's record: the chain of digests down to the lowest layer
	DiffID digest.Digest // of its tar stream, as rootfs.diff_ids of a configuration has it
	Size   int64         // bytes of that stream
	Found  bool          // it was there before
}

// AddLayer makes dir the layer above parent (an id, or empty), without copying: the directory is moved. It is an upper directory of
// overlay, with its whiteouts and opaque directories, that nobody writes to any more, and on the same file system as the store;
// elsewhere, and with a driver other than overlay, it is copied and removed. The whole of it is read once for the digest, which is that of the stream which push
// and save will produce: how the stream was put together is recorded with the layer, so that other versions of the library
// produce the same.
//
// before, unless it is nil, is told which layer it is going to be before that is in the store: what it writes down is then never missing for a layer that is
// there, wherever this process dies.
//
// Afterwards dir is gone. After an error it is where it was, unless the index could not be written in the last step: then it is lost.
func (s *Store) AddLayer(ctx context.Context, parent, dir string, before func(Layer) error) (Layer, error) {
	var l Layer
	err := s.change(ctx, func(lib storage.Store) (err error) {
		l, err = s.addLayer(ctx, lib, parent, dir, before)
		return err
	})
	if err != nil {
		return l, fmt.Errorf("make a layer of %q: %w", dir, err)
	}
	return l, nil
}

func (s *Store) addLayer(ctx context.Context, lib storage.Store, parent, dir string, before func(Layer) error) (Layer, error) {
	below, err := s.layersBelow(parent)
	if err != nil {
		return Layer{}, err
	}
	split, err := s.scratch()
	if err != nil {
		return Layer{}, err
	}
	d := describedLayer{split: split}
	defer d.close()
	stream, err := diffTar(dir, below)
	if err != nil {
		return Layer{}, err
	}
	err = d.read(withContext(ctx, stream), io.Discard)
	if err = errors.Join(err, stream.Close()); err != nil {
		return Layer{}, err
	}
	if err := failpoint.Hit("layer.described"); err != nil {
		return Layer{}, err
	}
	l, err := s.putLayer(ctx, lib, parent, &movedDir{from: dir, described: &d}, before)
	if errors.Is(err, errCannotMove) {
		again, err := diffTar(dir, below)
		if err != nil {
			return l, err
		}
		defer again.Close()
		l, err = copyLayer(lib, parent, d.digest, withContext(ctx, again))
		if err != nil {
			return l, err
		}
	} else if err != nil {
		return l, err
	}
	return l, os.RemoveAll(dir)
}

// AddLayerTar makes the layer above parent (an id, or empty) from a tar stream, which may be compressed with gzip, bzip2, xz or zstd.
// The stream is read once and is not kept. before is as with AddLayer.
func (s *Store) AddLayerTar(ctx context.Context, parent string, stream io.Reader, before func(Layer) error) (Layer, error) {
	var l Layer
	err := s.change(ctx, func(lib storage.Store) error {
		plain, err := archive.DecompressStream(withContext(ctx, stream))
		if err != nil {
			return err
		}
		defer plain.Close()
		split, err := s.scratch()
		if err != nil {
			return err
		}
		d := describedLayer{split: split}
		defer d.close()
		s.sweepWorkDirs()
		work, err := s.NewWorkDir(ctx, "make a layer")
		if err != nil {
			return err
		}
		defer work.Remove()
		l, err = s.putLayer(ctx, lib, parent, &unpackedTar{stream: plain, dir: filepath.Join(work.Dir, "dir"), described: &d}, before)
		if errors.Is(err, errCannotMove) {
			l, err = copyLayer(lib, parent, "", plain)
			if err == nil && before != nil {
				err = before(l)
			}
		}
		return err
	})
	if err != nil {
		return l, fmt.Errorf("unpack a layer: %w", err)
	}
	return l, nil
}

// layersBelow gives the directories of a layer and those under it, newest first.
func (s *Store) layersBelow(parent string) ([]string, error) {
	if parent == "" {
		return nil, nil
	}
	l, err := s.LayersOf(&Image{ID: parent, TopLayer: parent})
	return l.Dirs, err
}

// LayerTar is the tar stream of the layer that an upper directory of overlay would be above parent (an id, or empty). The directory may
// change while it is read.
func (s *Store) LayerTar(dir, parent string) (io.ReadCloser, error) {
	below, err := s.layersBelow(parent)
	if err != nil {
		return nil, err
	}
	return diffTar(dir, below)
}

// diffTar is the tar stream of an upper directory, as the library makes it of a layer.
func diffTar(dir string, below []string) (io.ReadCloser, error) {
	return archive.TarWithOptions(dir, &archive.TarOptions{
		Compression: archive.Uncompressed, WhiteoutFormat: archive.OverlayWhiteoutFormat, WhiteoutData: below,
	})
}

// putLayer has a layer prepared and records it under the id that its content gives. The error is errCannotMove when the
// driver has no directory for a layer's own files, or not one that the prepared one can be moved to.
func (s *Store) putLayer(ctx context.Context, lib storage.Store, parent string, from stager, before func(Layer) error) (l Layer, err error) {
	how, err := s.unpacking()
	if err != nil {
		return l, err
	}
	out, err := from.stage(&how)
	if err != nil {
		return l, err
	}
	defer func() {
		if out.TarSplit != nil {
			out.TarSplit.Close()
		}
	}()
	if err := failpoint.Hit("layer.staged"); err != nil {
		return l, err
	}
	l = Layer{ID: ChainID(parent, out.UncompressedDigest), DiffID: out.UncompressedDigest, Size: out.Size}
	if before != nil {
		if err := before(l); err != nil {
			return l, err
		}
	}
	l.Found, err = s.recordLayer(ctx, lib, storage.ApplyStagedLayerOptions{
		ID: l.ID, ParentLayer: parent, DiffOutput: &out, DiffOptions: &drivers.ApplyDiffWithDifferOpts{},
	})
	switch {
	case errors.Is(err, unix.EXDEV):
		return l, errCannotMove
	case err != nil:
		return l, layerError(parent, err)
	case l.Found:
		return l, nil
	}
	return l, failpoint.Hit("layer.recorded")
}

// longestRecord bounds how long a layer waits for another one to be recorded, which the library may sync to a slow disk.
const longestRecord = 10 * time.Minute

// recordLayer has the library record a prepared layer, unless it has it. What it is given for a layer that it has, it puts in the place of that one's
// files, under containers and builds which have those mounted. So of all processes only one at a time looks and records.
func (s *Store) recordLayer(ctx context.Context, lib storage.Store, layer storage.ApplyStagedLayerOptions) (found bool, err error) {
	has := func() bool {
		_, err := lib.Layer(layer.ID)
		return err == nil
	}
	if has() {
		return true, nil
	}
	dir := filepath.Join(s.GraphRoot(), "pod-layers")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, longestRecord)
	defer cancel()
	// Few files, which stay, and yet layers that seldom wait for each other.
	lock, err := filelock.Acquire(ctx, filepath.Join(dir, layer.ID[:1]), "record a layer")
	if err != nil {
		return false, err
	}
	defer lock.Release()
	if has() {
		return true, nil
	}
	if err := failpoint.Hit("layer.recording"); err != nil {
		return false, err
	}
	_, err = lib.ApplyStagedLayer(layer)
	if errors.Is(err, storage.ErrDuplicateID) {
		return true, nil // podman has just made the same
	}
	return false, err
}

// stages reports whether layers can be prepared beside the store's own. forceMask makes the driver store other owners and modes than
// the files have.
func (s *Store) stages() bool {
	return s.driverFor() == "overlay" && !slices.ContainsFunc(s.storage.GraphDriverOptions, func(o string) bool { return strings.Contains(o, "force_mask=") })
}

// copyLayer has the library unpack a layer, which it does under its lock. Without a digest the layer gets a random id.
func copyLayer(lib storage.Store, parent string, diffID digest.Digest, stream io.Reader) (Layer, error) {
	l := Layer{DiffID: diffID}
	if diffID != "" {
		l.ID = ChainID(parent, diffID)
		if have, err := lib.Layer(l.ID); err == nil {
			l.Found, l.Size = true, have.UncompressedSize
			return l, nil
		}
	}
	made, _, err := lib.PutLayer(l.ID, parent, nil, "", false, nil, stream)
	if err != nil {
		return l, layerError(parent, err)
	}
	return Layer{ID: made.ID, DiffID: made.UncompressedDigest, Size: made.UncompressedSize}, failpoint.Hit("layer.recorded")
}

func layerError(parent string, err error) error {
	if errors.Is(err, storage.ErrLayerUnknown) || errors.Is(err, storage.ErrParentUnknown) {
		return fmt.Errorf("the layer below, %s, has gone: %w", ShortID(parent), ErrNotFound)
	}
	return err
}

// ChainID is the id of the layer with this content over parent (an id, or empty), as podman and buildah choose it, so that equal layers are
// stored once.
func ChainID(parent string, diffID digest.Digest) string {
	if parent == "" {
		return diffID.Encoded()
	}
	return digest.Canonical.FromString(parent + "+" + diffID.Encoded()).Encoded()
}

var errCannotMove = errors.New("the layer cannot be moved into the store")
