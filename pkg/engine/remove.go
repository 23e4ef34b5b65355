package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/pkg/container"
	"golang.org/x/sys/unix"
)

// RemoveOptions say how far a removal goes.
type RemoveOptions struct {
	Force bool
	// Timeout is how long a forced removal waits between the stop signal and SIGKILL; nil: the container's own.
	Timeout *time.Duration
}

// Remove removes a container. One that runs is refused with ErrState unless opts.Force, which ends it first.
// It works on a full disk, and goes on from wherever an earlier removal was killed.
func (e *Engine) Remove(ctx context.Context, id string, opts RemoveOptions) error {
	c, err := e.load(id)
	if err != nil {
		return err
	}
	if c.State.Alive() || c.State.Status == container.StatusRestarting {
		if !opts.Force {
			return fmt.Errorf("container %q is %s: stop it first, or remove it with --force: %w", c.Config.Name, c.State.Status, ErrState)
		}
		if err := e.Stop(ctx, id, StopOptions{Timeout: opts.Timeout}); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	if c.State.Status == container.StatusDamaged {
		return e.removeDamaged(ctx, c)
	}
	err = e.withLock(ctx, id, "remove", func(c Container, _ record) error {
		if c.State.Alive() {
			return fmt.Errorf("container %q is %s again: %w", c.Config.Name, c.State.Status, ErrState)
		}
		return e.removeLocked(ctx, c)
	})
	if errors.Is(err, ErrNotFound) {
		return nil // its own clean-up (--rm) was faster
	}
	return err
}

// RemoveEnded removes a container unless it runs, which is no error.
func (e *Engine) RemoveEnded(ctx context.Context, id string) error {
	err := e.Remove(ctx, id, RemoveOptions{})
	if errors.Is(err, ErrState) {
		return nil
	}
	return err
}

// removeDamaged removes a container whose records cannot be read. Its lock may be damaged too, so it goes without.
func (e *Engine) removeDamaged(ctx context.Context, c Container) error {
	id := c.Config.ID
	if err := e.releaseRun(ctx, id); err != nil {
		return fmt.Errorf("remove container %s: %w", short(id), err)
	}
	if err := os.Rename(e.Dir(id), e.removingDir(id)); err != nil {
		return fmt.Errorf("remove container %s: %w", short(id), err)
	}
	e.dropNamesAndLeases(ctx, id)
	e.event(c.Config, "remove", nil)
	return removeTree(e.removingDir(id))
}

// removeLocked removes a container that has ended and whose lock is held.
func (e *Engine) removeLocked(ctx context.Context, c Container) error {
	id := c.Config.ID
	if c.State.Status == container.StatusExited && exists(e.ContainerRunDir(id)) {
		e.diedEvent(c, c.State.ExitCode) // faster than the clean-up, which now finds nothing
	}
	if err := e.releaseRun(ctx, id); err != nil {
		return fmt.Errorf("remove container %q: %w", c.Config.Name, err)
	}
	if err := failpoint.Hit("remove.released"); err != nil {
		return err
	}
	if err := e.freeSpaceFor(func() error { return os.Rename(e.Dir(id), e.removingDir(id)) }); err != nil {
		return fmt.Errorf("remove container %q: %w", c.Config.Name, err)
	}
	if err := failpoint.Hit("remove.hidden"); err != nil {
		return err
	}
	if err := e.finishRemoval(ctx, c.Config); err != nil {
		return fmt.Errorf("remove container %q: %w", c.Config.Name, err)
	}
	e.event(c.Config, "remove", nil)
	return nil
}

// finishRemoval takes away all that belongs to a container whose directory is in removing/.
func (e *Engine) finishRemoval(ctx context.Context, cfg *container.Config) error {
	if err := e.releaseName(ctx, cfg.Name, cfg.ID); err != nil {
		return err
	}
	if err := failpoint.Hit("remove.nameless"); err != nil {
		return err
	}
	if err := e.dropImage(cfg.Image.ID, cfg.ID); err != nil {
		return err
	}
	if cfg.CIDFile != "" {
		if b, err := readFile(cfg.CIDFile); err == nil && string(b) == cfg.ID {
			os.Remove(cfg.CIDFile)
		}
	}
	if err := failpoint.Hit("remove.unleased"); err != nil {
		return err
	}
	return removeTree(e.removingDir(cfg.ID))
}

// removeTree removes a tree whose directories may lack the permissions to do so.
func removeTree(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, os.ErrPermission) {
		return err
	}
	filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if entry != nil && entry.IsDir() {
			os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// releaseRun takes away the volatile side of a container that has ended: runtime state, run directory.
func (e *Engine) releaseRun(ctx context.Context, id string) error {
	if err := e.deleteRuntimeState(ctx, id); err != nil {
		return err
	}
	// The monitor may be about to end and write a last file there; once the directory is gone it cannot.
	for try := 0; ; try++ {
		err := removeTree(e.ContainerRunDir(id))
		if try == 20 || !errors.Is(err, unix.ENOTEMPTY) {
			return err
		}
	}
}

// Cleanup finishes what is left to do when a container has ended: it is what the monitor starts, and what a command does that
// meets a container whose monitor died. With nothing left to do it does nothing.
func (e *Engine) Cleanup(ctx context.Context, id string) error {
	err := e.withLock(ctx, id, "clean up", func(c Container, _ record) error {
		if c.State.Alive() || c.State.Status == container.StatusRestarting {
			return nil
		}
		return e.cleanupLocked(ctx, c)
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

func (e *Engine) cleanupLocked(ctx context.Context, c Container) error {
	if exists(e.ContainerRunDir(c.Config.ID)) {
		if c.State.Status == container.StatusExited {
			code := c.State.ExitCode
			e.diedEvent(c, code)
		}
		if err := failpoint.Hit("cleanup.noted"); err != nil {
			return err
		}
		if err := e.releaseRun(ctx, c.Config.ID); err != nil {
			return fmt.Errorf("clean up container %q: %w", c.Config.Name, err)
		}
		if err := failpoint.Hit("cleanup.released"); err != nil {
			return err
		}
		e.event(c.Config, "cleanup", nil)
	}
	if c.Config.Remove && c.State.Status == container.StatusExited {
		return e.removeLocked(ctx, c)
	}
	return nil
}

// Sweep finishes creations and removals whose command died. It is called by every command that changes something;
// with nothing to do it costs two directory reads. What cannot be finished now is left for the next time.
func (e *Engine) Sweep(ctx context.Context) {
	for _, id := range listIDs(filepath.Join(e.DataDir, dirCreating)) {
		e.sweepCreating(ctx, id)
	}
	for _, id := range listIDs(filepath.Join(e.DataDir, dirRemoving)) {
		e.sweepRemoving(ctx, id)
	}
}

func (e *Engine) sweepCreating(ctx context.Context, id string) {
	dir := e.creatingDir(id)
	lock, err := filelock.Try(filepath.Join(dir, "lock"))
	if errors.Is(err, os.ErrNotExist) {
		// Killed, or not yet there: between mkdir and the lock lie microseconds.
		if info, err := os.Lstat(dir); err != nil || time.Since(info.ModTime()) < time.Minute {
			return
		}
	} else if err != nil {
		return
	} else {
		defer lock.Release()
	}
	if exists(e.Dir(id)) {
		return
	}
	e.dropNamesAndLeases(ctx, id)
	if err := removeTree(dir); err != nil {
		e.Log.Debug("sweep of an unfinished container", "id", id, "error", err)
	}
}

func (e *Engine) sweepRemoving(ctx context.Context, id string) {
	lock, err := filelock.Try(filepath.Join(e.removingDir(id), "lock"))
	if err == nil {
		defer lock.Release()
	} else if errors.Is(err, filelock.ErrHeld) {
		return
	}
	cfg, err := readConfig(e.removingDir(id), id)
	if err == nil {
		if rec, err := readRecord(e.removingDir(id)); err == nil && rec.Name != "" {
			cfg.Name = rec.Name
		}
		err = e.finishRemoval(ctx, cfg)
	} else {
		e.dropNamesAndLeases(ctx, id)
		err = removeTree(e.removingDir(id))
	}
	if err != nil {
		e.Log.Debug("sweep of a half removed container", "id", id, "error", err)
	}
}

// dropNamesAndLeases frees all that points to id, for a container that has no readable configuration to say what
// that is.
func (e *Engine) dropNamesAndLeases(ctx context.Context, id string) {
	names, _ := os.ReadDir(filepath.Join(e.DataDir, dirNames))
	for _, name := range names {
		e.releaseName(ctx, name.Name(), id)
	}
	leases, _ := os.ReadDir(filepath.Join(e.DataDir, dirLeases))
	for _, lease := range leases {
		e.dropImage(lease.Name(), id)
	}
}

func listIDs(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var ids []string
	for _, entry := range entries {
		if isID(entry.Name()) {
			ids = append(ids, entry.Name())
		}
	}
	return ids
}

// reserveSize is what the reserve gives back on a full disk: enough for a directory to grow by some blocks.
const reserveSize = 64 << 10

// keepReserve makes sure there is a reserve for freeSpaceFor.
func (e *Engine) keepReserve() {
	path := filepath.Join(e.DataDir, "reserve")
	if exists(path) {
		return
	}
	if err := os.WriteFile(path, make([]byte, reserveSize), 0o600); err != nil {
		os.Remove(path)
	}
}

// freeSpaceFor does act, and when the disk is full once more after it has given back the reserve.
func (e *Engine) freeSpaceFor(act func() error) error {
	err := act()
	if !isFull(err) {
		return err
	}
	if os.Remove(filepath.Join(e.DataDir, "reserve")) != nil {
		return err
	}
	return act()
}
