package main

import (
	"io"
	"os"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

// listen opens the attach socket and takes the first client, which is connected already.
func (s *supervisor) listen() error {
	os.Remove(monitor.AttachFile) // a predecessor's: this monitor holds the lock
	socket, err := listen(monitor.AttachFile)
	if err != nil {
		return err
	}
	listener := os.NewFile(uintptr(socket), monitor.AttachFile)
	go s.accept(listener)
	if s.launch.ClientFD >= 0 {
		if err := unix.SetNonblock(s.launch.ClientFD, true); err != nil {
			return wrap("use the first client's connection", err)
		}
		// Its hello is waiting; until it is read, no container may start whose output the client would miss.
		c := &connection{s: s, socket: os.NewFile(uintptr(s.launch.ClientFD), "client")}
		if c.greet() {
			go c.serve()
		}
	}
	return failpoint.Hit("monitor.listening")
}

func (s *supervisor) accept(listener *os.File) {
	conn, err := listener.SyscallConn()
	if err != nil {
		report("accept clients: " + err.Error())
		return
	}
	for {
		var socket int
		var failure error
		err := conn.Read(func(fd uintptr) bool {
			socket, _, failure = unix.Accept4(int(fd), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			return failure != unix.EAGAIN && failure != unix.EINTR && failure != unix.ECONNABORTED
		})
		if err != nil || failure != nil {
			report("accept clients: no more")
			return
		}
		if s.clients.full() {
			unix.Close(socket)
			continue
		}
		c := &connection{s: s, socket: os.NewFile(uintptr(socket), "client")}
		go func() {
			if c.greet() {
				c.serve()
			}
		}()
	}
}

// connection reads what one client sends.
type connection struct {
	s      *supervisor
	socket *os.File
	client *client
	stdin  bool
	buffer []byte
}

// greet reads the hello and registers the client. It reports false when there is nothing more to read here.
func (c *connection) greet() bool {
	t, length, fds, err := c.first()
	if err == nil && t == monitor.FrameExec {
		c.s.exec(c.socket, length, fds)
		return false
	}
	closeAll(fds)
	var payload [5]byte
	if err != nil || t != monitor.FrameHello || length != 1 && length != 5 {
		c.socket.Close()
		return false
	}
	if _, err := io.ReadFull(c.socket, payload[:length]); err != nil {
		c.socket.Close()
		return false
	}
	streams := monitor.Streams(payload[0])
	c.stdin = streams&monitor.Stdin != 0
	if size, ok := monitor.ParseSize(payload[1:length]); ok {
		c.s.input.resize(size)
	}
	c.client = c.s.clients.add(c.socket, streams)
	return true
}

// first reads the first header, and the descriptors that may come with it.
func (c *connection) first() (t monitor.FrameType, length int, fds []int, err error) {
	var header [monitor.FrameHeader]byte
	n, fds, err := monitor.ReceiveRights(c.socket, header[:])
	if err == nil {
		_, err = io.ReadFull(c.socket, header[n:])
	}
	if err == nil {
		t, length, err = monitor.ParseHeader(header)
	}
	return t, length, fds, err
}

// serve reads frames until the client leaves.
func (c *connection) serve() {
	for c.frame() == nil {
	}
	c.s.clients.leave(c.client)
	if c.stdin {
		c.s.input.end(false)
	}
}

func (c *connection) header() (monitor.FrameType, int, error) {
	var header [monitor.FrameHeader]byte
	if _, err := io.ReadFull(c.socket, header[:]); err != nil {
		return 0, 0, err
	}
	return monitor.ParseHeader(header)
}

// frame handles one frame. Input goes on in pieces, so that a frame of any length costs little memory.
func (c *connection) frame() error {
	t, length, err := c.header()
	if err != nil {
		return err
	}
	if c.buffer == nil {
		c.buffer = make([]byte, 4<<10)
	}
	if length == 0 {
		c.act(t, nil)
	}
	for length > 0 {
		piece := c.buffer[:min(length, len(c.buffer))]
		if _, err := io.ReadFull(c.socket, piece); err != nil {
			return err
		}
		c.act(t, piece)
		length -= len(piece)
	}
	return nil
}

func (c *connection) act(t monitor.FrameType, payload []byte) {
	switch t {
	case monitor.FrameStdin:
		if c.stdin {
			c.s.input.write(payload)
		}
	case monitor.FrameStdinEnd:
		if c.stdin {
			c.stdin = false
			c.s.input.end(true)
		}
	case monitor.FrameResize:
		if size, ok := monitor.ParseSize(payload); ok {
			c.s.input.resize(size)
		}
	case monitor.FrameGo:
		c.s.clients.goOn()
		c.s.clients.answer(c.client, monitor.FrameGo)
	case monitor.FrameCancel:
		c.s.clients.cancelRestart()
		c.s.clients.answer(c.client, monitor.FrameCancel)
	}
}
