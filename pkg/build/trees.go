package build

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/plan"
	"golang.org/x/sys/unix"
)

// trees are the files of stages and images that are copied from, each mounted once in a build.
type trees struct {
	mu   sync.Mutex
	open map[string]*files.Tree
}

// tree gives the files that a source means.
func (s *solve) tree(ctx context.Context, from plan.Source) (*files.Tree, error) {
	if from.Context != "" {
		c, err := s.contextTree(from.Context)
		if err != nil {
			return nil, err
		}
		return c.Tree, nil
	}
	m, err := s.sourceLayers(ctx, from)
	if err != nil {
		return nil, err
	}
	s.trees.mu.Lock()
	defer s.trees.mu.Unlock()
	key := m.top()
	if t, ok := s.trees.open[key]; ok {
		return t, nil
	}
	root, err := s.mountLayers(m, "")
	if err != nil {
		return nil, err
	}
	if s.trees.open == nil {
		s.trees.open = map[string]*files.Tree{}
	}
	t := &files.Tree{Root: root}
	s.trees.open[key] = t
	return t, nil
}

func (s *solve) contextTree(name string) (*Context, error) {
	if t, ok := s.job.Contexts[name]; ok {
		return t, nil
	}
	if s.job.Context == nil {
		return nil, hint.Wrap(errors.New("there is no build context to copy from"), "give a directory as CONTEXT, and the Dockerfile with --file -")
	}
	return s.job.Context, nil
}

// mountLayers mounts layers, or the file or directory name in them, to be read; no layers are an empty directory.
func (s *solve) mountLayers(m made, name string) (*os.File, error) {
	dir, err := s.work.sub()
	if err != nil {
		return nil, err
	}
	if len(m.layers) == 0 {
		return os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	}
	layers, err := s.layersOf(m)
	if err != nil {
		return nil, err
	}
	return s.Runner.MountTree(layers, dir, name)
}

func (t *trees) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, tree := range t.open {
		tree.Root.Close()
	}
}
