package bridge

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/netns/helper"
	"github.com/pod-engine/pod/pkg/netns/network"
)

// peerPrefix begins the names of the containers' interfaces on our side; the packet filter knows them by it.
const peerPrefix = "pve"

// newPeer is a name that was never used: the interface of an earlier start may still be on its way out.
func newPeer() string {
	b := make([]byte, 6)
	rand.Read(b)
	return peerPrefix + hex.EncodeToString(b)
}

// chooseMAC follows the address, so that whoever remembers it finds the container that has it now.
func chooseMAC(e helper.End) string {
	mac := [6]byte{0x02, 0x42}
	if a, ok := e.Address4(); ok {
		mac = network.MAC(a.Prefix.Addr())
	} else if a, ok := e.Address6(); ok {
		mac = network.MAC(a.Prefix.Addr())
	} else {
		rand.Read(mac[2:])
	}
	return net.HardwareAddr(mac[:]).String()
}

// plug makes the interface of one end in the container's namespace, with its addresses and routes.
func (s *Server) plug(n network.Config, e helper.End, file *os.File, gateway bool) error {
	fail := func(err error) error { return fmt.Errorf("attach to network %q: %w", n.Name, err) }
	mac, err := net.ParseMAC(e.MAC)
	if err != nil {
		return fail(err)
	}
	if n.Driver == network.DriverBridge {
		err = s.plugBridge(n, e, mac, file)
	} else {
		err = s.plugHost(n, e, mac, file)
	}
	if err != nil {
		return fail(err)
	}
	if err := configure(n, e, file, gateway); err != nil {
		return fail(err)
	}
	if n.Driver == network.DriverBridge {
		// The other end is up now, and the kernel lets ours send when it comes to that, in the background: until then what is sent to the
		// container is lost. To be asked for an interface it does it first (since Linux 6.8).
		if _, err := s.inside.link.LinkByName(e.Peer); err != nil {
			return fail(err)
		}
	}
	return nil
}

func (s *Server) plugBridge(n network.Config, e helper.End, mac net.HardwareAddr, file *os.File) error {
	bridge, err := s.ensureBridge(n)
	if err != nil {
		return err
	}
	if err := failpoint.Hit("helper.bridged"); err != nil {
		return err
	}
	if err := s.rules.admit(e); err != nil {
		return fmt.Errorf("set the packet filter: %w", err)
	}
	if err := failpoint.Hit("helper.admitted"); err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MasterIndex, attrs.Flags, attrs.MTU = e.Peer, bridge, net.FlagUp, s.mtu(n)
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: e.Interface, PeerHardwareAddr: mac, PeerNamespace: netlink.NsFd(file.Fd()), PeerMTU: uint32(s.mtu(n))}
	err = s.inside.link.LinkAdd(veth)
	if errors.Is(err, unix.EXFULL) {
		return hint.Wrap(errors.New("its bridge has as many containers as the kernel allows (1023)"), "make another network for further containers")
	}
	if err != nil {
		return fmt.Errorf("make a pair of interfaces: %w", err)
	}
	if vlan := n.Option("vlan"); vlan != "" {
		id, err := strconv.Atoi(vlan)
		if err != nil {
			return err
		}
		if err := s.inside.link.BridgeVlanAdd(veth, uint16(id), true, true, false, false); err != nil {
			return err
		}
	}
	return failpoint.Hit("helper.linked")
}

// plugHost makes an interface on one of the machine's own, for root.
func (s *Server) plugHost(n network.Config, e helper.End, mac net.HardwareAddr, file *os.File) error {
	parent, err := s.inside.link.LinkByName(n.Interface)
	if err != nil {
		return fmt.Errorf("the machine's interface %q: %w", n.Interface, err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex, attrs.Namespace = e.Interface, parent.Attrs().Index, netlink.NsFd(file.Fd())
	attrs.MTU, _ = strconv.Atoi(n.Option("mtu"))
	err = s.inside.link.LinkAdd(hostLink(n, attrs, mac))
	if errors.Is(err, unix.EOPNOTSUPP) {
		return hint.Wrap(fmt.Errorf("this kernel has no %s", n.Driver), "sudo modprobe "+n.Driver)
	}
	return err
}

func hostLink(n network.Config, attrs netlink.LinkAttrs, mac net.HardwareAddr) netlink.Link {
	if n.Driver == network.DriverMacvlan {
		attrs.HardwareAddr = mac
		modes := map[string]netlink.MacvlanMode{
			"": netlink.MACVLAN_MODE_BRIDGE, "bridge": netlink.MACVLAN_MODE_BRIDGE, "private": netlink.MACVLAN_MODE_PRIVATE,
			"vepa": netlink.MACVLAN_MODE_VEPA, "passthru": netlink.MACVLAN_MODE_PASSTHRU,
		}
		return &netlink.Macvlan{LinkAttrs: attrs, Mode: modes[n.Option("mode")]}
	}
	modes := map[string]netlink.IPVlanMode{"": netlink.IPVLAN_MODE_L2, "l2": netlink.IPVLAN_MODE_L2, "l3": netlink.IPVLAN_MODE_L3, "l3s": netlink.IPVLAN_MODE_L3S}
	return &netlink.IPVlan{LinkAttrs: attrs, Mode: modes[n.Option("mode")]}
}

// largest is the MTU of a network whose packets reach the world through a user-mode helper: fewer, larger packets.
const largest = 65520

func (s *Server) mtu(n network.Config) int {
	if mtu, err := strconv.Atoi(n.Option("mtu")); err == nil {
		return mtu
	}
	if s.Rootless {
		return largest
	}
	return 1500
}

// configure sets up the interface inside the container.
func configure(n network.Config, e helper.End, file *os.File, gateway bool) error {
	link, err := linkIn(file)
	if err != nil {
		return err
	}
	defer link.Close()
	eth, err := link.LinkByName(e.Interface)
	if err != nil {
		return err
	}
	index := eth.Attrs().Index
	if !n.Has6() {
		// An address that it gave itself would be one more way between containers, past the packet filter.
		if err := settingIn(file, "ipv6/conf/"+e.Interface+"/disable_ipv6", "1"); err != nil {
			return fmt.Errorf("switch off IPv6: %w", err)
		}
	}
	for _, a := range e.Addresses {
		addr := &netlink.Addr{IPNet: ipNet(a.Prefix)}
		if a.Prefix.Addr().Is6() {
			addr.Flags = unix.IFA_F_NODAD // the lease says that it is ours alone
		}
		if err := link.AddrAdd(eth, addr); err != nil {
			return fmt.Errorf("give address %s: %w", a.Prefix, err)
		}
	}
	if err := link.LinkSetUp(eth); err != nil {
		return err
	}
	if gateway {
		for _, a := range e.Addresses {
			if !a.Gateway.IsValid() {
				continue
			}
			if err := link.RouteReplace(&netlink.Route{LinkIndex: index, Gw: a.Gateway.AsSlice()}); err != nil {
				return fmt.Errorf("route by way of %s: %w", a.Gateway, err)
			}
		}
	}
	for _, r := range n.Routes {
		if err := link.RouteReplace(&netlink.Route{LinkIndex: index, Dst: ipNet(r.Destination), Gw: r.Gateway.AsSlice(), Priority: r.Metric}); err != nil {
			return fmt.Errorf("route %s by way of %s: %w", r.Destination, r.Gateway, err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// ensureBridge gives the index of the network's bridge, making it and its rules when it is not there.
func (s *Server) ensureBridge(n network.Config) (int, error) {
	link := s.inside.link
	if _, known := s.bridges[n.Name]; known {
		if l, err := link.LinkByName(n.Interface); err == nil {
			return l.Attrs().Index, nil
		}
	}
	l, err := link.LinkByName(n.Interface)
	var missing netlink.LinkNotFoundError
	switch {
	case errors.As(err, &missing):
		if l, err = s.makeBridge(n); err != nil {
			return 0, fmt.Errorf("make the bridge %q: %w", n.Interface, err)
		}
	case err != nil:
		return 0, err
	case l.Type() != "bridge":
		return 0, fmt.Errorf("the interface %q is there, and no bridge", n.Interface)
	}
	for _, sub := range n.Subnets {
		if !sub.Gateway.IsValid() {
			continue
		}
		addr := &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(sub.Gateway, sub.Subnet.Bits()))}
		if sub.Gateway.Is6() {
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := link.AddrReplace(l, addr); err != nil {
			return 0, fmt.Errorf("give the bridge %q its address %s: %w", n.Interface, sub.Gateway, err)
		}
	}
	if err := link.LinkSetUp(l); err != nil {
		return 0, err
	}
	s.bridges[n.Name] = n
	if err := s.replaceRules(); err != nil {
		delete(s.bridges, n.Name)
		return 0, err
	}
	s.names.listen(n)
	return l.Attrs().Index, nil
}

func (s *Server) makeBridge(n network.Config) (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = n.Interface, s.mtu(n)
	// A fixed address: a bridge's would otherwise change with the interfaces that come and go.
	mac := [6]byte{0x02, 0x42}
	rand.Read(mac[2:])
	if len(n.Subnets) > 0 && n.Subnets[0].Gateway.IsValid() {
		mac = network.MAC(n.Subnets[0].Gateway)
	}
	attrs.HardwareAddr = mac[:]
	bridge := &netlink.Bridge{LinkAttrs: attrs}
	if n.Option("vlan") != "" { // a kernel may lack it
		filtering := true
		bridge.VlanFiltering = &filtering
	}
	if err := s.inside.link.LinkAdd(bridge); err != nil {
		return nil, err
	}
	if !n.Has6() {
		if err := s.inside.setting("ipv6/conf/"+n.Interface+"/disable_ipv6", "1"); err != nil {
			return nil, err
		}
	}
	return s.inside.link.LinkByName(n.Interface)
}

// replaceRules writes the packet filter for all that is there.
func (s *Server) replaceRules() error {
	var networks []network.Config
	for _, n := range s.bridges {
		networks = append(networks, n)
	}
	var ends []helper.End
	for _, a := range s.attached {
		for _, e := range a.Ends {
			if _, ok := s.bridges[e.Network]; ok {
				ends = append(ends, e)
			}
		}
	}
	if err := s.rules.replace(networks, ends, s.redirects()); err != nil {
		return fmt.Errorf("set the packet filter: %w", err)
	}
	return nil
}

// unplug removes interfaces on our side, and with them those of the containers.
func (s *Server) unplug(peers []string) {
	for _, peer := range peers {
		if link, err := s.inside.link.LinkByName(peer); err == nil {
			s.inside.link.LinkDel(link)
		}
	}
}
