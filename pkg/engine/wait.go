package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
	"golang.org/x/sys/unix"
)

// WaitOptions say what to wait for.
type WaitOptions struct {
	Conditions []container.Status // none: the end
	Interval   time.Duration      // between two looks for a condition
}

// Wait returns when the container is in one of the states asked for, with its exit code (0 while it has none). A
// container that is removed meanwhile has reached removing, and its end; its code is then the last one seen.
// When it ends without anybody recording how, the error says so.
func (e *Engine) Wait(ctx context.Context, id string, opts WaitOptions) (int, error) {
	if len(opts.Conditions) == 0 {
		return e.waitEnd(ctx, id)
	}
	var code int
	for {
		c, err := e.load(id)
		if errors.Is(err, ErrNotFound) {
			return code, nil
		}
		if err != nil {
			return 0, err
		}
		code = c.State.ExitCode
		if slices.Contains(opts.Conditions, c.State.Status) {
			return code, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(opts.Interval):
		}
	}
}

func (e *Engine) waitEnd(ctx context.Context, id string) (int, error) {
	for {
		c, err := e.load(id)
		if err != nil {
			return 0, err
		}
		switch {
		case c.State.Status == container.StatusExited:
			if c.State.ExitCode < 0 {
				return 0, fmt.Errorf("the exit code of container %q is unknown: %s", c.Config.Name, c.State.Problem)
			}
			return c.State.ExitCode, nil
		case c.State.Status == container.StatusCreated:
			return 0, fmt.Errorf("container %q was never started: %w", c.Config.Name, ErrState)
		case c.State.Status == container.StatusDamaged:
			return 0, fmt.Errorf("container %q is damaged: %s", c.Config.Name, c.State.Problem)
		case c.State.MonitorPID == 0:
			err = waitFor(ctx, c.State.PID)
		default:
			var code int
			code, err = client.WaitExit(ctx, e.ContainerRunDir(id))
			if err == nil {
				return code, nil
			}
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		// The monitor went away without a word, or had done so: what is on disk tells.
		if err != nil {
			select {
			case <-ctx.Done():
				return 0, ctx.Err()
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
}

// waitFor waits for the end of a process that has no monitor.
func waitFor(ctx context.Context, pid int) error {
	first, err := process.Identify(pid)
	if err != nil {
		return nil
	}
	fd, err := first.Open()
	if errors.Is(err, process.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = waitProcess(ctx, fd, -1)
	return err
}

// Restart stops a container that runs and starts it.
func (e *Engine) Restart(ctx context.Context, id string, opts StopOptions) error {
	c, err := e.load(id)
	if err != nil {
		return err
	}
	if c.State.Alive() || c.State.Status == container.StatusRestarting {
		if c.Config.Remove {
			return fmt.Errorf("container %q cannot be restarted: it is removed when it ends (--rm): %w", c.Config.Name, ErrState)
		}
		if err := e.Stop(ctx, id, opts); err != nil {
			return err
		}
	}
	run, err := e.Start(ctx, id, StartOptions{})
	if err != nil && !IsRunning(err) { // another command has started it since it was stopped
		return err
	}
	if err := run.Detach(); err != nil {
		return err
	}
	e.event(c.Config, "restart", nil)
	return nil
}
