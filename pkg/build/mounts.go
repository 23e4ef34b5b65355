package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/pod-engine/pod/internal/undo"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/step"
	"golang.org/x/sys/unix"
)

// mounts are the trees that one RUN sees beside its own files.
type mounts struct {
	*solve
	run     plan.Run
	seeds   map[string]string // by target, what caches begin with
	written string            // directory that a generator of bills of materials writes to; empty: it is no generator
	trees   []step.Tree
	done    undo.Stack
	listed  map[string]*files.Listing // by target, the files of contexts as the key has them
	live    []*files.Listing          // those of them that are mounted themselves
	scratch int
	missing []string // flags that would have given what is mounted when it is there
}

// contents are digests of what the mounts bring in, as far as the result is taken to depend on them: caches, secrets and
// agents are none of it.
func (m *mounts) contents(ctx context.Context) ([]string, error) {
	var out []string
	for _, mount := range m.run.Mounts {
		if mount.From == nil {
			continue
		}
		if mount.From.Context == "" {
			key, err := m.sourceKey(ctx, *mount.From)
			if err != nil {
				return nil, err
			}
			out = append(out, "tree "+key)
			m.seed(mount, key)
			continue
		}
		l, err := m.list(ctx, mount)
		if err != nil {
			return nil, err
		}
		content, err := l.Content()
		if err != nil {
			return nil, err
		}
		out = append(out, content, strconv.FormatUint(uint64(l.Mode()), 8))
		m.seed(mount, content)
	}
	return out, nil
}

// list gives the files of a context that a mount brings in, always the same.
func (m *mounts) list(ctx context.Context, mount plan.Mount) (*files.Listing, error) {
	if l, ok := m.listed[mount.Target]; ok {
		return l, nil
	}
	tree, err := m.contextTree(mount.From.Context)
	if err != nil {
		return nil, err
	}
	l, err := tree.List(ctx, clean(mount.Source), nil)
	if err != nil {
		return nil, err
	}
	if m.listed == nil {
		m.listed = map[string]*files.Listing{}
	}
	m.listed[mount.Target] = l
	return l, nil
}

// changed gives the name of a file of a context that has changed since it was listed, while the step could read it; empty: there is none.
func (m *mounts) changed(ctx context.Context) string {
	for _, l := range m.live {
		if name := l.Changed(ctx); name != "" {
			return name
		}
	}
	return ""
}

// seed notes what a cache begins with.
func (m *mounts) seed(mount plan.Mount, key string) {
	if mount.Type != plan.MountCache {
		return
	}
	if m.seeds == nil {
		m.seeds = map[string]string{}
	}
	m.seeds[mount.Target] = key
}

func (m *mounts) close() {
	for _, l := range m.listed {
		l.Close()
	}
}

// clean is a path from the root of a tree, without a slash in front.
func clean(name string) string { return path.Clean("/" + name)[1:] }

// mount makes all mounts; done takes back what is held for them.
func (m *mounts) mount(ctx context.Context, cfg *container.Config, u upper) (done func() error, err error) {
	defer m.done.OnError(&err)
	for _, mount := range m.run.Mounts {
		if err := m.one(ctx, mount, cfg, u); err != nil {
			return nil, fmt.Errorf("--mount=type=%s,target=%s: %w", mount.Type, mount.Target, err)
		}
	}
	if m.run.Script != nil {
		dir, err := scriptFile(u, *m.run.Script)
		if err != nil {
			return nil, err
		}
		if err := m.bind(dir, plan.ScriptDir, true); err != nil {
			return nil, err
		}
	}
	if m.written != "" {
		if err := m.bind(m.written, scanOut, false); err != nil {
			return nil, err
		}
	}
	return m.done.Run, nil
}

func (m *mounts) one(ctx context.Context, mount plan.Mount, cfg *container.Config, u upper) error {
	switch mount.Type {
	case plan.MountBind:
		return m.bindSource(ctx, mount, u)
	case plan.MountCache:
		return m.cache(ctx, mount)
	case plan.MountTmpfs:
		tmpfs := container.Mount{Type: container.MountTmpfs, Destination: mount.Target}
		if mount.Size > 0 {
			tmpfs.Options = append(tmpfs.Options, "size="+strconv.FormatInt(mount.Size, 10))
		}
		cfg.Mounts = append(cfg.Mounts, tmpfs)
		return nil
	case plan.MountSecret:
		return m.secret(mount, cfg, u)
	case plan.MountSSH:
		return m.agent(mount, cfg, u)
	}
	return errors.New("this type is not known")
}

// bind mounts a directory or file of this machine that the builder itself has made.
func (m *mounts) bind(from, target string, readOnly bool) error {
	fd, err := unix.OpenTree(unix.AT_FDCWD, from, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return &os.PathError{Op: "mount", Path: from, Err: err}
	}
	m.add(os.NewFile(uintptr(fd), from), target, readOnly)
	return nil
}

func (m *mounts) add(f *os.File, target string, readOnly bool) {
	m.done.Push(f.Close)
	m.trees = append(m.trees, step.Tree{Mount: f, Destination: target, ReadOnly: readOnly})
}

// bindSource mounts files of a context, stage or image. What is written to them, where they are not read-only, is thrown away.
func (m *mounts) bindSource(ctx context.Context, mount plan.Mount, u upper) error {
	if mount.From.Context != "" {
		l, err := m.list(ctx, mount)
		if err != nil {
			return err
		}
		if !mount.ReadOnly || l.Ignores() {
			return m.bindCopy(ctx, l, mount, u)
		}
		f, err := l.Mount()
		if err == nil {
			m.live = append(m.live, l)
			m.add(f, mount.Target, true)
		}
		return err
	}
	if !mount.ReadOnly {
		return m.bindOver(ctx, mount, u)
	}
	made, err := m.sourceLayers(ctx, *mount.From)
	if err != nil {
		return err
	}
	// A link in the tree does not lead out of it (CVE-2024-1753).
	f, err := m.mountLayers(made, clean(mount.Source))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no %q to mount", mount.Source)
	}
	if err == nil {
		m.add(f, mount.Target, true)
	}
	return err
}

// space makes a directory for one mount.
func (m *mounts) space(u upper) (string, error) {
	m.scratch++
	dir := filepath.Join(u.dir, "mount"+strconv.Itoa(m.scratch))
	return dir, os.Mkdir(dir, 0o755)
}

// bindOver mounts files of a stage or image with a throw-away layer over them.
func (m *mounts) bindOver(ctx context.Context, mount plan.Mount, u upper) error {
	made, err := m.sourceLayers(ctx, *mount.From)
	if err != nil {
		return err
	}
	layers, err := m.layersOf(made)
	if err != nil {
		return err
	}
	dir, err := m.space(u)
	if err != nil {
		return err
	}
	over := upper{dir: dir, upper: filepath.Join(dir, "upper"), work: filepath.Join(dir, "work"), at: filepath.Join(dir, "at")}
	for _, d := range []string{over.upper, over.work, over.at} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	f, err := m.Runner.MountOver(layers, over.upper, over.work, over.at, clean(mount.Source))
	if err != nil {
		return err
	}
	m.add(f, mount.Target, false)
	return nil
}

// bindCopy mounts a copy of files of a context: where the step may write to them, and where the ignore file hides some.
func (m *mounts) bindCopy(ctx context.Context, l *files.Listing, mount plan.Mount, u upper) error {
	dir, err := m.space(u)
	if err != nil {
		return err
	}
	root, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := (&files.Placer{Root: root, Now: m.now()}).Place(ctx, l, "/tree", false); err != nil {
		return err
	}
	return m.bind(filepath.Join(dir, "tree"), mount.Target, mount.ReadOnly)
}
