package build

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/container"
	"golang.org/x/sys/unix"
)

// agent mounts a socket behind which is an SSH agent of the caller's. It is not the agent's own: that speaks to nobody but the user whom it
// belongs to, and a RUN may be anybody in its container.
func (m *mounts) agent(mount plan.Mount, cfg *container.Config, u upper) error {
	agent, ok := m.job.Agents[mount.ID]
	if !ok {
		flag := "--ssh " + mount.ID
		if !mount.Required {
			m.missing = append(m.missing, flag)
			return nil
		}
		return hint.Wrap(fmt.Errorf("the SSH agent %q is required and was not given", mount.ID), flag)
	}
	if err := isSocket(agent); err != nil {
		return fmt.Errorf("the SSH agent %q: %w", mount.ID, err)
	}
	dir, err := m.space(u)
	if err != nil {
		return err
	}
	socket, err := forward(dir, agent)
	if err != nil {
		return fmt.Errorf("the SSH agent %q: %w", mount.ID, err)
	}
	m.done.Push(socket.close)
	path := filepath.Join(dir, socketName)
	if err := dressMount(mount, path, 0o600); err != nil {
		return err
	}
	target := mount.Target
	if target == "" {
		target = "/run/buildkit/ssh_agent." + strconv.Itoa(len(m.trees))
	}
	if err := secretEnv(cfg, "SSH_AUTH_SOCK", target); err != nil {
		return err
	}
	return m.bind(path, target, false)
}

func isSocket(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.Mode()&os.ModeSocket == 0 {
		err = fmt.Errorf("%s is not a socket", path)
	}
	return err
}

const socketName = "agent"

// forwarder passes connections on to another socket.
type forwarder struct {
	listener net.Listener
	mu       sync.Mutex
	open     map[net.Conn]bool // nil: closed
	all      sync.WaitGroup
}

// forward listens at socketName in dir.
func forward(dir, to string) (*forwarder, error) {
	// Through a descriptor, since the name of a socket has room for 107 bytes only (unix(7)).
	at, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer at.Close()
	listener, err := net.Listen("unix", fmt.Sprintf("/proc/self/fd/%d/%s", at.Fd(), socketName))
	if err != nil {
		return nil, err
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false) // it goes with its directory
	f := &forwarder{listener: listener, open: map[net.Conn]bool{}}
	f.all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.all.Go(func() { f.pass(conn, to) })
		}
	})
	return f, nil
}

// pass copies in both directions until both sides have ended.
func (f *forwarder) pass(conn net.Conn, to string) {
	defer f.forget(conn)
	if !f.keep(conn) {
		return
	}
	agent, err := net.Dial("unix", to)
	if err != nil {
		return
	}
	defer f.forget(agent)
	if !f.keep(agent) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		io.Copy(conn, agent)
		conn.(*net.UnixConn).CloseWrite()
	})
	io.Copy(agent, conn)
	agent.(*net.UnixConn).CloseWrite()
	back.Wait()
}

func (f *forwarder) keep(conn net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		return false
	}
	f.open[conn] = true
	return true
}

func (f *forwarder) forget(conn net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	conn.Close()
	delete(f.open, conn)
}

// close ends all connections.
func (f *forwarder) close() error {
	err := f.listener.Close()
	f.mu.Lock()
	for conn := range f.open {
		err = errors.Join(err, conn.Close())
	}
	f.open = nil
	f.mu.Unlock()
	f.all.Wait()
	return err
}
