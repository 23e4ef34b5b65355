package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

// A console is the socket over which the runtime hands out the master of a terminal (runc's docs/terminals.md).
type console struct {
	dir string
	fd  int
}

// listenConsole makes the socket in dir. The runtime is to be started with dir as its working directory and the bare
// name of the socket: a path may be too long for a socket address.
func listenConsole(dir string) (*console, error) {
	at, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(at)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	address := &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(at) + "/" + monitor.ConsoleFile}
	if err := errors.Join(unix.Bind(fd, address), unix.Listen(fd, 1)); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &console{dir, fd}, nil
}

// receive takes the master of the terminal, which the runtime has sent by the time it has ended.
func (c *console) receive(ctx context.Context) (*os.File, error) {
	conn, err := c.accept(ctx)
	if err != nil {
		return nil, err
	}
	defer unix.Close(conn)
	name, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(conn, name, rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) != 1 {
		return nil, errors.New("the runtime sent no terminal")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.New("the runtime sent no terminal")
	}
	return os.NewFile(uintptr(fds[0]), "terminal"), nil
}

func (c *console) accept(ctx context.Context) (int, error) {
	deadline := time.Now().Add(10 * time.Second)
	for {
		conn, _, err := unix.Accept4(c.fd, unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			return conn, nil
		case ctx.Err() != nil:
			return -1, ctx.Err()
		case !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
			return -1, err
		case time.Now().After(deadline):
			return -1, fmt.Errorf("the runtime sent no terminal within 10 s")
		}
		unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}, 50)
	}
}

func (c *console) close() {
	unix.Close(c.fd)
	os.Remove(filepath.Join(c.dir, monitor.ConsoleFile))
}
