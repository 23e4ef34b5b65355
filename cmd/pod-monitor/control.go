package main

import (
	"errors"
	"os"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

// control is the monitor's end of the control socket. The command may go away at any time: what is sent then is lost, and
// gone is closed.
type control struct {
	socket *os.File
	start  chan struct{} // the command said start
	bye    chan struct{} // the command said bye
	gone   chan struct{} // the command hung up
}

func openControl() (*control, error) {
	if err := unix.SetNonblock(monitor.ControlFD, true); err != nil {
		return nil, wrap("use the control socket", err)
	}
	c := &control{
		socket: os.NewFile(monitor.ControlFD, "control"),
		start:  make(chan struct{}, 1), bye: make(chan struct{}), gone: make(chan struct{}),
	}
	go c.read()
	return c, nil
}

func (c *control) read() {
	defer close(c.gone)
	packet := make([]byte, 256)
	said := false
	for {
		n, err := c.socket.Read(packet)
		if err != nil || n == 0 {
			return
		}
		m, err := monitor.DecodeMessage(packet[:n])
		switch {
		case err != nil:
			report(err.Error())
		case m.Verb == monitor.Go:
			select {
			case c.start <- struct{}{}:
			default:
			}
		case m.Verb == monitor.Bye && !said:
			said = true
			close(c.bye)
		}
	}
}

// send tells the command m, and reports whether there is a command to be told.
func (c *control) send(m monitor.Message) bool {
	_, err := c.socket.Write(m.Encode())
	if err != nil && !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
		report("tell the command " + string(m.Verb) + ": " + err.Error())
	}
	return err == nil
}

// byePatience is how long the command may take to clean up. One that is suspended would take for ever.
const byePatience = 5 * time.Second

// left waits for bye or for the end of the command, and reports whether somebody else has to clean up.
func (c *control) left() bool {
	select {
	case <-c.bye:
		return false
	case <-c.gone:
	case <-time.After(byePatience):
	}
	select {
	case <-c.bye: // said, then hung up
		return false
	default:
		return true
	}
}
