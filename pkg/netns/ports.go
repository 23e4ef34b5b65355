package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/netns/helper"
)

// protocolOf is the port's protocol, tcp where none was given.
func protocolOf(p container.Port) string {
	if p.Protocol == "" {
		return "tcp"
	}
	return p.Protocol
}

// checkPort refuses what no helper can publish, whatever the machine is like.
func checkPort(p container.Port) error {
	name := fmt.Sprintf("publish port %d/%s", p.ContainerPort, protocolOf(p))
	switch protocol := protocolOf(p); {
	case protocol != "tcp" && protocol != "udp":
		return ProtocolError(p)
	case p.ContainerPort == 0 || p.Count == 0:
		return fmt.Errorf("%s: a range needs a first port and at least one port", name)
	case int(p.ContainerPort)+int(p.Count)-1 > 65535 || int(p.HostPort)+int(p.Count)-1 > 65535:
		return fmt.Errorf("%s: the range of %d ports goes beyond 65535", name, p.Count)
	case p.HostPort == 0:
		return fmt.Errorf("%s: no host port was assigned", name)
	}
	if p.HostIP == "" {
		return nil
	}
	if a, err := netip.ParseAddr(p.HostIP); err != nil || a.Zone() != "" {
		return fmt.Errorf("%s: %q is not an IP address", name, p.HostIP)
	}
	return nil
}

// ProtocolError says why ports of other protocols than tcp and udp are not published.
func ProtocolError(p container.Port) error {
	err := fmt.Errorf("publish port %d/%s: what connects a published port with its container, pasta or pod's own forwarder, speaks only tcp and udp",
		p.ContainerPort, p.Protocol)
	return hint.Wrap(err, "use --network host, with which the container's "+p.Protocol+" ports are the machine's")
}

// AssignPorts gives ports with every host port set: for those left open the kernel chooses free ports, for a range free
// ports in a row. All the chosen ports are held bound until the last is found, so that none is given twice.
//
// Between this call and the helper's own bind another process can take a port: the helper then says "Failed to bind",
// and the caller assigns anew and tries again.
func AssignPorts(ports []container.Port) ([]container.Port, error) {
	assigned := make([]container.Port, len(ports))
	var held []holding
	defer func() {
		for _, h := range held {
			h.close()
		}
	}()
	for i, p := range ports {
		assigned[i] = p
		if p.HostPort != 0 {
			continue
		}
		h, port, err := chooseRange(p)
		if err != nil {
			return nil, err
		}
		held = append(held, h)
		assigned[i].HostPort = port
	}
	return assigned, nil
}

// holding is a set of bound sockets.
type holding []interface{ Close() error }

func (h holding) close() {
	for _, c := range h {
		c.Close()
	}
}

// chooseRange asks the kernel for one free port and tries whether those after it are free too.
func chooseRange(p container.Port) (holding, uint16, error) {
	const tries = 64
	for range tries {
		held, port, err := bindPort(p, 0)
		for i := 1; err == nil && i < int(p.Count); i++ {
			if int(port)+i > 65535 {
				err = syscall.EADDRINUSE
				break
			}
			var next holding
			next, _, err = bindPort(p, port+uint16(i))
			held = append(held, next...)
		}
		if err == nil {
			return held, port, nil
		}
		held.close()
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, 0, PortError(p, err)
		}
	}
	return nil, 0, PortError(p, syscall.EADDRINUSE)
}

// CheckPorts finds out, by binding each port for a moment, whether all of them can be published. The error of the first
// that cannot names who holds it where that is this user's process, and carries a hint.
func CheckPorts(ports []container.Port) error {
	for _, p := range ports {
		if err := checkPort(p); err != nil {
			return err
		}
		for i := range p.Count {
			one := p
			one.HostPort += i
			held, _, err := bindPort(one, one.HostPort)
			if err != nil {
				return PortError(one, err)
			}
			held.close()
		}
	}
	return nil
}

// bindPort binds one port on every address p asks for, whatever p.Count says; port 0 lets the kernel choose. pasta goes on when
// of two address families only one could be bound, so both are tried here.
func bindPort(p container.Port, port uint16) (held holding, bound uint16, err error) {
	defer func() {
		if err != nil {
			held.close()
			held = nil
		}
	}()
	for _, host := range hostAddresses(p) {
		network := protocolOf(p) + "4"
		if host.Is6() {
			network = protocolOf(p) + "6"
		}
		socket, actual, err := listen(network, netip.AddrPortFrom(host, port).String())
		if err != nil && p.HostIP == "" && host.Is6() && noIPv6(err) {
			continue
		}
		if err != nil {
			return held, 0, err
		}
		held, port = append(held, socket), actual
	}
	return held, port, nil
}

// hostAddresses are the addresses a checked port is bound on.
func hostAddresses(p container.Port) []netip.Addr {
	if a, err := netip.ParseAddr(p.HostIP); err == nil {
		return []netip.Addr{a.Unmap()}
	}
	return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
}

func noIPv6(err error) bool {
	return errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

func listen(network, address string) (interface{ Close() error }, uint16, error) {
	var (
		socket interface{ Close() error }
		local  net.Addr
	)
	if strings.HasPrefix(network, "udp") {
		c, err := net.ListenPacket(network, address)
		if err != nil {
			return nil, 0, err
		}
		socket, local = c, c.LocalAddr()
	} else {
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, 0, err
		}
		socket, local = l, l.Addr()
	}
	bound, err := netip.ParseAddrPort(local.String())
	if err != nil {
		socket.Close()
		return nil, 0, err
	}
	return socket, bound.Port(), nil
}

// portInUse is an error whose text says it better than its sentinel's.
type portInUse string

func (p portInUse) Error() string      { return string(p) }
func (portInUse) Is(target error) bool { return target == helper.ErrPortInUse }

// PortError says in words why a port cannot be bound, or where the host port is 0, why none was found.
func PortError(p container.Port, err error) error {
	if p.HostPort == 0 {
		return noPort(p, err)
	}
	where := fmt.Sprintf("publish host port %d/%s", p.HostPort, protocolOf(p))
	if p.HostIP != "" {
		where += " on " + p.HostIP
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return hint.Wrap(portInUse(fmt.Sprintf("%s: it is in use%s", where, portHolder(p))), fmt.Sprintf("choose another host port, or stop its holder, which ss -lnp%c 'sport = :%d' shows", protocolOf(p)[0], p.HostPort))
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return hint.Wrap(fmt.Errorf("%s: users may not bind ports below %s", where, unprivilegedStart()),
			fmt.Sprintf("sudo sysctl net.ipv4.ip_unprivileged_port_start=%d, or choose a higher host port", p.HostPort))
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s: this machine does not have that address", where)
	}
	return fmt.Errorf("%s: %w", where, err)
}

func noPort(p container.Port, err error) error {
	where := fmt.Sprintf("choose a host port for port %d/%s", p.ContainerPort, protocolOf(p))
	if !errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %w", where, err)
	}
	what := "no port is free"
	if p.Count > 1 {
		what = fmt.Sprintf("no %d ports in a row are free", p.Count)
	}
	between := strings.Join(strings.Fields(sysctl("ip_local_port_range", "32768 60999")), " to ")
	return hint.Wrap(fmt.Errorf("%s: %s from %s, where the kernel chooses (net.ipv4.ip_local_port_range)", where, what, between),
		"give the host port yourself, or stop containers that have published ports")
}

func unprivilegedStart() string { return sysctl("ip_unprivileged_port_start", "1024") }

// sysctl reads one of net.ipv4, or gives what kernels without it do.
func sysctl(name, otherwise string) string {
	b, err := os.ReadFile("/proc/sys/net/ipv4/" + name)
	if err != nil {
		return otherwise
	}
	return strings.TrimSpace(string(b))
}
