package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
	"golang.org/x/sys/unix"
)

// ownProcess is a process of a container whose monitor was killed: a child of this command, which became a subreaper for
// it.
type ownProcess struct{ process.Identity }

// startHere runs the runtime's exec, which leaves the new process as our child.
func (x *Exec) startHere(ctx context.Context, opts ExecOptions, files []*os.File) error {
	if !opts.Detach {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("become the parent of the new process: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, x.engine.Runtime.Path)
	cmd.Args, cmd.Dir = x.runtimeCommand(opts), x.dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = files[0], files[1], files[2], files[3:]
	// A runtime killed half way would leave a process that nobody knows: it may finish, and what it made is ended.
	cmd.Cancel, cmd.WaitDelay = func() error { return os.ErrProcessDone }, killPatience
	// Its own process group: a signal typed at the terminal is ours to pass on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var terminal *console
	if opts.Terminal {
		var err error
		if terminal, err = listenConsole(x.dir); err != nil {
			return err
		}
		defer terminal.close()
	}
	ran := cmd.Run()
	own, err := x.identify()
	switch {
	case ctx.Err() != nil:
		if err == nil {
			err = own.Signal(unix.SIGKILL)
		}
		return errors.Join(ctx.Err(), err)
	case ran != nil:
		if !opts.Detach {
			reapOrphans()
		}
		return &client.ExecError{Text: ran.Error()}
	case err != nil:
		return err
	}
	x.process = own
	if terminal != nil {
		if x.Terminal, err = terminal.receive(ctx); err != nil {
			return fmt.Errorf("take over its terminal: %w", err)
		}
	}
	return nil
}

// identify finds out who the process is, and notes it.
func (x *Exec) identify() (*ownProcess, error) {
	b, err := readFile(filepath.Join(x.dir, monitor.PIDFile))
	if err != nil {
		return nil, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fmt.Errorf("the runtime wrote no pid: %w", err)
	}
	own := &ownProcess{process.Identity{PID: pid}}
	// One that ended already is still ours to reap; it only can no longer be signalled.
	if id, err := process.Identify(pid); err == nil {
		own.Identity = id
	}
	return own, monitor.WriteProcess(filepath.Join(x.dir, monitor.ProcessFile), own.Identity)
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

func (p *ownProcess) Wait(context.Context) (int, error) {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(p.PID, &status, 0, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return 0, err
		}
	}
	if status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

// Close has nothing to close.
func (p *ownProcess) Close() error { return nil }
