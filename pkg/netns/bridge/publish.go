package bridge

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/rootless-containers/rootlesskit/v3/pkg/port"
	"github.com/rootless-containers/rootlesskit/v3/pkg/port/builtin/parent/tcp"
	"github.com/rootless-containers/rootlesskit/v3/pkg/port/builtin/parent/udp"
	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/netns"
	"github.com/pod-engine/pod/pkg/netns/helper"
)

// forwards are the published ports of one container, each a socket that is bound from the moment its number is chosen.
type forwards struct {
	stops []func()
}

// publish binds the ports asked for, and chooses those left open.
func (s *Server) publish(a *helper.Attached, ports []container.Port) error {
	if len(ports) == 0 {
		return nil
	}
	target, err := s.target(a)
	if err != nil {
		return err
	}
	f := &forwards{}
	s.ports[a.ID] = f
	for _, p := range ports {
		if p.Protocol != "tcp" && p.Protocol != "udp" {
			return netns.ProtocolError(p)
		}
		chosen, err := s.bind(f, p, target)
		if err != nil {
			return s.portError(chosen, err)
		}
		a.Ports = append(a.Ports, chosen)
	}
	return nil
}

// target is the address that published ports lead to: the container's in the network by which it leaves.
func (s *Server) target(a *helper.Attached) (string, error) {
	end := s.gatewayEnd(a)
	if end < 0 {
		return "", hint.Wrap(errors.New("publish ports: all networks of the container are internal, so that nothing outside reaches it"), "leave out --publish, or add a network that is not internal")
	}
	if addr, ok := a.Ends[end].Address4(); ok {
		return addr.Prefix.Addr().String(), nil
	}
	if addr, ok := a.Ends[end].Address6(); ok {
		return addr.Prefix.Addr().String(), nil
	}
	return "", fmt.Errorf("publish ports: the container has no address in network %q", a.Ends[end].Network)
}

// tries is how often a free range of ports is looked for.
const tries = 64

// bind binds all ports of a range, or none. The port in an error is the one that failed.
func (s *Server) bind(f *forwards, p container.Port, target string) (container.Port, error) {
	if p.HostPort != 0 {
		return s.bindRange(f, p, target)
	}
	var last error
	for range tries {
		host, err := freePort(p)
		if err != nil {
			return p, err
		}
		one := p
		one.HostPort = host
		if int(host)+int(p.Count)-1 > 65535 {
			last = syscall.EADDRINUSE
			continue
		}
		if one, err = s.bindRange(f, one, target); err == nil {
			return one, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return one, err
		}
		last = err
	}
	return p, last
}

// freePort asks the kernel for one.
func freePort(p container.Port) (uint16, error) {
	address := net.JoinHostPort(p.HostIP, "0")
	if p.Protocol == "udp" {
		c, err := net.ListenPacket("udp", address)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		return uint16(c.LocalAddr().(*net.UDPAddr).Port), nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return uint16(l.Addr().(*net.TCPAddr).Port), nil
}

func (s *Server) bindRange(f *forwards, p container.Port, target string) (container.Port, error) {
	begun := len(f.stops)
	for i := range p.Count {
		if err := s.forward(f, p, i, target); err != nil {
			f.stop(begun)
			p.HostPort += i
			return p, err
		}
	}
	return p, nil
}

// forward serves one port with rootlesskit's forwarder, which asks our dialer for the connection to the container.
func (s *Server) forward(f *forwards, p container.Port, i uint16, target string) error {
	spec := port.Spec{
		Proto: p.Protocol, ParentIP: p.HostIP, ParentPort: int(p.HostPort + i),
		ChildIP: target, ChildPort: int(p.ContainerPort + i),
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	run := tcp.Run
	if p.Protocol == "udp" {
		run = udp.Run
	}
	if err := run(s.dialer.path, spec, stop, stopped, s.dialer); err != nil {
		return err
	}
	f.stops = append(f.stops, sync.OnceFunc(func() {
		close(stop)
		<-stopped
	}))
	return nil
}

// redirects are the published ports as rules, for root: the kernel carries them faster than the forwarder, and every client
// keeps its address. The forwarder holds the ports all the same, and serves the machine itself.
func (s *Server) redirects() []redirect {
	if s.Rootless {
		return nil
	}
	var all []redirect
	for _, a := range s.attached {
		end := s.gatewayEnd(a)
		if end < 0 {
			continue
		}
		for _, p := range a.Ports {
			for i := range p.Count {
				all = append(all, redirectsOf(p, i, a.Ends[end])...)
			}
		}
	}
	return all
}

// redirectsOf are those of the ith port of a range, of each family that the container has and the port was asked for on.
func redirectsOf(p container.Port, i uint16, e helper.End) []redirect {
	protocol := byte(unix.IPPROTO_TCP)
	if p.Protocol == "udp" {
		protocol = unix.IPPROTO_UDP
	}
	host, _ := netip.ParseAddr(p.HostIP)
	host = host.Unmap()
	var all []redirect
	for _, address := range e.Addresses {
		to := address.Prefix.Addr()
		if host.IsValid() && host.Is4() != to.Is4() || host.IsLoopback() {
			continue
		}
		all = append(all, redirect{protocol, host, p.HostPort + i, netip.AddrPortFrom(to, p.ContainerPort+i)})
	}
	return all
}

// stop closes the ports bound after the first n.
func (f *forwards) stop(n int) {
	for _, stop := range f.stops[n:] {
		stop()
	}
	f.stops = f.stops[:n]
}

// republish binds the ports that a container had: those that were chosen for it too.
func (s *Server) republish(a *helper.Attached) error {
	ports := a.Ports
	a.Ports = nil
	err := s.publish(a, ports)
	if err != nil {
		s.unpublish(a.ID)
		a.Ports = ports
	}
	return err
}

// unpublish closes the ports of a container.
func (s *Server) unpublish(id string) {
	if f := s.ports[id]; f != nil {
		f.stop(0)
		delete(s.ports, id)
	}
}

// portError says why a port cannot be published, naming the container that has it where it is one of ours.
func (s *Server) portError(p container.Port, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		p.Count = 1
		for _, a := range s.attached {
			for _, q := range a.Ports {
				if _, ok := p.Meets(q); ok {
					return hint.Wrap(fmt.Errorf("publish host port %d/%s: container %q has published it", p.HostPort, p.Protocol, ownName(a)), "choose another host port, or stop that container")
				}
			}
		}
	}
	return netns.PortError(p, err)
}

func ownName(a *helper.Attached) string {
	if len(a.Names) > 0 {
		return a.Names[0]
	}
	return a.ID[:min(12, len(a.ID))]
}
