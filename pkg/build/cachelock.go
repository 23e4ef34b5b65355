package build

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/internal/undo"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// Who has a cache mount shares the lock on mounts/ID/use. A cache that is to be empty, or to go, is moved away whole, with that lock in it: those who
// have it go on with what they have, those who come find another. What was moved away is removed when nobody has it any more.

// goneCache begins the name of a cache that was moved away.
const goneCache = ".gone-"

func (b *Builder) cachesDir() string { return filepath.Join(b.Dir, "mounts") }

// shareCache makes sure that the cache's directory is there, and stays whole, until held is run. It may be moved away all the same: what is opened in it
// is the cache's only if the lock is in its place afterwards (useFile).
func (b *Builder) shareCache(ctx context.Context, id, seed string, held *undo.Stack) (dir string, lock *filelock.Lock, err error) {
	dir = b.mountDir(id, seed)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, err
	}
	// Only once: who looks for the cache by its name must not find the file empty.
	name := filepath.Join(dir, "id")
	if known, err := os.ReadFile(name); err != nil || string(known) != id {
		if err := atomicfile.WriteVolatile(name, []byte(id)); err != nil {
			return "", nil, err
		}
	}
	lock, err = filelock.Share(ctx, useFile(dir))
	if err != nil {
		return "", nil, err
	}
	held.Push(lock.Release)
	return dir, lock, nil
}

// useFile carries the lock of who has the cache in dir.
func useFile(dir string) string { return filepath.Join(dir, "use") }

// emptyCaches has the caches of what is done anew begin empty, as BuildKit has: once in a build, before its first step that has them.
func (s *solve) emptyCaches() error {
	empty := map[string]bool{}
	for _, stage := range s.plan.Stages {
		if !s.job.NoCache && !stage.NoCache {
			continue
		}
		for _, id := range cacheIDs(stage) {
			if s.firstToEmpty(id) {
				empty[id] = true
			}
		}
	}
	if err := s.moveCaches(empty); err != nil {
		return err
	}
	// Meanwhile: a cache may have very many files.
	s.removals.Go(s.removeMoved)
	return nil
}

// moveCaches moves the caches of these names away, whatever they began with.
func (b *Builder) moveCaches(ids map[string]bool) error {
	if len(ids) == 0 {
		return nil
	}
	dirs, err := os.ReadDir(b.cachesDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, d := range dirs {
		dir := filepath.Join(b.cachesDir(), d.Name())
		id, err := os.ReadFile(filepath.Join(dir, "id"))
		if err != nil || !isCache(d.Name()) || !ids[string(id)] {
			continue
		}
		if err := b.moveCache(dir); err != nil {
			return fmt.Errorf("empty the cache %q: %w", id, err)
		}
	}
	return nil
}

// moveCache moves the cache in dir away from where it is found.
func (b *Builder) moveCache(dir string) error {
	err := os.Rename(dir, filepath.Join(b.cachesDir(), goneCache+rand.Text()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return failpoint.Hit("build.cachemoved")
}

// removeMoved removes the caches that were moved away and that nobody has.
func (b *Builder) removeMoved() {
	moved, _ := filepath.Glob(filepath.Join(b.cachesDir(), goneCache+"*"))
	for _, dir := range moved {
		if inUse(dir) {
			continue
		}
		if err := removeTree(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			b.Warn(fmt.Sprintf("a cache that was emptied stays until the next build: %s", err))
		}
	}
}

// inUse reports whether somebody has the cache in dir. Of one that was moved away it is final: who waits for the lock finds that out when he has it.
func inUse(dir string) bool {
	lock, err := filelock.Try(useFile(dir))
	if err == nil {
		lock.Release()
	}
	return errors.Is(err, filelock.ErrHeld)
}

// cacheIDs are the names of the caches that the RUNs of stages have.
func cacheIDs(stages ...plan.Stage) []string {
	var ids []string
	for _, stage := range stages {
		for _, step := range stage.Steps {
			if step.Run == nil {
				continue
			}
			for _, m := range step.Run.Mounts {
				if m.Type == plan.MountCache && !slices.Contains(ids, m.ID) {
					ids = append(ids, m.ID)
				}
			}
		}
	}
	return ids
}

// isCache reports whether a directory of this name in Builder.cachesDir is a cache.
func isCache(name string) bool { return !strings.HasPrefix(name, ".") }
