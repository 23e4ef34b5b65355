package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/cgroup"
	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
	"golang.org/x/sys/unix"
)

// Running is a container that this command started or attached to. After a start with StartOptions.Attach this command
// owns the end of the container: it calls Finish, or Detach to leave that to the monitor. Otherwise Detach ends its part.
type Running struct {
	engine  *Engine
	config  *container.Config
	serial  uint64
	stdin   bool
	control *client.Control // nil when attached to what another command started
	client  *client.Conn
	process process.Identity
	monitor process.Identity
}

// awaitStart waits for the monitor's word on the start.
func (r *Running) awaitStart(ctx context.Context, initOnly bool) error {
	for {
		m, err := r.control.Receive(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return r.monitorEnded()
		}
		switch m.Verb {
		case monitor.Created:
			if initOnly {
				return r.identify(m.PID)
			}
			if err := r.control.Start(); err != nil {
				return err
			}
		case monitor.Running:
			return r.identify(m.PID)
		case monitor.Failed:
			return r.engine.explainStart(startFailed(r.config, m))
		}
	}
}

// monitorEnded is the error of a start whose monitor died.
func (r *Running) monitorEnded() error {
	return &StartError{StartInternal, fmt.Sprintf("start container %q: its monitor ended: %s", r.config.Name, r.engine.complaint(r.config.ID))}
}

// startFailed is the sentence for a failed start. Runtimes do not always say which file it was that could not be executed.
func startFailed(cfg *container.Config, m monitor.Message) *StartError {
	text := m.Text
	if argv := cfg.Process.Argv(); m.Kind == monitor.KindNotExecutable && len(argv) > 0 && !strings.Contains(text, argv[0]) {
		text = fmt.Sprintf("execute %q: %s", argv[0], text)
	}
	return &StartError{StartErrorKind(m.Kind), fmt.Sprintf("start container %q: %s", cfg.Name, text)}
}

// complaint is the last line the monitor left about what went wrong with it.
func (e *Engine) complaint(id string) string {
	b, _ := readFile(filepath.Join(e.ContainerRunDir(id), monitor.MonitorLog))
	if line := lastComplaint(b); line != "" {
		return line
	}
	return "it was killed"
}

// abandon undoes a start that has reached the running process.
func (r *Running) abandon() error {
	err := r.process.Signal(unix.SIGKILL)
	if errors.Is(err, process.ErrGone) {
		err = nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupPatience)
	defer cancel()
	// The clean-up is ours: the monitor's own would wait for the lock that this start holds.
	if received := r.awaitReleased(ctx); received == nil {
		err = errors.Join(err, r.control.Bye())
	}
	return errors.Join(err, r.close(), r.reap())
}

// takeBack undoes a start that this command no longer waits for: the monitor is in the middle of it, and what it is about to
// make can only be taken away once it is there.
func (r *Running) takeBack(initOnly bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupPatience)
	defer cancel()
	err := r.awaitStart(ctx, initOnly)
	if err == nil {
		return r.abandon()
	}
	if ctx.Err() == nil {
		return r.reap() // it failed, and was undone
	}
	return errors.Join(r.control.Kill(), r.reap())
}

// awaitReleased returns when the monitor says that it has given up all that the container held; an error: it died before.
func (r *Running) awaitReleased(ctx context.Context) error {
	for {
		m, err := r.control.Receive(ctx)
		if err != nil || m.Verb == monitor.Released {
			return err
		}
	}
}

// reap waits for the end of the monitor, which ends soon after this command has said its last word.
func (r *Running) reap() error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupPatience)
	defer cancel()
	_, err := r.control.Wait(ctx)
	return err
}

// Detach leaves the container to its monitor.
func (r *Running) Detach() error {
	if r == nil {
		return nil
	}
	if r.control != nil {
		r.settle()
	}
	return r.close()
}

// close ends this command's part in it.
func (r *Running) close() error {
	var errs []error
	if r.client != nil {
		errs = append(errs, r.client.Close())
		r.client = nil
	}
	if r.control != nil {
		errs = append(errs, r.control.Close())
	}
	return errors.Join(errs...)
}

// settle puts the monitor where the end of this command's session or service does not end it.
func (r *Running) settle() {
	setup := r.engine.Cgroup
	if setup.Manager != cgroup.Systemd {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	unit := "pod-monitor-" + r.config.ID + ".scope"
	if err := cgroup.ScopeForPID(ctx, setup.Socket, unit, setup.Parent, r.control.PID()); err != nil {
		r.engine.Log.Warn("the container's monitor stays in this session, and ends with it", "container", r.config.Name, "error", err)
	}
}

// Signal sends sig to the container's first process; one that has ended already needs none.
func (r *Running) Signal(sig unix.Signal) error {
	err := r.process.Signal(sig)
	if errors.Is(err, process.ErrGone) {
		return nil
	}
	return err
}

// Attach copies between the caller's streams and the container until it ends, and gives its exit code. The error is
// client.ErrDetached after the detach keys. Without a client (passthrough) it waits.
func (r *Running) Attach(ctx context.Context, opts client.AttachOptions) (int, error) {
	if r.client == nil {
		return r.awaitExit(ctx)
	}
	r.engine.event(r.config, "attach", nil)
	code, err := client.Attach(ctx, r.client, opts)
	if err == nil || errors.Is(err, client.ErrDetached) || ctx.Err() != nil {
		return code, err
	}
	// The monitor was killed. Whatever is known is on disk.
	return r.engine.waitEnd(ctx, r.config.ID)
}

func (r *Running) awaitExit(ctx context.Context) (int, error) {
	for {
		m, err := r.control.Receive(ctx)
		if err != nil {
			return 0, err
		}
		if m.Verb == monitor.Exited {
			return m.Code, nil
		}
	}
}

// Finish cleans up after a container this command started attached has ended, and removes it if that was asked for
// (--rm).
func (r *Running) Finish(ctx context.Context) error {
	if r.control == nil {
		return nil
	}
	defer r.reap()
	defer r.control.Close()
	released, cancel := context.WithTimeout(ctx, cleanupPatience)
	defer cancel()
	// Without a word it died, or hangs; then the clean-up does its part, or says so.
	r.awaitReleased(released)
	if err := r.engine.Cleanup(ctx, r.config.ID); err != nil {
		return err
	}
	return r.control.Bye()
}

// Attach connects to a running container.
func (e *Engine) Attach(ctx context.Context, c Container) (*Running, error) {
	if !c.State.Alive() {
		return nil, fmt.Errorf("cannot attach to container %q: it is %s: %w", c.Config.Name, c.State.Status, ErrState)
	}
	if c.State.Status == container.StatusPaused {
		return nil, errPaused("attach to", c.Config)
	}
	if c.State.MonitorPID == 0 {
		return nil, fmt.Errorf("cannot attach to container %q: %s", c.Config.Name, c.State.Problem)
	}
	conn, err := client.Dial(e.ContainerRunDir(c.Config.ID))
	if err != nil {
		return nil, fmt.Errorf("attach to container %q: %w", c.Config.Name, err)
	}
	return &Running{engine: e, config: c.Config, client: conn, process: e.firstProcess(c), stdin: c.Config.Process.Interactive}, nil
}
