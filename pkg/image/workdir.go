package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pod-engine/pod/internal/filelock"
)

// WorkDir is a directory in the store for what is about to become a layer by a rename. It is locked while its process lives; one that is not
// was left by a process that was killed.
type WorkDir struct {
	Dir  string
	lock *filelock.Lock
}

// StepDir is, in a directory of a WorkDir's, what the running of a step of a build needs.
const StepDir = "bundle"

func (s *Store) workDirs() string { return filepath.Join(s.GraphRoot(), "pod-build") }

// NewWorkDir makes one. purpose is for messages.
func (s *Store) NewWorkDir(ctx context.Context, purpose string) (*WorkDir, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	parent := s.workDirs()
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, s.Full(fmt.Errorf("make room in the image store: %w", err))
	}
	Spread(parent)
	s.keepReserve()
	for {
		dir, err := os.MkdirTemp(parent, "")
		if err != nil {
			return nil, s.Full(fmt.Errorf("make room in the image store: %w", err))
		}
		lock, err := filelock.Acquire(ctx, filepath.Join(dir, "lock"), purpose)
		if errors.Is(err, os.ErrNotExist) {
			continue // somebody took it for one that was left behind
		}
		if err != nil {
			return nil, s.Full(fmt.Errorf("make room in the image store: %w", err))
		}
		return &WorkDir{dir, lock}, nil
	}
}

// AbandonedWorkDirs takes over those whose process has died. The caller removes them.
func (s *Store) AbandonedWorkDirs() []*WorkDir {
	entries, _ := os.ReadDir(s.workDirs())
	var out []*WorkDir
	for _, entry := range entries {
		dir := filepath.Join(s.workDirs(), entry.Name())
		// Without a lock its process died early, or its removal did. One that has made it just now finds that it is gone, and makes another.
		if lock, err := filelock.Claim(filepath.Join(dir, "lock"), "remove what a killed process has left"); err == nil {
			out = append(out, &WorkDir{dir, lock})
		}
	}
	return out
}

// sweepWorkDirs removes those that hold nothing but files. Where a step of a build ran, a build has more to take back.
func (s *Store) sweepWorkDirs() {
	for _, work := range s.AbandonedWorkDirs() {
		if steps, err := filepath.Glob(filepath.Join(work.Dir, "*", StepDir)); err != nil || len(steps) > 0 {
			work.lock.Release()
			continue
		}
		_ = work.Remove() // the next one tries again
	}
}

// WorkLocks are the locks of all that are there, to see since when somebody works.
func (s *Store) WorkLocks() []string {
	locks, _ := filepath.Glob(filepath.Join(s.workDirs(), "*", "lock")) // the pattern is good
	return locks
}

// Remove removes the directory with all that is in it, whatever its permissions.
func (w *WorkDir) Remove() error {
	err := os.RemoveAll(w.Dir)
	if errors.Is(err, os.ErrPermission) {
		// Overlay's work directories have mode 0, which binds a user with a single id.
		filepath.WalkDir(w.Dir, func(path string, entry os.DirEntry, err error) error {
			if entry != nil && entry.IsDir() {
				os.Chmod(path, 0o700)
			}
			return nil
		})
		err = os.RemoveAll(w.Dir)
	}
	return errors.Join(err, w.lock.Release())
}
