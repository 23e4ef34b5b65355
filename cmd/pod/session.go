package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

// sessionOptions say how a person is connected to a container.
type sessionOptions struct {
	keys                  []byte // detach keys; nil: none
	sigProxy              bool
	stdin, stdout, stderr bool
}

// session connects the caller's streams with a container until it ends or the detach keys are typed, and gives the container's
// exit code as an exitError.
func (a *app) session(ctx context.Context, cfg *container.Config, run *engine.Running, opts sessionOptions) error {
	attach, restore, err := a.attachOptions(cfg, opts)
	if err != nil {
		run.Detach()
		return err
	}
	waiting := ctx
	if opts.sigProxy || cfg.Process.Terminal {
		// Signals go to the container; this command ends when that does.
		waiting = context.WithoutCancel(ctx)
	}
	var stop func()
	if opts.sigProxy {
		stop = terminal.Forward(func(sig unix.Signal) {
			if err := run.Signal(sig); err != nil {
				fmt.Fprintf(a.Err, "%s: pass %s on: %s\n", a.name, sig, err)
			}
		})
	}
	code, err := run.Attach(waiting, attach)
	restore()
	if stop != nil {
		stop()
	}
	if errors.Is(err, monitor.ErrDetached) || errors.Is(err, context.Canceled) {
		if detached := run.Detach(); detached != nil {
			return detached
		}
		if errors.Is(err, monitor.ErrDetached) {
			return nil
		}
		return err
	}
	if finished := run.Finish(context.WithoutCancel(ctx)); finished != nil {
		return errors.Join(err, finished)
	}
	if err != nil || code == 0 {
		return err
	}
	return exitError{code: code}
}

// attachOptions prepares the streams: with a terminal on both sides the caller's is made raw until restore.
func (a *app) attachOptions(cfg *container.Config, opts sessionOptions) (attach monitor.AttachOptions, restore func(), err error) {
	restore = func() {}
	if opts.stdin && cfg.Process.Interactive {
		attach.Stdin = a.In
	}
	if opts.stdout {
		attach.Stdout = a.Out
	}
	if opts.stderr {
		attach.Stderr = a.Err
	}
	if !cfg.Process.Terminal {
		return attach, restore, nil
	}
	attach.DetachKeys = opts.keys
	if attach.Stdin != nil && terminal.Is(a.In) {
		if restore, err = terminal.MakeRaw(a.In); err != nil {
			return attach, restore, fmt.Errorf("prepare the terminal: %w", err)
		}
	} else if attach.Stdin != nil {
		a.warn("the input is not a terminal: --tty with --interactive may not work as expected")
	}
	if terminal.Is(a.Out) {
		attach.Resize = terminal.Resizes(a.Out)
	}
	return attach, restore, nil
}

// passthrough gives the streams to hand to a container whose log driver is passthrough.
func (a *app) passthrough(cfg *container.Config) [3]*os.File {
	if cfg.Log.Driver != container.LogPassthrough {
		return [3]*os.File{}
	}
	return [3]*os.File{a.In, a.Out, a.Err}
}

func (a *app) warn(text string) { fmt.Fprintf(a.Err, "%s: warning: %s\n", a.name, text) }
