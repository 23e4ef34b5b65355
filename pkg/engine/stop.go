package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pod-engine/pod/internal/cgroup"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/internal/reserve"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
	"golang.org/x/sys/unix"
)

// killPatience is how long the end of a process may take after SIGKILL. Longer means that the kernel cannot end it, as
// with a dead network file system.
const killPatience = 20 * time.Second

// StopOptions change how a container is asked to end.
type StopOptions struct {
	Timeout *time.Duration // nil: the container's own; negative: wait for ever
	Signal  string         // "": the container's own
}

// Stop asks a container to end, waits, kills it when it does not, and returns when it is cleaned up. One that does
// not run is stopped already: no error.
func (e *Engine) Stop(ctx context.Context, id string, opts StopOptions) error {
	var c Container
	err := e.withLock(ctx, id, "stop", func(found Container, rec record) error {
		c = found
		if !c.State.Alive() && c.State.Status != container.StatusRestarting {
			return nil
		}
		return e.markStopped(c, rec)
	})
	if err != nil {
		return err
	}
	if c.State.Status == container.StatusRestarting {
		if c, err = e.cancelRestart(ctx, c); err != nil || !c.State.Alive() {
			return err
		}
	}
	if !c.State.Alive() {
		return e.Cleanup(ctx, id)
	}
	if err := e.end(ctx, c, opts); err != nil {
		return fmt.Errorf("stop container %q: %w", c.Config.Name, err)
	}
	if err := failpoint.Hit("stop.ended"); err != nil {
		return err
	}
	return e.awaitCleanup(ctx, c)
}

// cancelRestart ends the restart policy of a container that waits for its next try, and returns when it is cleaned up, or
// with the container when the next try was faster.
func (e *Engine) cancelRestart(ctx context.Context, c Container) (Container, error) {
	err := client.CancelRestart(ctx, e.ContainerRunDir(c.Config.ID))
	if err != nil && !errors.Is(err, client.ErrNotRunning) && !errors.Is(err, client.ErrLost) {
		return c, fmt.Errorf("stop the restarts of container %q: %w", c.Config.Name, err)
	}
	if now, err := e.load(c.Config.ID); err != nil || now.State.Alive() && now.State.PID != 0 {
		return now, err
	}
	return c, e.awaitCleanup(ctx, c)
}

// markStopped records that a person asked for the end, before anything is signalled. On a full disk the container is
// stopped all the same.
func (e *Engine) markStopped(c Container, rec record) error {
	if err := os.WriteFile(filepath.Join(e.ContainerRunDir(c.Config.ID), monitor.StopFile), nil, 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("stop container %q: %w", c.Config.Name, err)
	}
	if err := failpoint.Hit("stop.marked"); err != nil {
		return err
	}
	rec.Stopped, rec.Paused = true, false
	if err := e.writeRecord(c.Config, rec); err != nil && !reserve.Full(err) {
		return err
	}
	return failpoint.Hit("stop.recorded")
}

// end signals the container's first process and waits for its end, first politely, then with SIGKILL.
func (e *Engine) end(ctx context.Context, c Container, opts StopOptions) error {
	fd, err := e.firstProcess(c).Open()
	if errors.Is(err, process.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	name := opts.Signal
	if name == "" {
		name = c.Config.Stop.Signal
	}
	sig, err := container.ParseSignal(name)
	if err != nil {
		return err
	}
	patience := time.Duration(c.Config.Stop.Timeout) * time.Second
	if opts.Timeout != nil {
		patience = *opts.Timeout
	}
	if patience != 0 {
		if err := unix.PidfdSendSignal(fd, unix.Signal(sig), nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
		// A stop that was broken off may have left it frozen and called stopping.
		if c.State.Status == container.StatusPaused || c.State.Status == container.StatusStopping {
			e.runtime(ctx, "resume", c.Config.ID)
		}
		e.event(c.Config, "stop", nil)
		if ended, err := waitProcess(ctx, fd, patience); ended || err != nil {
			return err
		}
		e.Warn(fmt.Sprintf("container %q did not end within %s of %s and is killed", c.Config.Name, patience, name))
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	ended, err := waitProcess(ctx, fd, killPatience)
	if err == nil && !ended {
		err = fmt.Errorf("process %d did not end within %s of SIGKILL: it waits for the kernel, perhaps for a file system that does not answer", c.State.PID, killPatience)
	}
	return err
}

// firstProcess names the container's first process as its records do: never whatever else has its pid by now.
func (e *Engine) firstProcess(c Container) process.Identity {
	run, err := monitor.ReadRunRecord(filepath.Join(e.ContainerRunDir(c.Config.ID), monitor.RunFile))
	if err == nil && run.PID == c.State.PID {
		return run.Process()
	}
	if rec, err := readRecord(e.Dir(c.Config.ID)); err == nil && rec.Process.PID == c.State.PID {
		return rec.Process
	}
	return process.Identity{}
}

// waitProcess waits until the process behind a pidfd has ended; a negative patience is for ever.
func waitProcess(ctx context.Context, fd int, patience time.Duration) (bool, error) {
	deadline := time.Now().Add(patience)
	for {
		// In slices, so that Ctrl-C is noticed.
		slice := 50 * time.Millisecond
		if patience >= 0 {
			slice = max(0, min(slice, time.Until(deadline)))
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(slice.Milliseconds()+1))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return false, err
		}
		if n > 0 {
			return true, nil
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if patience >= 0 && time.Now().After(deadline) {
			return false, nil
		}
	}
}

// cleanupPatience is how long the monitor of an ended container may take to record the end and clean up.
const cleanupPatience = 15 * time.Second

// awaitCleanup returns when a container that has ended is cleaned up, and does the work of its monitor when that died. The
// monitor may live on: it waits for the command that started the container, which may be suspended.
func (e *Engine) awaitCleanup(ctx context.Context, c Container) error {
	runDir := e.ContainerRunDir(c.Config.ID)
	bounded, cancel := context.WithTimeout(ctx, failpoint.Patience(cleanupPatience))
	defer cancel()
	err := waitReleased(bounded, runDir)
	if (err != nil || !exists(runDir)) && c.State.MonitorPID != 0 && bounded.Err() == nil {
		err = waitFor(bounded, c.State.MonitorPID) // there is no lock that could tell
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("clean up container %q: its monitor, process %d, does not end: %w", c.Config.Name, c.State.MonitorPID, err)
	}
	return e.Cleanup(ctx, c.Config.ID)
}

// waitReleased returns when the monitor with this run directory has given up all that its container held, or has ended.
func waitReleased(ctx context.Context, runDir string) error {
	pause := time.Millisecond
	for {
		held, _, err := monitor.Locked(filepath.Join(runDir, lockFile))
		if err != nil || !held || exists(filepath.Join(runDir, monitor.ReleasedFile)) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, 20*time.Millisecond)
	}
}

// Kill sends a signal to the container's first process. The error is ErrState when it has none.
func (e *Engine) Kill(ctx context.Context, id, signal string) error {
	sig, err := container.ParseSignal(signal)
	if err != nil {
		return err
	}
	return e.withLock(ctx, id, "kill", func(c Container, rec record) error {
		if !c.State.Alive() || c.State.PID == 0 {
			return fmt.Errorf("container %q is %s and cannot be signalled: %w", c.Config.Name, c.State.Status, ErrState)
		}
		if unix.Signal(sig) == unix.SIGKILL {
			// Nothing survives it: a person wants the end, and no restart.
			if err := e.markStopped(c, rec); err != nil {
				return err
			}
		}
		err := e.firstProcess(c).Signal(unix.Signal(sig))
		if err != nil && !errors.Is(err, process.ErrGone) {
			return fmt.Errorf("kill container %q: %w", c.Config.Name, err)
		}
		e.event(c.Config, "kill", map[string]string{"signal": signal})
		return nil
	})
}

// errPaused refuses what cannot be done to a container that is paused.
func errPaused(verb string, cfg *container.Config) error {
	return hint.Wrap(fmt.Errorf("cannot %s container %q: it is paused: %w", verb, cfg.Name, ErrState), "pod unpause "+cfg.Name)
}

// Pause freezes all processes of a container.
func (e *Engine) Pause(ctx context.Context, id string) error { return e.freeze(ctx, id, true) }

// Unpause lets a paused container go on.
func (e *Engine) Unpause(ctx context.Context, id string) error { return e.freeze(ctx, id, false) }

func (e *Engine) freeze(ctx context.Context, id string, pause bool) error {
	verb, done, runtimeVerb, from := "pause", "pause", "pause", container.StatusRunning
	if !pause {
		verb, done, runtimeVerb, from = "unpause", "unpause", "resume", container.StatusPaused
	}
	return e.withLock(ctx, id, verb, func(c Container, rec record) error {
		if c.State.Status != from {
			return fmt.Errorf("cannot %s container %q: it is %s, not %s: %w", verb, c.Config.Name, c.State.Status, from, ErrState)
		}
		if e.Cgroup.Manager == cgroup.Disabled {
			err := fmt.Errorf("cannot %s container %q: it has no cgroup of its own, since %s", verb, c.Config.Name, e.Cgroup.Notice)
			return hint.Wrap(err, "pod doctor")
		}
		if err := e.runtime(ctx, runtimeVerb, id); err != nil {
			if changed := e.changed(c); changed != nil {
				return fmt.Errorf("cannot %s container %q: %w", verb, c.Config.Name, changed)
			}
			return fmt.Errorf("%s container %q: %w", verb, c.Config.Name, err)
		}
		if err := failpoint.Hit(verb + ".frozen"); err != nil {
			return err
		}
		rec.Paused, rec.Process = pause, e.firstProcess(c)
		if err := e.writeRecord(c.Config, rec); err != nil {
			if pause { // what is frozen but not said to be could not be thawed
				err = errors.Join(err, e.runtime(context.WithoutCancel(ctx), "resume", id))
			}
			return err
		}
		e.event(c.Config, done, nil)
		return nil
	})
}
