package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/oci"
	"golang.org/x/sys/unix"
)

// ExecOptions describe one further process of a running container.
type ExecOptions struct {
	oci.ExecOptions
	// As is "user[:group]", by name or number; empty: the container's. It becomes ExecOptions.User.
	As     string
	Detach bool
	// Stdio are the process's streams; a nil one is /dev/null. With Terminal they are not used.
	Stdio [3]*os.File
	// PreserveFDs hands on that many of the caller's descriptors, from 3.
	PreserveFDs uint
}

// Exec is a process started in a running container, a child of the container's monitor. Its creator calls Wait or Leave,
// unless the process was started with Detach.
type Exec struct {
	ID       string
	Terminal *os.File // the master of its terminal, with Terminal
	process  execProcess
	dir      string
	lock     *filelock.Lock
	engine   *Engine
	config   *container.Config
	parted   sync.Once // Leave, and Wait which that breaks off, end this command's part only once
}

// execProcess is the process of an Exec: a client.Process, or an ownProcess where the monitor is gone.
type execProcess interface {
	Signal(unix.Signal) error
	Wait(context.Context) (int, error)
	Close() error
}

// Exec starts a process in a running container. The error is a *StartError when the command cannot be run.
func (e *Engine) Exec(ctx context.Context, c Container, opts ExecOptions) (_ *Exec, err error) {
	switch c.State.Status {
	case container.StatusRunning, container.StatusStopping:
		if c.State.PID == 0 {
			return nil, fmt.Errorf("cannot exec in container %q: its process has ended: %w", c.Config.Name, ErrState)
		}
	case container.StatusPaused:
		return nil, errPaused("exec in", c.Config)
	default:
		return nil, fmt.Errorf("cannot exec in container %q: it is %s, not running: %w", c.Config.Name, c.State.Status, ErrState)
	}
	x := &Exec{ID: newID(), engine: e, config: c.Config}
	e.sweepExecs(c.Config.ID)
	if err := x.makeDir(ctx); errors.Is(err, os.ErrNotExist) {
		// The run directory goes with the last process.
		if err = e.changed(c); err == nil {
			err = fmt.Errorf("its process has ended: %w", ErrState)
		}
		return nil, fmt.Errorf("cannot exec in container %q: %w", c.Config.Name, err)
	} else if err != nil {
		return nil, fmt.Errorf("exec in container %q: %w", c.Config.Name, err)
	}
	defer func() {
		if err != nil {
			x.release()
		}
	}()
	if err := failpoint.Hit("exec.directory"); err != nil {
		return nil, err
	}
	if err := x.writeProcess(c, opts); errors.Is(err, process.ErrGone) {
		return nil, fmt.Errorf("cannot exec in container %q: its process has ended: %w", c.Config.Name, ErrState)
	} else if err != nil {
		return nil, fmt.Errorf("exec in container %q: %w", c.Config.Name, err)
	}
	if err := x.start(ctx, c.State, opts); err != nil {
		return nil, err
	}
	e.event(c.Config, "exec", map[string]string{"execID": x.ID})
	if opts.Detach {
		return x, x.Leave()
	}
	return x, nil
}

// makeDir makes the session's directory and locks it for as long as its command lives.
func (x *Exec) makeDir(ctx context.Context) (err error) {
	x.dir = filepath.Join(x.engine.execsDir(x.config.ID), x.ID)
	// Not MkdirAll: the run directory of a container that ended meanwhile must not come back.
	if err := os.Mkdir(filepath.Dir(x.dir), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	for try := 0; ; try++ {
		if err := os.Mkdir(x.dir, 0o700); err != nil {
			return err
		}
		x.lock, err = filelock.Acquire(ctx, filepath.Join(x.dir, lockFile), "exec")
		// A sweep of another exec may come between the two.
		if err == nil || try == 5 || !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
}

func (x *Exec) release() {
	x.parted.Do(func() {
		os.RemoveAll(x.dir)
		x.part()
	})
}

// part gives up what this command holds.
func (x *Exec) part() (err error) {
	if x.lock != nil {
		err = x.lock.Release()
	}
	if x.process != nil {
		err = errors.Join(err, x.process.Close())
	}
	if x.Terminal != nil {
		err = errors.Join(err, x.Terminal.Close())
	}
	return err
}

// writeProcess resolves the user inside the container and writes the process for the runtime.
func (x *Exec) writeProcess(c Container, opts ExecOptions) error {
	root, err := x.engine.containerRoot(c)
	if err != nil {
		return err
	}
	defer root.Close()
	user := c.Config.Process.User
	if opts.As != "" {
		user = opts.As
	}
	host, err := x.engine.hostFacts()
	if err != nil {
		return err
	}
	found, _, err := lookupUser(root, user)
	if err != nil {
		return err
	}
	opts.ExecOptions.User = &found
	cfg, _, err := x.engine.withDevices(c.Config)
	if err != nil {
		x.engine.Warn(fmt.Sprintf("this process has no variables of the container's devices: %s", err))
		cfg = c.Config
	}
	spec, err := oci.ProcessSpec(cfg, host, opts.ExecOptions)
	if err != nil {
		return err
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	err = os.WriteFile(filepath.Join(x.dir, "process.json"), text, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return process.ErrGone // the run directory goes with the last process
	}
	return err
}

// containerRoot opens the root directory of a running container.
func (e *Engine) containerRoot(c Container) (*os.File, error) {
	first := e.firstProcess(c)
	root, err := os.OpenFile(fmt.Sprintf("/proc/%d/root", c.State.PID), unix.O_PATH|unix.O_DIRECTORY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, process.ErrGone
	}
	if err != nil {
		return nil, err
	}
	if !first.Alive() {
		root.Close()
		return nil, process.ErrGone
	}
	return root, nil
}

// Signal sends sig to the process; one that has ended needs none.
func (x *Exec) Signal(sig unix.Signal) error {
	err := x.process.Signal(sig)
	if errors.Is(err, process.ErrGone) {
		return nil
	}
	return err
}

// Wait waits for the process and gives its exit code, 128+n when signal n ended it.
func (x *Exec) Wait(ctx context.Context) (int, error) {
	defer x.release()
	code, err := x.process.Wait(ctx)
	if err != nil {
		return 0, fmt.Errorf("wait for the process in container %q: %w", x.config.Name, err)
	}
	x.engine.event(x.config, "exec_died", map[string]string{"execID": x.ID, "exitCode": strconv.Itoa(code)})
	return code, nil
}

// Leave ends this command's part in a process that runs on. Its record stays until it is gone.
func (x *Exec) Leave() (err error) {
	x.parted.Do(func() { err = x.part() })
	return err
}
