// Package stack is the way out of networks where neither pasta nor slirp4netns is installed: a network stack in a process of its
// own, pod-uplink, between an interface in the networks' namespace and sockets of the machine. It speaks IPv4 only.
package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/containers/gvisor-tap-vsock/pkg/types"
	"github.com/containers/gvisor-tap-vsock/pkg/virtualnetwork"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/pkg/netns"
)

// Of the network between the namespace and the stack; the ones that slirp4netns has.
const (
	subnet     = "10.0.2.0/24"
	address    = "10.0.2.100/24"
	gateway    = "10.0.2.2"
	gatewayMAC = "5a:94:ef:e4:0c:dd"
	mtu        = 65520
)

// Open makes the interface in the network namespace of the calling thread, which must be locked, and routes everything to it.
func Open() (*os.File, error) {
	tap, err := makeTap(netns.Interface)
	if err != nil {
		return nil, fmt.Errorf("make a tap interface: %w", err)
	}
	if err := route(netns.Interface); err != nil {
		tap.Close()
		return nil, fmt.Errorf("configure the tap interface: %w", err)
	}
	return tap, nil
}

// Serve carries what comes out of the interface to the machine, until ctx ends or the interface is gone.
func Serve(ctx context.Context, tap *os.File) error {
	v, err := virtualnetwork.New(&types.Configuration{
		MTU: mtu, Subnet: subnet, GatewayIP: gateway, GatewayMacAddress: gatewayMAC, DHCPStaticLeases: map[string]string{},
	})
	if err != nil {
		return fmt.Errorf("start a network stack: %w", err)
	}
	// The protocol of vfkit is one frame for each read and write, which is what the device does.
	return v.AcceptVfkit(ctx, frames{tap})
}

func makeTap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	// Only after TUNSETIFF can the descriptor be waited for.
	return os.NewFile(uintptr(fd), name), nil
}

func route(name string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetMTU(l, mtu); err != nil {
		return err
	}
	own := netip.MustParsePrefix(address)
	if err := netlink.AddrReplace(l, &netlink.Addr{IPNet: &net.IPNet{IP: own.Addr().AsSlice(), Mask: net.CIDRMask(own.Bits(), 32)}}); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(l); err != nil {
		return err
	}
	return netlink.RouteReplace(&netlink.Route{LinkIndex: l.Attrs().Index, Gw: net.ParseIP(gateway).To4()})
}

// frames is the device as the stack wants it.
type frames struct{ *os.File }

type noAddr struct{}

func (noAddr) Network() string { return "tap" }
func (noAddr) String() string  { return netns.Interface }

func (frames) LocalAddr() net.Addr  { return noAddr{} }
func (frames) RemoteAddr() net.Addr { return noAddr{} }
