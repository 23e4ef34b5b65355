package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/monitor"
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

// Exec is a process started in a running container. Its creator is its parent, since Exec makes this process a
// subreaper: it must call Wait, unless the process was started with Detach.
type Exec struct {
	ID       string
	Terminal *os.File // the master of its terminal, with Terminal
	process  process.Identity
	dir      string
	lock     *filelock.Lock
	engine   *Engine
	config   *container.Config
}

// Exec starts a process in a running container. The error is a *StartError when the command cannot be run.
func (e *Engine) Exec(ctx context.Context, c Container, opts ExecOptions) (_ *Exec, err error) {
	switch c.State.Status {
	case container.StatusRunning, container.StatusStopping:
		if c.State.PID == 0 {
			return nil, fmt.Errorf("cannot exec in container %q: its process has ended: %w", c.Config.Name, ErrState)
		}
	case container.StatusPaused:
		return nil, fmt.Errorf("cannot exec in container %q: it is paused; unpause it first: %w", c.Config.Name, ErrState)
	default:
		return nil, fmt.Errorf("cannot exec in container %q: it is %s, not running: %w", c.Config.Name, c.State.Status, ErrState)
	}
	x := &Exec{ID: newID(), engine: e, config: c.Config}
	e.sweepExecs(c.Config.ID)
	if err := x.makeDir(ctx); err != nil {
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
		if !opts.Detach {
			reapOrphans()
		}
		return nil, err
	}
	e.event(c.Config, "exec", map[string]string{"execID": x.ID})
	if opts.Detach {
		// Nobody waits: the record stays until the process is gone.
		return x, x.lock.Release()
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
	os.RemoveAll(x.dir)
	if x.lock != nil {
		x.lock.Release()
	}
	if x.Terminal != nil {
		x.Terminal.Close()
	}
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
	spec, err := oci.ProcessSpec(c.Config, host, opts.ExecOptions)
	if err != nil {
		return err
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(x.dir, "process.json"), text, 0o600)
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

// start runs the runtime's exec, which leaves the new process as our child.
func (x *Exec) start(ctx context.Context, was container.State, opts ExecOptions) error {
	if !opts.Detach {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("become the parent of the new process: %w", err)
		}
	}
	log := filepath.Join(x.dir, "log")
	args := append(x.engine.runtimeArgs(), "--log", log, "--log-format", "json", "exec", "--detach",
		"--pid-file", filepath.Join(x.dir, "pid"), "--process", filepath.Join(x.dir, "process.json"))
	cmd := exec.CommandContext(ctx, x.engine.Runtime.Path)
	// A runtime killed half way would leave a process that nobody knows: it may finish, and what it made is ended.
	cmd.Cancel, cmd.WaitDelay = func() error { return os.ErrProcessDone }, killPatience
	var terminal *console
	if opts.Terminal {
		var err error
		if terminal, err = listenConsole(x.dir); err != nil {
			return fmt.Errorf("exec in container %q: %w", x.config.Name, err)
		}
		defer terminal.close()
		args = append(args, "--tty", "--console-socket", consoleFile)
	} else {
		setStdio(cmd, opts.Stdio)
	}
	if opts.PreserveFDs > 0 {
		args = append(args, "--preserve-fds", strconv.Itoa(int(opts.PreserveFDs)))
		for fd := range opts.PreserveFDs {
			cmd.ExtraFiles = append(cmd.ExtraFiles, os.NewFile(uintptr(3+fd), "preserved"))
		}
	}
	cmd.Args = append([]string{cmd.Path}, append(args, x.config.ID)...)
	cmd.Dir = x.dir
	// Its own process group: a signal typed at the terminal is ours to pass on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := failpoint.Hit("exec.runtime"); err != nil {
		return err
	}
	err := cmd.Run()
	if ctx.Err() != nil {
		if x.readPID() == nil {
			return errors.Join(ctx.Err(), x.Signal(unix.SIGKILL))
		}
		return ctx.Err()
	}
	if err != nil {
		if changed := x.engine.changed(Container{x.config, was}); changed != nil {
			return fmt.Errorf("cannot exec in container %q: %w", x.config.Name, changed)
		}
		return x.startError(log, err)
	}
	if terminal != nil {
		var err error
		if x.Terminal, err = terminal.receive(ctx); err != nil {
			return fmt.Errorf("exec in container %q: take over its terminal: %w", x.config.Name, err)
		}
	}
	return x.readPID()
}

func setStdio(cmd *exec.Cmd, stdio [3]*os.File) {
	// Typed nils in an interface are not nil to os/exec.
	if stdio[0] != nil {
		cmd.Stdin = stdio[0]
	}
	if stdio[1] != nil {
		cmd.Stdout = stdio[1]
	}
	if stdio[2] != nil {
		cmd.Stderr = stdio[2]
	}
}

func (x *Exec) startError(log string, cause error) error {
	text, _ := readFile(log)
	message := monitor.RuntimeMessage(string(text))
	kind := monitor.RuntimeKind(message)
	if message == "" {
		message = fmt.Sprintf("%s: %s", x.engine.Runtime.Name(), cause)
	}
	return &StartError{StartErrorKind(kind), fmt.Sprintf("exec in container %q: %s", x.config.Name, message)}
}

func (x *Exec) readPID() error {
	b, err := readFile(filepath.Join(x.dir, "pid"))
	if err != nil {
		return fmt.Errorf("exec in container %q: %w", x.config.Name, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return fmt.Errorf("exec in container %q: the runtime wrote no pid: %w", x.config.Name, err)
	}
	x.process = process.Identity{PID: pid}
	// One that ended already is still ours to reap; it only can no longer be signalled.
	if id, err := process.Identify(pid); err == nil {
		x.process = id
	}
	identity, err := json.Marshal(x.process)
	if err != nil {
		return err
	}
	return atomicfile.WriteVolatile(filepath.Join(x.dir, "identity.json"), identity)
}

// reapOrphans collects what a failed start has left to this process, for a second at most. An ended process of a container that
// nobody collects keeps the container's first process from ending (pid_namespaces(7)).
func reapOrphans() {
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		switch {
		case pid == 0:
			time.Sleep(2 * time.Millisecond)
		case err != nil && !errors.Is(err, unix.EINTR):
			return // there are none
		}
	}
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
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(x.process.PID, &status, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("wait for the process in container %q: %w", x.config.Name, err)
		}
		break
	}
	code := status.ExitStatus()
	if status.Signaled() {
		code = 128 + int(status.Signal())
	}
	x.engine.event(x.config, "exec_died", map[string]string{"execID": x.ID, "exitCode": strconv.Itoa(code)})
	return code, nil
}

// Leave ends this command's part in a process that runs on. Its terminal goes with this command unless the process has
// taken precautions against the hang-up.
func (x *Exec) Leave() error { return errors.Join(x.lock.Release(), x.Terminal.Close()) }
