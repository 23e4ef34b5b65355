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
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
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
		return errors.Join(err, run.Detach())
	}
	waiting := ctx
	if opts.sigProxy || cfg.Process.Terminal {
		// Signals go to the container; this command ends when that does.
		waiting = context.WithoutCancel(ctx)
	}
	stop := func() {}
	if opts.sigProxy {
		stop = a.proxySignals(run)
	}
	code, err := run.Attach(waiting, attach)
	restore()
	stop()
	if errors.Is(err, client.ErrDetached) || errors.Is(err, context.Canceled) {
		if detached := run.Detach(); detached != nil {
			return detached
		}
		if errors.Is(err, client.ErrDetached) {
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

// proxySignals passes the signals this process gets on to the other one until stop is called.
func (a *app) proxySignals(to interface{ Signal(unix.Signal) error }) (stop func()) {
	signals, stop := terminal.Signals(false)
	go func() {
		for sig := range signals {
			if err := to.Signal(sig); err != nil {
				a.warn(fmt.Sprintf("pass %s on: %s", unix.SignalName(sig), err))
			}
		}
	}()
	return stop
}

// attachOptions prepares the streams: with a terminal on both sides the caller's is made raw until restore.
func (a *app) attachOptions(cfg *container.Config, opts sessionOptions) (attach client.AttachOptions, restore func(), err error) {
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
	if attach.Stdin != nil && terminal.IsTerminal(a.In) {
		if restore, err = a.raw(); err != nil {
			return attach, func() {}, err
		}
	} else if attach.Stdin != nil {
		a.warn("the input is not a terminal: --tty with --interactive may not work as expected")
	}
	if terminal.IsTerminal(a.Out) {
		attach.Resize = windowSizes(a.Out)
	}
	return attach, restore, nil
}

// raw makes the caller's terminal raw until restore.
func (a *app) raw() (restore func(), err error) {
	back, err := terminal.Raw(a.In)
	if err != nil {
		return nil, fmt.Errorf("prepare the terminal: %w", err)
	}
	return func() {
		if err := back(); err != nil {
			a.warn("restore the terminal: " + err.Error())
		}
	}, nil
}

// windowSizes gives the sizes of the terminal for as long as the program runs.
func windowSizes(f *os.File) <-chan monitor.Size {
	sizes, _ := terminal.WatchSize(f)
	converted := make(chan monitor.Size)
	go func() {
		for size := range sizes {
			converted <- monitor.Size{Rows: size.Rows, Columns: size.Columns}
		}
	}()
	return converted
}

// firstSize is the window's size before the container's process looks at it; zero when there is no terminal.
func (a *app) firstSize(cfg *container.Config) monitor.Size {
	if !cfg.Process.Terminal || !terminal.IsTerminal(a.Out) {
		return monitor.Size{}
	}
	size, err := terminal.WindowSize(a.Out)
	if err != nil {
		return monitor.Size{}
	}
	return monitor.Size{Rows: size.Rows, Columns: size.Columns}
}

// streamSet is what a session will attach, in the monitor's words.
func (o sessionOptions) streamSet(cfg *container.Config) (set monitor.Streams) {
	if o.stdin && cfg.Process.Interactive {
		set |= monitor.Stdin
	}
	if o.stdout {
		set |= monitor.Stdout
	}
	if o.stderr {
		set |= monitor.Stderr
	}
	return set
}

// passthrough gives the streams to hand to a container whose log driver is passthrough.
func (a *app) passthrough(cfg *container.Config) [3]*os.File {
	if cfg.Log.Driver != container.LogPassthrough {
		return [3]*os.File{}
	}
	return [3]*os.File{a.In, a.Out, a.Err}
}

func (a *app) warn(text string) { fmt.Fprintf(a.Err, "%s: warning: %s\n", a.name, text) }
