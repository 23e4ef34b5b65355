package build

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/build/progress"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

// Squash says which layers of an image become one.
type Squash int

const (
	SquashNone Squash = iota
	SquashNew         // those that the build has put over its base
	SquashAll
)

// squash makes one layer of several, and the history tell of one.
func (o *oneBuild) squash(ctx context.Context) error {
	s := o.solve
	if s.job.Squash == SquashNone {
		return nil
	}
	kept, err := s.baseLayers(ctx)
	if err != nil {
		return err
	}
	if s.job.Squash == SquashAll {
		kept = 0
	}
	if len(o.made.layers)-kept < 2 {
		return nil
	}
	n := len(o.made.layers) - kept
	v := s.job.Display.Vertex(fmt.Sprintf("[%s] squash %d layers", stageName(s.shown(s.plan.Stages[len(s.plan.Stages)-1])), n))
	squashed, found, err := s.squashed(ctx, o.made, kept, v)
	v.End(found, err)
	if err != nil {
		return fmt.Errorf("make one layer of %d: %w", n, err)
	}
	o.made = squashed
	squashHistory(&s.plan.Stages[len(s.plan.Stages)-1].Config, kept)
	return nil
}

// squashed gives the layers with one for those above the lowest kept ones: the one that an earlier build has made of the very same, or a new one.
func (s *solve) squashed(ctx context.Context, m made, kept int, v progress.Vertex) (_ made, found bool, err error) {
	below := made{layers: m.layers[:kept:kept], cached: m.cached}
	key := sum("squash", keyVersion, below.top(), m.top()) // a layer's id is that of all layers below it too
	leave, err := s.enter(ctx, key)
	if err != nil {
		return m, false, err
	}
	defer leave()
	if !s.job.NoCache || s.has(key) {
		if l, ok := s.cached(below, key); ok {
			return below.with(l, m.cached), true, nil
		}
	}
	release, err := s.slot(ctx)
	if err != nil {
		return m, false, err
	}
	defer release()
	v.Start()
	l, err := s.merge(ctx, m, below)
	if err == nil {
		err = s.lowers.intact()
	}
	if err != nil {
		return m, false, err
	}
	s.done([]string{key})
	top := madeLayer{l, m.layers[len(m.layers)-1].created}
	if err := s.remember(key, below.top(), top, "squashed layers"); err != nil {
		return m, false, err
	}
	return below.with(top, m.cached), false, failpoint.Hit("build.squashed")
}

// baseLayers is how many layers the target has from the image that its first stage begins with.
func (s *solve) baseLayers(ctx context.Context) (int, error) {
	stage := s.plan.Stages[len(s.plan.Stages)-1]
	for stage.Base.Stage != nil {
		stage = s.stages[*stage.Base.Stage].Stage
	}
	base, err := s.base(ctx, stage)
	return len(base.layers), err
}

// squashHistory leaves of the entries that made a layer above the lowest kept ones only the last.
func squashHistory(config *plan.Config, kept int) {
	last := -1
	history := slices.Clone(config.History)
	for i, layers := 0, 0; i < len(history); i++ {
		if history[i].EmptyLayer {
			continue
		}
		if layers++; layers <= kept {
			continue
		}
		if last >= 0 {
			history[last].EmptyLayer = true
		}
		last = i
	}
	config.History = history
}

// merge makes one layer, over those below, of the other layers.
func (s *solve) merge(ctx context.Context, m, below made) (l image.Layer, err error) {
	layers, err := s.layersOf(m)
	if err != nil {
		return l, err
	}
	before, err := s.mountLayers(below, "")
	if err != nil {
		return l, err
	}
	defer before.Close()
	after, err := s.mountLayers(m, "")
	if err != nil {
		return l, err
	}
	defer after.Close()
	paths, err := touched(layers.Dirs[:len(m.layers)-len(below.layers)])
	if err != nil {
		return l, err
	}
	changes, err := changesOf(paths, before, after)
	if err != nil {
		return l, err
	}
	read, write := io.Pipe()
	go func() { write.CloseWithError(writeChanges(ctx, write, after, changes)) }()
	l, err = s.Images.AddLayerTar(ctx, below.top(), read)
	read.Close()
	return l, err
}

// touched gives the paths that upper directories of overlay speak of, each once, parents first.
func touched(dirs []string) ([]string, error) {
	seen := map[string]bool{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if rel, _ := filepath.Rel(dir, path); err == nil && rel != "." {
				seen[rel] = true
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	paths := make([]string, 0, len(seen))
	for path := range seen {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths, nil
}

// change is a path whose file is other than before, or gone.
type change struct {
	entry
	deleted bool
}

// changesOf says what became of the paths, and of what was below them.
func changesOf(paths []string, before, after *os.File) ([]change, error) {
	changes := map[string]change{}
	for _, path := range paths {
		now, err := entryAt(after, path)
		if err != nil {
			return nil, err
		}
		was, err := entryAt(before, path)
		if err != nil {
			return nil, err
		}
		switch {
		case now == nil && was == nil:
		case now == nil:
			changes[path] = change{entry{rel: path}, true}
		default:
			changes[path] = change{*now, false}
			if was == nil || was.kind() != unix.S_IFDIR || now.kind() != unix.S_IFDIR {
				continue
			}
			lost, err := missing(before, after, path)
			if err != nil {
				return nil, err
			}
			for _, name := range lost {
				changes[name] = change{entry{rel: name}, true}
			}
		}
	}
	var out []change
	for _, path := range slices.Sorted(maps.Keys(changes)) {
		// What was in a directory that is gone, or is no directory now, is gone with it.
		if parent, ok := changes[filepath.Dir(path)]; ok && (parent.deleted || parent.kind() != unix.S_IFDIR) {
			continue
		}
		out = append(out, changes[path])
	}
	return out, nil
}

// entryAt is the file at a path, through no link; nil: there is none.
func entryAt(root *os.File, path string) (*entry, error) {
	f, err := openat2(root, path, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return nil, nil
	case err != nil:
		return nil, err
	}
	defer f.Close()
	e := &entry{rel: path}
	if err = unix.Fstat(int(f.Fd()), &e.stat); err == nil && e.kind() == unix.S_IFLNK {
		e.link, err = readlinkat(f, "")
	}
	return e, err
}

// missing gives what a directory has lost: all of an opaque one that was not made again.
func missing(before, after *os.File, path string) ([]string, error) {
	dir, err := openat2(before, path, &unix.OpenHow{
		Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var lost []string
	for _, name := range names {
		rel := filepath.Join(path, name)
		e, err := entryAt(after, rel)
		if err != nil {
			return nil, err
		}
		if e == nil {
			lost = append(lost, rel)
		}
	}
	return lost, nil
}

// writeChanges writes a layer (image-spec, layer.md). The same changes give the same bytes.
func writeChanges(ctx context.Context, w io.Writer, after *os.File, changes []change) error {
	l := &listing{tree: &Tree{Root: after}, base: after}
	out := tar.NewWriter(w)
	links := map[uint64]string{}
	for _, c := range changes {
		err := ctx.Err()
		switch {
		case err != nil:
		case c.deleted:
			dir, name := filepath.Split(c.rel)
			err = out.WriteHeader(&tar.Header{Name: dir + archive.WhiteoutPrefix + name, Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0).UTC()})
		default:
			err = l.archive(out, c.entry, links)
		}
		if err != nil {
			return err
		}
	}
	return out.Close()
}
