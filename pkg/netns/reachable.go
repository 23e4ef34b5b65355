package netns

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Reachable are the networks that this machine reaches without its default route, and its own addresses, as the calling thread's network
// namespace has them: a container's network of the same addresses would hide them from its containers, and from the machine where it is
// root's. Routes by way of the interfaces left out do not count.
func Reachable(leftOut ...string) []netip.Prefix {
	read := func(name string) string {
		b, err := os.ReadFile("/proc/thread-self/net/" + name)
		if err != nil {
			return "" // no such family here
		}
		return string(b)
	}
	found := slices.Concat(routes4(read("route"), leftOut), routes6(read("ipv6_route"), leftOut))
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		if slices.Contains(leftOut, i.Name) {
			continue
		}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && global(p) {
				found = append(found, netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))
			}
		}
	}
	return found
}

// global leaves out what every machine has: the default route, loopback, link-local and multicast.
func global(p netip.Prefix) bool {
	a := p.Addr()
	return p.Bits() > 0 && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsMulticast()
}

// routes4 reads the text of /proc/net/route, in which addresses are words of the machine.
func routes4(table string, leftOut []string) []netip.Prefix {
	var found []netip.Prefix
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 8 || slices.Contains(leftOut, f[0]) {
			continue
		}
		to, err1 := strconv.ParseUint(f[1], 16, 32)
		mask, err2 := strconv.ParseUint(f[7], 16, 32)
		if err1 != nil || err2 != nil {
			continue // the headings
		}
		bits, _ := net.IPMask(word(mask)).Size()
		if p := netip.PrefixFrom(netip.AddrFrom4([4]byte(word(to))), bits); global(p) {
			found = append(found, p)
		}
	}
	return found
}

// word is the bytes of an address in the order of the network; Linux's text has them in that of the processor.
func word(v uint64) []byte {
	b := make([]byte, 4)
	binary.NativeEndian.PutUint32(b, uint32(v))
	return b
}

// routes6 reads the text of /proc/net/ipv6_route.
func routes6(table string, leftOut []string) []netip.Prefix {
	var found []netip.Prefix
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 10 || slices.Contains(leftOut, f[9]) || f[9] == "lo" {
			continue
		}
		to, err1 := hex.DecodeString(f[0])
		bits, err2 := strconv.ParseUint(f[1], 16, 8)
		if err1 != nil || err2 != nil || len(to) != 16 {
			continue
		}
		if p := netip.PrefixFrom(netip.AddrFrom16([16]byte(to)), int(bits)); global(p) {
			found = append(found, p)
		}
	}
	return found
}
