package bridge

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/rootless-containers/rootlesskit/v3/pkg/lowlevelmsgutil"
	"github.com/rootless-containers/rootlesskit/v3/pkg/port/builtin/msg"
	"golang.org/x/sys/unix"
)

// dialer makes the connections of published ports into the namespace of the networks. It is asked over a socket in the
// protocol of rootlesskit's forwarder, whose own child side needs nft, ip and sysctl to be installed and would know
// neither our namespace nor our rules.
type dialer struct {
	s        *Server
	path     string
	listener *net.UnixListener
}

func newDialer(s *Server, path string) (*dialer, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen for published ports: %w", err)
	}
	d := &dialer{s, path, l}
	go d.accept()
	return d, nil
}

func (d *dialer) close() { d.listener.Close() }

// Write takes the forwarder's messages. Connections that break and listeners that are closed are daily business.
func (d *dialer) Write(b []byte) (int, error) {
	d.s.Log.Debug("port forwarder", "message", strings.TrimSpace(string(b)))
	return len(b), nil
}

func (d *dialer) accept() {
	for {
		c, err := d.listener.AcceptUnix()
		if err != nil {
			return
		}
		go d.serve(c)
	}
}

func (d *dialer) serve(c *net.UnixConn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(dialPatience))
	var request msg.Request
	if _, err := lowlevelmsgutil.UnmarshalFromReader(c, &request); err != nil {
		return
	}
	file, err := d.dial(request)
	if err != nil {
		d.s.Log.Debug("connect to a container", "port", request.Port, "error", err)
		// Without a descriptor the forwarder hangs up on its client.
		lowlevelmsgutil.MarshalToWriter(c, &msg.Reply{Error: err.Error()})
		return
	}
	defer file.Close()
	c.WriteMsgUnix([]byte("connected"), unix.UnixRights(int(file.Fd())), nil)
}

// dialPatience bounds a connection to a container that does not answer.
const dialPatience = 10 * time.Second

// dial connects to a container: for TCP in the name of the client, so that the container sees who it is. The
// machine's loopback addresses mean something else in the container, and addresses of our own networks are not
// lent to strangers; such a client appears as the gateway.
func (d *dialer) dial(request msg.Request) (*os.File, error) {
	target, err := netip.ParseAddr(request.IP)
	if err != nil {
		return nil, err
	}
	to := netip.AddrPortFrom(target, uint16(request.Port))
	if strings.HasPrefix(request.Proto, "udp") {
		return d.connect(unix.SOCK_DGRAM, to, netip.AddrPort{})
	}
	client, err := netip.ParseAddr(request.SourceIP)
	client = client.Unmap()
	if err == nil && client.Is6() && target.Is4() {
		if six, ok := d.s.sixth(target); ok {
			to = netip.AddrPortFrom(six, to.Port())
		}
	}
	if err == nil && client.Is4() == to.Addr().Is4() && !client.IsLoopback() && client.Zone() == "" && !client.IsLinkLocalUnicast() && !d.s.owns(client) {
		file, err := d.connect(unix.SOCK_STREAM, to, netip.AddrPortFrom(client, uint16(request.SourcePort)))
		if err == nil || errors.Is(err, unix.ECONNREFUSED) {
			return file, err
		}
		d.s.Log.Debug("connect in the name of a client", "client", client, "error", err)
	}
	return d.connect(unix.SOCK_STREAM, netip.AddrPortFrom(target, to.Port()), netip.AddrPort{})
}

// connect makes a connected socket in the namespace of the networks, bound to from if that is given, whoever's it is.
func (d *dialer) connect(kind int, to, from netip.AddrPort) (*os.File, error) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	var fd int
	err := d.s.inside.do(func() (err error) {
		fd, err = unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "published port")
	if from.IsValid() {
		err = lend(fd, from)
	}
	if err == nil {
		err = unix.Connect(fd, sockaddr(to))
	}
	if errors.Is(err, unix.EINPROGRESS) {
		err = connected(file, fd)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// lend gives a socket an address that is not ours; the mark is for the rules that bring the answers back.
func lend(fd int, from netip.AddrPort) error {
	level, option := unix.SOL_IP, unix.IP_TRANSPARENT
	if from.Addr().Is6() {
		level, option = unix.SOL_IPV6, unix.IPV6_TRANSPARENT
	}
	if err := unix.SetsockoptInt(fd, level, option, 1); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, markDial); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	return unix.Bind(fd, sockaddr(from))
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// connected waits for the end of a connect(2) that is in progress.
func connected(file *os.File, fd int) error {
	file.SetDeadline(time.Now().Add(dialPatience))
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Write(func(uintptr) bool {
		wait := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		if n, err := unix.Poll(wait, 0); err != nil || n == 0 {
			return false
		}
		code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		result = err
		return true
	})
	return errors.Join(err, result)
}

var _ io.Writer = (*dialer)(nil)

// owns reports whether an address belongs to the namespace of the networks: lending it would take it from its owner.
func (s *Server) owns(a netip.Addr) bool {
	return s.names.owns(a) || netip.PrefixFrom(uplinkNet, 24).Contains(a)
}

// sixth is the IPv6 address of the container that has this IPv4 address.
func (s *Server) sixth(a netip.Addr) (netip.Addr, bool) { return s.names.sixth(a) }
