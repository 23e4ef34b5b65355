package main

import (
	"errors"
	"os"
	"strings"
	"sync"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

// stdio is what one try of the container has as stdin, stdout and stderr, and the monitor's ends of that.
type stdio struct {
	child  [3]uintptr // what the runtime gets
	own    []*os.File // of child, those to close once the runtime has them
	stdin  *os.File   // the monitor's end of the pipe; nil without
	output [2]*os.File

	console int      // the socket the runtime sends the terminal to; -1 without
	master  *os.File // the terminal

	pumps   sync.WaitGroup
	pumping bool
}

// openStdio makes the pipes, or the socket for the terminal. A container without stdin reads /dev/null.
func (s *supervisor) openStdio() (*stdio, error) {
	io := &stdio{console: -1}
	err := io.open(s.launch)
	if err != nil {
		io.close()
		return nil, wrap("make the container's standard streams", err)
	}
	if io.stdin != nil {
		s.input.attach(io.stdin)
	}
	return io, nil
}

func (io *stdio) open(l *monitor.Launch) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	io.own = append(io.own, null)
	io.child = [3]uintptr{null.Fd(), null.Fd(), null.Fd()}
	switch {
	case l.LogDriver == "passthrough":
		for i, fd := range l.StdioFDs {
			if fd >= 0 {
				io.child[i] = uintptr(fd)
			}
		}
		return nil
	case l.Terminal:
		return io.listenConsole()
	}
	if l.Stdin {
		theirs, ours, err := pipe(false)
		if err != nil {
			return err
		}
		io.stdin = ours
		io.own = append(io.own, theirs)
		io.child[0] = theirs.Fd()
	}
	for i := range io.output {
		theirs, ours, err := pipe(true)
		if err != nil {
			return err
		}
		io.output[i] = ours
		io.own = append(io.own, theirs)
		io.child[i+1] = theirs.Fd()
	}
	return nil
}

// pipe makes a pipe whose end for the monitor is waited for in the poller and whose other end blocks as programs expect.
func pipe(read bool) (theirs, ours *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, err
	}
	our, their := fds[0], fds[1]
	if !read {
		our, their = their, our
	}
	theirs = os.NewFile(uintptr(their), "pipe")
	if err := unix.SetNonblock(our, true); err != nil {
		unix.Close(our)
		theirs.Close()
		return nil, nil, err
	}
	return theirs, os.NewFile(uintptr(our), "pipe"), nil
}

// listenConsole makes the socket through which the runtime hands over the terminal. All names are relative, so that no
// run directory is too long for it.
func (io *stdio) listenConsole() error {
	os.Remove(monitor.ConsoleFile)
	socket, err := listen(monitor.ConsoleFile)
	io.console = socket
	return err
}

// listen makes a listening socket that only the user can connect to.
func listen(path string) (int, error) {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	old := unix.Umask(0o177)
	err = unix.Bind(socket, &unix.SockaddrUnix{Name: path})
	unix.Umask(old)
	if err == nil {
		err = unix.Listen(socket, 64)
	}
	if err != nil {
		unix.Close(socket)
		return -1, wrap("listen on "+path, err)
	}
	return socket, nil
}

// receiveConsole takes the terminal that the runtime, which has ended by now, has sent.
func (io *stdio) receiveConsole() error {
	fd, err := receiveTerminal(io.console)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return wrap("use the terminal", err)
	}
	io.master = os.NewFile(uintptr(fd), "terminal")
	io.output[0] = io.master
	return nil
}

// receiveTerminal takes the terminal that a runtime, which has ended by now, has sent to a console socket.
func receiveTerminal(console int) (int, error) {
	conn, _, err := unix.Accept4(console, unix.SOCK_CLOEXEC)
	if err != nil {
		return -1, wrap("receive the terminal from the runtime", err)
	}
	socket := os.NewFile(uintptr(conn), "console")
	defer socket.Close()
	_, fds, err := monitor.ReceiveRights(socket, make([]byte, 256))
	if err == nil && len(fds) != 1 {
		err = errors.New("it sent none")
	}
	if err != nil {
		closeAll(fds)
		return -1, wrap("receive the terminal from the runtime", err)
	}
	return fds[0], nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// handedOver closes what only the runtime needed.
func (io *stdio) handedOver() {
	for _, f := range io.own {
		f.Close()
	}
	io.own = nil
	if io.console >= 0 {
		unix.Close(io.console)
		os.Remove(monitor.ConsoleFile)
		io.console = -1
	}
}

// leftover is what a failed runtime wrote to the stderr that would have become the container's.
func (io *stdio) leftover() string {
	if io.output[1] == nil {
		return ""
	}
	text := make([]byte, maxOutput)
	n, _ := readNow(io.output[1], text)
	return strings.TrimSpace(string(text[:max(n, 0)]))
}

func (io *stdio) close() {
	io.handedOver()
	if io.stdin != nil {
		io.stdin.Close()
	}
	for _, f := range io.output {
		if f != nil {
			f.Close()
		}
	}
}
