package client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/pod-engine/pod/pkg/engine/monitor"
)

// ErrDetached says that the person typed the detach keys: the container runs on.
var ErrDetached = errors.New("detached from the container")

// AttachOptions says what Attach connects. A nil stream is not attached.
type AttachOptions struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// DetachKeys is the byte sequence in Stdin that detaches; empty: none.
	DetachKeys []byte
	// Resize gives sizes of the terminal; the first should be there at once.
	Resize <-chan monitor.Size
}

func (o AttachOptions) streams() (s monitor.Streams) {
	if o.Stdin != nil {
		s |= monitor.Stdin
	}
	if o.Stdout != nil {
		s |= monitor.Stdout
	}
	if o.Stderr != nil {
		s |= monitor.Stderr
	}
	return s
}

// Attach copies between the streams and the container until the container has ended for good, and gives its exit code.
// It returns ErrDetached after the detach keys, ErrLost when the monitor went away, or the error of a stream of output.
// The end of Stdin is passed on; output goes on after it. A read of Stdin that is under way when Attach returns stays so
// until its next input: nothing can interrupt it.
func Attach(ctx context.Context, c *Conn, o AttachOptions) (exit int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a := &attachment{conn: c, options: o, cancel: cancel, done: ctx.Done()}
	defer interrupt(ctx, c.socket)()
	if !c.hello {
		if err := c.sayHello(o.streams(), monitor.Size{}); err != nil {
			return 0, fmt.Errorf("attach: %w", ErrLost)
		}
	}
	if o.Stdin != nil {
		go a.sendStdin()
	}
	if o.Resize != nil {
		go a.sendSizes()
	}
	exit, err = a.receive()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return exit, err
}

type attachment struct {
	conn    *Conn
	options AttachOptions
	cancel  context.CancelCauseFunc
	done    <-chan struct{}
	writing sync.Mutex // one frame at a time
}

func (a *attachment) send(t monitor.FrameType, payload []byte) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	return a.conn.send(t, payload)
}

func (a *attachment) sendSizes() {
	for {
		select {
		case <-a.done:
			return
		case size, open := <-a.options.Resize:
			if !open || a.send(monitor.FrameResize, size.Append(nil)) != nil {
				return
			}
		}
	}
}

// sendStdin ends at the end of Stdin, which it passes on, and at the detach keys, which end the attachment.
func (a *attachment) sendStdin() {
	keys := &detachKeys{sequence: a.options.DetachKeys}
	buffer := make([]byte, 16<<10)
	for {
		n, err := a.options.Stdin.Read(buffer)
		pass, detached := keys.filter(buffer[:n])
		if len(pass) > 0 && a.send(monitor.FrameStdin, pass) != nil {
			return // receive sees the same end, and what came before it
		}
		if detached {
			a.cancel(ErrDetached)
			return
		}
		if err != nil {
			if held := keys.flush(); len(held) > 0 {
				a.send(monitor.FrameStdin, held)
			}
			a.send(monitor.FrameStdinEnd, nil)
			return
		}
	}
}

func (a *attachment) receive() (int, error) {
	var buffer []byte
	for {
		t, payload, err := a.conn.receive(&buffer)
		if err != nil {
			return 0, ErrLost
		}
		switch {
		case t == monitor.FrameExit && len(payload) == 4:
			return int(int32(binary.BigEndian.Uint32(payload))), nil
		case t == monitor.FrameStdout && a.options.Stdout != nil:
			_, err = a.options.Stdout.Write(payload)
		case t == monitor.FrameStderr && a.options.Stderr != nil:
			_, err = a.options.Stderr.Write(payload)
		}
		if err != nil {
			return 0, fmt.Errorf("write the container's output: %w", err)
		}
	}
}
