package client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

// ErrSilent says that the monitor does not answer: it is stopped, or the machine is overloaded.
var ErrSilent = errors.New("the container's monitor does not answer")

// ExecError is a further process that the runtime, or the monitor, could not start.
type ExecError struct{ Text string }

func (e *ExecError) Error() string { return e.Text }

// Process is a further process of a container, a child of the container's monitor.
type Process struct {
	process.Identity          // zero when it had ended before anybody could know it
	Terminal         *os.File // the master of its terminal, with Exec.Terminal
	conn             *Conn
}

// answerPatience is how long a monitor may take to say that it has a request.
const answerPatience = 15 * time.Second

// Exec has the monitor in runDir start a further process with the files given as the runtime's descriptors, from 0. It
// closes none of them. ErrNotRunning: there is no monitor. An *ExecError: the process could not be started. When ctx is
// done meanwhile, a process that was started all the same is killed.
func Exec(ctx context.Context, runDir string, x monitor.Exec, files []*os.File) (*Process, error) {
	payload, err := x.Encode()
	if err != nil {
		return nil, err
	}
	c, err := Dial(runDir)
	if err != nil {
		return nil, err
	}
	p := &Process{conn: c}
	if err := p.begin(ctx, payload, files); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Process) begin(ctx context.Context, payload []byte, files []*os.File) error {
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	socket := p.conn.socket
	if err := monitor.SendRights(socket, monitor.AppendFrame(nil, monitor.FrameExec, payload), fds); err != nil {
		return ErrNotRunning
	}
	socket.SetReadDeadline(time.Now().Add(failpoint.Patience(answerPatience)))
	if _, err := p.expect(monitor.FrameExec); errors.Is(err, ErrLost) {
		return ErrNotRunning // it dies: nothing was started before this answer
	} else if err != nil {
		return err
	}
	// From here on a process may come, which only is known once the monitor has said so.
	socket.SetReadDeadline(time.Time{})
	answer, err := p.expect(monitor.FrameStarted)
	if err == nil {
		p.Identity, err = monitor.ParseProcess(answer)
	}
	if err == nil && ctx.Err() != nil {
		if err := p.Signal(unix.SIGKILL); err != nil && !errors.Is(err, process.ErrGone) {
			return errors.Join(ctx.Err(), err)
		}
		return ctx.Err()
	}
	return err
}

// expect reads the answer of type t, with the terminal that may come with it.
func (p *Process) expect(t monitor.FrameType) ([]byte, error) {
	var header [monitor.FrameHeader]byte
	n, fds, err := monitor.ReceiveRights(p.conn.socket, header[:])
	for _, fd := range fds {
		p.Terminal = os.NewFile(uintptr(fd), "terminal")
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, ErrSilent
	}
	if err == nil {
		_, err = io.ReadFull(p.conn.socket, header[n:])
	}
	if err != nil {
		return nil, ErrLost
	}
	got, length, err := monitor.ParseHeader(header)
	if err != nil {
		return nil, err
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(p.conn.socket, payload); err != nil {
		return nil, ErrLost
	}
	switch got {
	case t:
		return payload, nil
	case monitor.FrameFailed:
		return nil, &ExecError{string(payload)}
	}
	return nil, fmt.Errorf("the monitor answers %q, not %q", byte(got), byte(t))
}

// Wait waits for the end of the process and gives its exit code. ErrLost: the monitor was killed; the process may still
// run, and how it ends nobody will know.
func (p *Process) Wait(ctx context.Context) (int, error) {
	defer interrupt(ctx, p.conn.socket)()
	payload, err := p.expect(monitor.FrameExit)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil || len(payload) != 4 {
		return 0, ErrLost
	}
	return int(int32(binary.BigEndian.Uint32(payload))), nil
}

// Close leaves the process to the monitor. Its terminal, which the monitor keeps, is the caller's to close.
func (p *Process) Close() error { return p.conn.Close() }
