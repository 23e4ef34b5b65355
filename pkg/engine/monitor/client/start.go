package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

// StartOptions is what Start needs. It closes none of the files; the caller closes its copies afterwards, the lock
// first of all, since it is held as long as any copy of it is open.
type StartOptions struct {
	Binary string // path of pod-monitor
	RunDir string
	Launch *monitor.Launch
	Lock   *os.File // from monitor.Lock
	Root   *os.File // detached mount for Launch.RootPath; nil: none
	Shm    *os.File // detached mount for Launch.ShmPath; nil: none
	Netns  *os.File // the network namespace for Launch.NetnsPath; nil: a new one
	Client *os.File // from NewConn; nil: none
	Stdio  [3]*os.File
}

// Control is the command's end of the control socket of a monitor it has started.
type Control struct {
	socket  *os.File
	process *os.Process
}

// Start starts the monitor of a container. It returns when the monitor's program runs; what comes of it, Receive says.
func Start(ctx context.Context, o StartOptions) (*Control, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	files, launch := descriptors(o)
	data, err := launch.Encode()
	if err != nil {
		return nil, fmt.Errorf("describe container %q to its monitor: %w", o.Launch.ID, err)
	}
	if err := atomicfile.WriteVolatile(filepath.Join(o.RunDir, monitor.LaunchFile), data); err != nil {
		return nil, fmt.Errorf("describe container %q to its monitor: %w", o.Launch.ID, err)
	}
	ours, theirs, err := controlPair()
	if err != nil {
		return nil, fmt.Errorf("make the control socket of a monitor: %w", err)
	}
	defer theirs.Close()
	files[monitor.ControlFD] = theirs
	process, err := fork(o, files)
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("start the monitor %q: %w", o.Binary, err)
	}
	return &Control{socket: ours, process: process}, nil
}

// descriptors gives the files of the monitor by number, its control socket still missing, and a copy of the launch that names them.
func descriptors(o StartOptions) ([]*os.File, *monitor.Launch) {
	launch := *o.Launch
	files := make([]*os.File, monitor.FirstFD, monitor.FirstFD+7)
	files[monitor.LockFD] = o.Lock
	add := func(f *os.File) int {
		if f == nil {
			return -1
		}
		files = append(files, f)
		return len(files) - 1
	}
	launch.RootFD = add(o.Root)
	launch.ShmFD = add(o.Shm)
	launch.NetnsFD = add(o.Netns)
	launch.ClientFD = add(o.Client)
	for i, f := range o.Stdio {
		launch.StdioFDs[i] = add(f)
	}
	return files, &launch
}

func controlPair() (ours, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	// Only ours may be non-blocking here: os.File waits for it in the poller, so that ctx can end a Receive.
	if err := unix.SetNonblock(pair[0], true); err != nil {
		unix.Close(pair[0])
		unix.Close(pair[1])
		return nil, nil, err
	}
	return os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control"), nil
}

func fork(o StartOptions, files []*os.File) (*os.Process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	log, err := os.OpenFile(filepath.Join(o.RunDir, monitor.MonitorLog), os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	files[0], files[1], files[2] = null, null, log
	return os.StartProcess(o.Binary, []string{"pod-monitor", o.Launch.ID}, &os.ProcAttr{
		Dir:   o.RunDir,
		Env:   environment(),
		Files: files,
		Sys:   &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWNS},
	})
}

// environment is what the monitor itself needs: a Go runtime that keeps small, and the time zone of the log's times.
// The programs it starts get Launch.Env instead.
func environment() []string {
	env := []string{"GOMAXPROCS=1", "GOGC=20", "GOMEMLIMIT=16MiB"}
	for _, name := range []string{"TZ", "POD_FAILPOINT", "POD_FAILPOINT_TRACE"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// PID is the monitor's.
func (c *Control) PID() int { return c.process.Pid }

// Receive waits for the next message. io.EOF says that the monitor is gone.
func (c *Control) Receive(ctx context.Context) (monitor.Message, error) {
	defer interrupt(ctx, c.socket)()
	packet := make([]byte, monitor.MaxMessage)
	n, err := c.socket.Read(packet)
	switch {
	case ctx.Err() != nil:
		return monitor.Message{}, ctx.Err()
	case errors.Is(err, unix.ECONNRESET) || err == nil && n == 0:
		return monitor.Message{}, io.EOF
	case err != nil:
		return monitor.Message{}, err
	}
	return monitor.DecodeMessage(packet[:n])
}

// Start lets a two-step start go on after Created.
func (c *Control) Start() error { return c.send(monitor.Message{Verb: monitor.Go}) }

// Bye tells the monitor that the command has cleaned up, so that it ends without starting Launch.Cleanup. One that is gone need not be told.
func (c *Control) Bye() error {
	err := c.send(monitor.Message{Verb: monitor.Bye})
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}

func (c *Control) send(m monitor.Message) error {
	if _, err := c.socket.Write(m.Encode()); err != nil {
		return fmt.Errorf("tell the monitor %q: %w", string(m.Verb), err)
	}
	return nil
}

// Kill ends the monitor itself, for when it does not answer any more.
func (c *Control) Kill() error { return c.process.Kill() }

// Close leaves the monitor alone: when the container ends, the monitor cleans up through Launch.Cleanup.
func (c *Control) Close() error { return c.socket.Close() }

// Wait waits for the monitor's end and reaps it. It gives up with ctx.
func (c *Control) Wait(ctx context.Context) (*os.ProcessState, error) {
	type end struct {
		state *os.ProcessState
		err   error
	}
	ended := make(chan end, 1)
	go func() {
		state, err := c.process.Wait()
		ended <- end{state, err}
	}()
	select {
	case e := <-ended:
		return e.state, e.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
