package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/reserve"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

// RemoveOptions say how far a removal goes.
type RemoveOptions struct {
	Force bool
	// Timeout is how long a forced removal waits between the stop signal and SIGKILL; nil: the container's own.
	Timeout *time.Duration
}

// Remove removes a container. One that runs is refused with ErrState unless opts.Force, which ends it first.
// One that is gone meanwhile is removed. It works on a full disk, and goes on from wherever an earlier removal was killed.
func (e *Engine) Remove(ctx context.Context, id string, opts RemoveOptions) error {
	for {
		err := e.remove(ctx, id, opts)
		if !opts.Force || !errors.Is(err, errAgain) || ctx.Err() != nil {
			return err
		}
	}
}

// errAgain says that another command started a container between the two halves of its removal.
var errAgain = fmt.Errorf("%w", ErrState)

func (e *Engine) remove(ctx context.Context, id string, opts RemoveOptions) error {
	c, err := e.load(id)
	if errors.Is(err, ErrNotFound) {
		return nil // its own clean-up (--rm), or another removal, was faster
	}
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
		if !opts.Force && e.damagedRuns(id) {
			return fmt.Errorf("container %s is damaged (%s) and running: remove it with --force: %w", short(id), c.State.Problem, ErrState)
		}
		return e.removeDamaged(ctx, c)
	}
	err = e.withReleased(ctx, id, "remove", func(c Container, _ record) error {
		if c.State.Alive() || c.State.Status == container.StatusRestarting {
			return fmt.Errorf("container %q is %s again: %w", c.Config.Name, c.State.Status, errAgain)
		}
		return e.removeLocked(ctx, c)
	})
	if errors.Is(err, ErrNotFound) {
		return nil
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

// damagedRuns reports whether a container whose records cannot all be read has a monitor or a process.
func (e *Engine) damagedRuns(id string) bool {
	runDir := e.ContainerRunDir(id)
	if held, _, err := monitor.Locked(filepath.Join(runDir, lockFile)); held && err == nil {
		return true
	}
	if run, err := monitor.ReadRunRecord(filepath.Join(runDir, monitor.RunFile)); err == nil && run.Process().Alive() {
		return true
	}
	rec, err := readRecord(e.Dir(id))
	return err == nil && (rec.Process.Alive() || rec.Monitor.Alive())
}

// removeDamaged removes a container whose records cannot be read. Its lock may be damaged too, so it goes without. If it
// runs, its processes end with the runtime's state.
func (e *Engine) removeDamaged(ctx context.Context, c Container) error {
	id := c.Config.ID
	runDir := e.ContainerRunDir(id)
	if held, _, err := monitor.Locked(filepath.Join(runDir, lockFile)); held && err == nil {
		// Without the mark a restart policy would start it again.
		if err := os.WriteFile(filepath.Join(runDir, monitor.StopFile), nil, 0o600); err != nil && !reserve.Full(err) {
			return fmt.Errorf("remove container %s: %w", short(id), err)
		}
		if err := e.deleteRuntimeState(ctx, id); err != nil {
			return fmt.Errorf("remove container %s: %w", short(id), err)
		}
		bounded, cancel := context.WithTimeout(ctx, failpoint.Patience(cleanupPatience))
		defer cancel()
		if err := waitReleased(bounded, runDir); err != nil {
			return fmt.Errorf("remove container %s: its monitor does not end: %w", short(id), err)
		}
	}
	if err := e.releaseRun(ctx, id); err != nil {
		return fmt.Errorf("remove container %s: %w", short(id), err)
	}
	err := os.Rename(e.Dir(id), e.removingDir(id))
	if err == nil {
		err = e.syncRemoval(c.Config)
	}
	if err != nil {
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
	if err := e.syncRemoval(c.Config); err != nil {
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

// syncRemoval makes it durable that a container is gone, before anything that belongs to it goes and before anybody is told:
// what is left of it then, a sweep takes away. One of --rm may come back after a power loss; the next command removes it.
func (e *Engine) syncRemoval(cfg *container.Config) error {
	if cfg.Remove {
		return nil
	}
	for _, dir := range []string{dirRemoving, dirContainers} {
		if err := atomicfile.SyncDir(filepath.Join(e.DataDir, dir)); err != nil {
			return err
		}
	}
	return nil
}

// finishRemoval takes away all that belongs to a container whose directory is in removing/.
func (e *Engine) finishRemoval(ctx context.Context, cfg *container.Config) error {
	if err := e.releaseName(ctx, cfg.Name, cfg.ID); err != nil {
		return err
	}
	if rec, err := readRecord(e.removingDir(cfg.ID)); err == nil && rec.Spare != "" {
		if err := e.releaseName(ctx, rec.Spare, cfg.ID); err != nil {
			return err
		}
	}
	if err := failpoint.Hit("remove.nameless"); err != nil {
		return err
	}
	if err := e.dropImage(cfg.Image.ID, cfg.ID); err != nil {
		return err
	}
	e.dropCgroup(ctx, cfg)
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

// removeTree removes a tree whose directories may lack the permissions to do so, and in which somebody may just have made
// another file.
func removeTree(dir string) error {
	err := os.RemoveAll(dir)
	for try := 0; try < 10 && errors.Is(err, unix.ENOTEMPTY); try++ {
		err = os.RemoveAll(dir)
	}
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

// releaseRun takes away the volatile side of a container that has ended: processes that its monitor could not end, runtime
// state, run directory.
func (e *Engine) releaseRun(ctx context.Context, id string) error {
	if err := e.endLeftovers(ctx, id); err != nil {
		return err
	}
	if err := e.deleteRuntimeState(ctx, id); err != nil {
		return err
	}
	if err := e.releaseNetworks(ctx, id); err != nil {
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
	err := e.withReleased(ctx, id, "clean up", func(c Container, _ record) error {
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
		if err := e.keepExit(c.Config); err != nil {
			return fmt.Errorf("clean up container %q: %w", c.Config.Name, err)
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

// keepExit puts the exit record where it belongs if the disk was full when it was made. While that is still so the run
// directory must stay, since it has the only one.
func (e *Engine) keepExit(cfg *container.Config) error {
	exit, err := monitor.ReadExitRecord(filepath.Join(e.ContainerRunDir(cfg.ID), monitor.ExitFallback))
	if err != nil || cfg.Remove {
		return nil
	}
	if kept, err := monitor.ReadExitRecord(filepath.Join(e.Dir(cfg.ID), exitFile)); err == nil && kept.Serial > exit.Serial {
		return nil
	}
	path := filepath.Join(e.Dir(cfg.ID), exitFile)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		// Damage, which is why the monitor could not write there; rename(2) replaces no directory by a file.
		if err := removeTree(path); err != nil {
			return fmt.Errorf("keep its exit code: %w", err)
		}
	}
	if err := e.freeSpaceFor(func() error { return exit.Write(path, true) }); err != nil {
		return fmt.Errorf("keep its exit code: %w", err)
	}
	return nil
}

// reserveSize is what the reserve gives back on a full disk: enough for a directory to grow by some blocks.
const reserveSize = 64 << 10

func (e *Engine) reserve() string { return filepath.Join(e.DataDir, "reserve") }

// freeSpaceFor does act, and when the disk is full once more after it has given back the reserve.
func (e *Engine) freeSpaceFor(act func() error) error {
	err := act()
	if reserve.Full(err) && reserve.Give(e.reserve()) {
		return act()
	}
	return err
}
