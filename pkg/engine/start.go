package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pod-engine/pod/internal/carried"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/internal/undo"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
)

// StartOptions say what a start is for.
type StartOptions struct {
	// Attach connects a client before the container's process runs, so that no output is missed, and makes this
	// process the owner: it must call Running.Wait or Running.Detach.
	Attach  bool
	Streams monitor.Streams // what Attach will be asked for
	Size    monitor.Size    // of the caller's terminal, with Attach; zero: unknown
	// InitOnly makes the container ready and does not start its process (pod init).
	InitOnly bool
	// Stdio is handed to the container itself by the passthrough log driver.
	Stdio [3]*os.File
}

// Start starts a container that does not run. The error is a *StartError when the container could not be run; then
// all that was done is undone and it is as it was before.
func (e *Engine) Start(ctx context.Context, id string, opts StartOptions) (run *Running, err error) {
	err = e.withReleased(ctx, id, "start", func(c Container, rec record) error {
		if c.State.Alive() && c.State.Problem != "" {
			return fmt.Errorf("container %q cannot be started: it runs, but %s: %w", c.Config.Name, c.State.Problem, ErrState)
		}
		switch c.State.Status {
		case container.StatusCreated, container.StatusExited:
			run, err = e.launch(ctx, c, rec, opts)
			return err
		case container.StatusInitialized:
			run, err = e.startInitialized(ctx, c, rec, opts)
			return err
		case container.StatusDamaged:
			return fmt.Errorf("container %q cannot be started: %s", c.Config.Name, c.State.Problem)
		case container.StatusRunning:
			return fmt.Errorf("container %q is running already: %w", c.Config.Name, errRunning)
		}
		return fmt.Errorf("container %q is %s: %w", c.Config.Name, c.State.Status, ErrState)
	})
	return run, err
}

// errRunning tells Start's callers for whom running is as good as started.
var errRunning = fmt.Errorf("%w", ErrState)

// IsRunning reports whether err says that a container to be started runs already.
func IsRunning(err error) bool { return errors.Is(err, errRunning) }

// launch makes one start from the beginning: root file system, files, specification, monitor.
func (e *Engine) launch(ctx context.Context, c Container, rec record, opts StartOptions) (_ *Running, err error) {
	cfg := c.Config
	if exists(e.ContainerRunDir(cfg.ID)) {
		if err := e.cleanupLocked(ctx, withoutRemove(c)); err != nil {
			return nil, err
		}
	}
	undone := new(undo.Stack)
	defer undone.OnError(&err)
	undone.Push(func() error { return e.releaseRun(context.WithoutCancel(ctx), cfg.ID) })

	b, err := e.makeBundle(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer b.close()
	if err := failpoint.Hit("start.bundled"); err != nil {
		return nil, err
	}
	rec.Serial++
	if exit, err := e.exitRecord(cfg.ID); err == nil && exit.Serial >= rec.Serial {
		rec.Serial = exit.Serial + 1
	}
	run, err := e.startMonitor(ctx, cfg, b, rec.Serial, opts)
	if err != nil {
		return nil, err
	}
	undone.Push(run.abandon)
	e.keepFilter(e.runtimeRoot(), cfg.ID, b.filter)
	if err := failpoint.Hit("start.running"); err != nil {
		return nil, err
	}
	rec = record{
		Name: rec.Name, Spare: rec.Spare, Networks: rec.Networks, Serial: rec.Serial, Started: time.Now(),
		Process: run.process, Monitor: run.monitor,
	}
	write := e.writeVolatileRecord
	if rec.Name != "" || rec.Networks != nil {
		write = e.writeRecord // that it was renamed or connected must not be lost with the rest
	}
	if err := write(cfg, rec); err != nil {
		return nil, err
	}
	if err := failpoint.Hit("start.recorded"); err != nil {
		return nil, err
	}
	if opts.InitOnly {
		e.event(cfg, "init", nil)
	} else {
		e.event(cfg, "start", nil)
	}
	return run, nil
}

// withoutRemove is c as something that is about to be started again, whatever --rm says.
func withoutRemove(c Container) Container {
	cfg := *c.Config
	cfg.Remove = false
	return Container{Config: &cfg, State: c.State}
}

// startMonitor starts the monitor and waits until it says that the container runs, or why it does not.
func (e *Engine) startMonitor(ctx context.Context, cfg *container.Config, b *bundle, serial uint64, opts StartOptions) (_ *Running, err error) {
	lock, err := monitor.Lock(b.path(lockFile))
	if err != nil {
		return nil, fmt.Errorf("start container %q: %w", cfg.Name, err)
	}
	defer lock.Close()
	launch, err := e.launchRecord(cfg, b, serial, opts)
	if err != nil {
		return nil, err
	}
	program, err := carried.Path(ctx, "pod-monitor", e.DataDir)
	if err != nil {
		return nil, err
	}
	run := &Running{engine: e, config: cfg, serial: serial, stdin: cfg.Process.Interactive}
	start := client.StartOptions{
		Binary: program, RunDir: b.dir, Launch: launch,
		Lock: lock, Root: b.root, Shm: b.shm, Netns: b.namespace, Stdio: opts.Stdio,
	}
	if opts.Attach && cfg.Log.Driver != container.LogPassthrough {
		var far *os.File
		if run.client, far, err = client.NewConn(opts.Streams, opts.Size); err != nil {
			return nil, fmt.Errorf("start container %q: %w", cfg.Name, err)
		}
		defer far.Close()
		start.Client = far
	}
	if err := failpoint.Hit("start.monitor"); err != nil {
		return nil, err
	}
	if run.control, err = client.Start(ctx, start); err != nil {
		return nil, fmt.Errorf("start the monitor of container %q: %w", cfg.Name, err)
	}
	if err := run.awaitStart(ctx, opts.InitOnly); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(err, run.takeBack(opts.InitOnly))
		}
		return nil, errors.Join(err, run.close())
	}
	return run, nil
}

// identify names the processes of a start for later, when their pids may have been given to others.
func (r *Running) identify(pid int) error {
	var err error
	if r.monitor, err = process.Identify(r.control.PID()); err != nil {
		return r.monitorEnded()
	}
	// A process that has ended already needs no name.
	r.process, _ = process.Identify(pid)
	return nil
}

// startInitialized starts the process of a container that init made ready. Its monitor, which nobody owns any more, cleans
// up in the end; without opts.Attach there is nothing for this command to hold.
func (e *Engine) startInitialized(ctx context.Context, c Container, rec record, opts StartOptions) (run *Running, err error) {
	if opts.Attach {
		if run, err = e.Attach(ctx, c); err != nil {
			return nil, err
		}
		err = run.client.Go(opts.Streams, opts.Size)
	} else {
		err = client.Go(ctx, e.ContainerRunDir(c.Config.ID))
	}
	if err == nil {
		err = e.noteStarted(ctx, c, rec)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start container %q: %w", c.Config.Name, err), run.Detach())
	}
	return run, nil
}

// noteStarted waits until the process of an initialized container runs, and writes that down.
func (e *Engine) noteStarted(ctx context.Context, c Container, rec record) error {
	if err := e.awaitRunning(ctx, c.Config, rec.Serial); err != nil {
		return err
	}
	rec.Started = time.Now()
	if err := e.writeRecord(c.Config, rec); err != nil {
		return err
	}
	e.event(c.Config, "start", nil)
	return nil
}

// awaitRunning returns when the monitor has noted that the process of the start with this serial runs, or with why it does
// not.
func (e *Engine) awaitRunning(ctx context.Context, cfg *container.Config, serial uint64) error {
	runDir := e.ContainerRunDir(cfg.ID)
	ctx, cancel := context.WithTimeout(ctx, cleanupPatience)
	defer cancel()
	for {
		run, err := monitor.ReadRunRecord(filepath.Join(runDir, monitor.RunFile))
		if err == nil && run.Phase != monitor.PhaseCreated {
			return nil
		}
		if exit, err := e.exitRecord(cfg.ID); err == nil && exit.Serial >= serial {
			return nil // it ran, and has ended already
		}
		if err != nil {
			return &StartError{StartRuntime, e.complaint(cfg.ID)}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("its monitor does not start it: %w", ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
}
