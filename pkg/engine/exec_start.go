package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/event"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
	"golang.org/x/sys/unix"
)

// start has the monitor run the runtime's exec, so that the process is the monitor's child. Where the monitor was killed,
// this command does it.
func (x *Exec) start(ctx context.Context, was container.State, opts ExecOptions) error {
	preserved, err := inherited(opts.PreserveFDs)
	if err != nil {
		return fmt.Errorf("exec in container %q: %w", x.config.Name, err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	files := []*os.File{null, null, null}
	for i, f := range opts.Stdio {
		if f != nil && !opts.Terminal {
			files[i] = f
		}
	}
	files = append(files, preserved...)
	if err := failpoint.Hit("exec.runtime"); err != nil {
		return err
	}
	err = x.startByMonitor(ctx, opts, files)
	if errors.Is(err, client.ErrNotRunning) {
		err = x.startHere(ctx, opts, files)
	}
	return x.explain(ctx, was, err)
}

// inherited gives that many descriptors of whoever started this program, from 3. This program's own are closed on exec, and
// none of them may reach a container.
func inherited(count uint) (files []*os.File, err error) {
	for fd := 3; fd < 3+int(count); fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			return nil, fmt.Errorf("descriptor %d, which is to be preserved, is not open", fd)
		}
		files = append(files, os.NewFile(uintptr(fd), "preserved"))
	}
	return files, nil
}

// runtimeCommand is the runtime's exec. It works in the session's directory.
func (x *Exec) runtimeCommand(opts ExecOptions) []string {
	argv := append([]string{x.engine.Runtime.Path}, x.engine.runtimeArgs()...)
	argv = append(argv, "--log", x.logPath(), "--log-format", "json", "exec", "--detach",
		"--pid-file", filepath.Join(x.dir, monitor.PIDFile), "--process", filepath.Join(x.dir, "process.json"))
	if opts.Terminal {
		argv = append(argv, "--tty", "--console-socket", monitor.ConsoleFile)
	}
	if opts.PreserveFDs > 0 {
		argv = append(argv, "--preserve-fds", strconv.Itoa(int(opts.PreserveFDs)))
	}
	return append(argv, x.config.ID)
}

func (x *Exec) logPath() string { return filepath.Join(x.dir, "log") }

func (x *Exec) startByMonitor(ctx context.Context, opts ExecOptions, files []*os.File) error {
	prefix, err := event.Prefix(containerEvent(x.config, map[string]string{"execID": x.ID}))
	if err != nil {
		return err
	}
	request := monitor.Exec{
		Dir: filepath.Join(filepath.Base(filepath.Dir(x.dir)), x.ID), Argv: x.runtimeCommand(opts), Terminal: opts.Terminal,
		EventPrefix: prefix,
	}
	p, err := client.Exec(ctx, x.engine.ContainerRunDir(x.config.ID), request, files)
	if err != nil {
		return err
	}
	x.process, x.Terminal = p, p.Terminal
	return nil
}

// explain makes of a failed start what a person can use.
func (x *Exec) explain(ctx context.Context, was container.State, err error) error {
	var failed *client.ExecError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return err
	case errors.Is(err, client.ErrSilent):
		return fmt.Errorf("exec in container %q: its monitor, process %d, does not answer", x.config.Name, was.MonitorPID)
	}
	if changed := x.engine.changed(Container{x.config, was}); changed != nil {
		return fmt.Errorf("cannot exec in container %q: %w", x.config.Name, changed)
	}
	if !errors.As(err, &failed) {
		return fmt.Errorf("exec in container %q: %w", x.config.Name, err)
	}
	text, _ := readFile(x.logPath())
	message := monitor.RuntimeMessage(string(text))
	if monitor.RuntimePaused(message) {
		return errPaused("exec in", x.config) // and perhaps unpaused again meanwhile
	}
	if message == "" {
		message = fmt.Sprintf("%s: %s", x.engine.Runtime.Name(), failed)
	}
	return &StartError{
		StartErrorKind(monitor.RuntimeKind(message)), fmt.Sprintf("exec in container %q: %s", x.config.Name, message),
	}
}
