// Package client is the command's side of the monitor protocol: it starts a monitor (Start), attaches to a container's
// streams (Dial, Attach), waits for its end (WaitExit) and stops its restart policy (CancelRestart).
package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

// ErrNotRunning says that nothing listens on the attach socket: the container has no monitor.
var ErrNotRunning = errors.New("the container does not run")

// ErrLost says that the monitor went away without telling how the container ended.
var ErrLost = errors.New("the container's monitor is gone without an exit code")

// Conn is a connection to the attach socket of one container.
type Conn struct {
	socket *os.File
	hello  bool // already said
}

// Dial connects to the attach socket in runDir, however long that path is.
func Dial(runDir string) (*Conn, error) {
	dir, err := unix.Open(runDir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, fmt.Errorf("open run directory %q: %w", runDir, err)
	}
	defer unix.Close(dir)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	// A socket address holds 108 bytes; through the descriptor any directory fits.
	address := &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(dir) + "/" + monitor.AttachFile}
	err = connect(fd, address)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		unix.Close(fd)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
			return nil, ErrNotRunning
		}
		return nil, fmt.Errorf("connect to the monitor in %q: %w", runDir, err)
	}
	return &Conn{socket: os.NewFile(uintptr(fd), "attach")}, nil
}

// connect repeats connect(2) when a signal interrupts it.
func connect(fd int, address unix.Sockaddr) error {
	for {
		if err := unix.Connect(fd, address); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// NewConn makes a connection for a container that does not run yet. Its other end goes to StartOptions.Client: so not a
// byte of output is lost, and the terminal has its size (zero: unknown) before the container's process looks at it.
func NewConn(streams monitor.Streams, size monitor.Size) (ours *Conn, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make an attach connection: %w", err)
	}
	theirs = os.NewFile(uintptr(pair[1]), "attach")
	if err := unix.SetNonblock(pair[0], true); err != nil {
		unix.Close(pair[0])
		theirs.Close()
		return nil, nil, fmt.Errorf("make an attach connection: %w", err)
	}
	ours = &Conn{socket: os.NewFile(uintptr(pair[0]), "attach")}
	if err := ours.sayHello(streams, size); err != nil {
		ours.Close()
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// Close leaves the container.
func (c *Conn) Close() error { return c.socket.Close() }

func (c *Conn) sayHello(streams monitor.Streams, size monitor.Size) error {
	payload := []byte{byte(streams)}
	if size != (monitor.Size{}) {
		payload = size.Append(payload)
	}
	c.hello = true
	return c.send(monitor.FrameHello, payload)
}

func (c *Conn) send(t monitor.FrameType, payload []byte) error {
	_, err := c.socket.Write(monitor.AppendFrame(nil, t, payload))
	return err
}

// receive reads one frame; the payload is valid until the next call with the same buffer.
func (c *Conn) receive(buffer *[]byte) (monitor.FrameType, []byte, error) {
	var header [monitor.FrameHeader]byte
	if _, err := io.ReadFull(c.socket, header[:]); err != nil {
		return 0, nil, err
	}
	t, length, err := monitor.ParseHeader(header)
	if err != nil {
		return 0, nil, err
	}
	if cap(*buffer) < length {
		*buffer = make([]byte, length)
	}
	payload := (*buffer)[:length]
	_, err = io.ReadFull(c.socket, payload)
	return t, payload, err
}

// WaitExit waits, without polling, for the final end of the container whose run directory is given, and gives its exit
// code. ErrNotRunning: it has no monitor. ErrLost: the monitor was killed.
func WaitExit(ctx context.Context, runDir string) (int, error) {
	c, err := Dial(runDir)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return Attach(ctx, c, AttachOptions{})
}

// CancelRestart ends the restart policy of a running container: it is not started again, and a wait for the next try is
// over at once. It returns when that holds.
func CancelRestart(ctx context.Context, runDir string) error {
	if err := ask(ctx, runDir, monitor.FrameCancel); err != nil {
		return fmt.Errorf("cancel the restart: %w", err)
	}
	return nil
}

// ask sends a frame without content to the monitor in runDir and waits until it is answered with the same.
func ask(ctx context.Context, runDir string, what monitor.FrameType) error {
	c, err := Dial(runDir)
	if err != nil {
		return err
	}
	defer c.Close()
	defer interrupt(ctx, c.socket)()
	if c.sayHello(0, monitor.Size{}) != nil || c.send(what, nil) != nil {
		return ErrLost
	}
	var buffer []byte
	for {
		t, _, err := c.receive(&buffer)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return ErrLost
		case t == what || t == monitor.FrameExit:
			return nil
		}
	}
}

// interrupt makes operations on f fail once ctx is done, until the function it returns is called: then they work again.
func interrupt(ctx context.Context, f *os.File) (release func()) {
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(fired)
		f.SetDeadline(time.Unix(1, 0))
	})
	return func() {
		if !stop() {
			<-fired
			f.SetDeadline(time.Time{})
		}
	}
}
