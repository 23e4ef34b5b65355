package netns

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// HostFacts are what Plan must know about this machine.
type HostFacts struct {
	Helpers Helpers
	// Netns is the absolute path at which the monitor mounts the container's network namespace. The file below
	// the mount must be on a file system that other mount namespaces see: unlinking it ends pasta.
	Netns          string
	Root           bool   // nobody's namespaces were entered: root runs the helpers
	Route4, Route6 bool   // there is a default route
	Address        string // the host's own IPv4 address as others see it, or ""
	// Resolv is the host's /etc/resolv.conf. Upstream is that of systemd-resolved with the real nameservers, or nil.
	Resolv, Upstream []byte
	Hosts            []byte // the host's /etc/hosts
	BaseHosts        []byte // what the container's begins with (--hosts-file), or nil
}

// ReadHost gathers the facts of this machine, for the network namespace of the calling thread. A file that cannot be
// read counts as empty.
func ReadHost(helpers Helpers, netns string) HostFacts {
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		return b
	}
	host := HostFacts{
		Helpers: helpers,
		Netns:   netns,
		Route4:  defaultRoute4(string(read("/proc/thread-self/net/route"))),
		Route6:  defaultRoute6(string(read("/proc/thread-self/net/ipv6_route"))),
		Address: ownAddress(),
		Resolv:  read("/etc/resolv.conf"),
		Hosts:   read("/etc/hosts"),
	}
	if len(routable(parseResolv(host.Resolv).nameservers)) == 0 {
		host.Upstream = read("/run/systemd/resolve/resolv.conf")
	}
	return host
}

const (
	routeUp      = 0x1
	routeGateway = 0x2
	routeReject  = 0x200
)

// defaultRoute4 reads the text of /proc/net/route.
func defaultRoute4(table string) bool {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		if flags, err := strconv.ParseUint(f[3], 16, 32); err == nil && flags&routeUp != 0 && flags&routeReject == 0 {
			return true
		}
	}
	return false
}

// defaultRoute6 reads the text of /proc/net/ipv6_route. The kernel always has a rejecting default route on lo.
func defaultRoute6(table string) bool {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 10 || strings.Trim(f[0], "0") != "" || f[1] != "00" || f[9] == "lo" {
			continue
		}
		flags, err := strconv.ParseUint(f[8], 16, 32)
		if err == nil && flags&(routeUp|routeGateway) != 0 && flags&routeReject == 0 {
			return true
		}
	}
	return false
}

// ownAddress is the source address of the default route, or else the first global address of an interface.
func ownAddress() string {
	// Connecting a datagram socket sends nothing; it only makes the kernel choose the source address. The
	// destination is an address for documentation (RFC 5737).
	if c, err := net.Dial("udp4", "203.0.113.1:9"); err == nil {
		defer c.Close()
		if a, err := netip.ParseAddrPort(c.LocalAddr().String()); err == nil && !a.Addr().IsLoopback() {
			return a.Addr().String()
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is4() && p.Addr().IsGlobalUnicast() {
			return p.Addr().String()
		}
	}
	return ""
}
