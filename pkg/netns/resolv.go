package netns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pod-engine/pod/pkg/container"
)

// resolvConf is the part of resolv.conf(5) that matters here.
type resolvConf struct {
	nameservers, search, options []string
}

// parseResolv reads the text of a resolv.conf(5). Lines it does not know, it leaves out; of several search lines the last
// counts, as in the C library.
func parseResolv(text []byte) resolvConf {
	var r resolvConf
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 2 || strings.ContainsAny(f[0], "#;") {
			continue
		}
		switch f[0] {
		case "nameserver":
			if _, err := netip.ParseAddr(f[1]); err == nil {
				r.nameservers = append(r.nameservers, f[1])
			}
		case "search":
			r.search = f[1:]
		case "domain":
			r.search = f[1:2]
		case "options":
			r.options = append(r.options, f[1:]...)
		}
	}
	return r
}

// ParseResolv gives the nameservers and the search domains of the text of a resolv.conf(5). A nameserver on a link-local
// address keeps its zone.
func ParseResolv(text []byte) (nameservers []netip.Addr, search []string) {
	r := parseResolv(text)
	for _, s := range r.nameservers {
		nameservers = append(nameservers, netip.MustParseAddr(s)) // parseResolv leaves out what is none
	}
	return nameservers, r.search
}

// routable gives the nameservers that mean the same inside a container's namespace: not loopback, and no address bound to one
// of the host's interfaces.
func routable(nameservers []string) []string {
	return slices.DeleteFunc(slices.Clone(nameservers), func(s string) bool {
		a, err := netip.ParseAddr(s)
		return err != nil || a.IsLoopback() || a.IsUnspecified() || a.Zone() != ""
	})
}

// upstreams are the nameservers a container can reach by themselves.
func upstreams(host HostFacts) []string {
	if direct := routable(parseResolv(host.Resolv).nameservers); len(direct) > 0 {
		return direct
	}
	return routable(parseResolv(host.Upstream).nameservers)
}

// ResolvConf is the text of the container's /etc/resolv.conf. What the user gave (--dns, --dns-search, --dns-option)
// replaces what the host has, each for itself; the search domain "." clears. A nil text with a nil error (--dns none) says to
// leave the image's own file alone.
func ResolvConf(cfg container.Network, host HostFacts, network Network) ([]byte, error) {
	if slices.Equal(cfg.DNS, []string{"none"}) {
		return nil, nil
	}
	base := parseResolv(host.Resolv)
	if network.Mode != ModeHost && len(routable(base.nameservers)) == 0 {
		// The options of systemd-resolved's stub are for its own address; the upstream file has those of the real servers.
		if up := parseResolv(host.Upstream); len(up.nameservers) > 0 {
			base.search, base.options = up.search, up.options
		}
	}
	r := resolvConf{nameservers: network.Nameservers, search: base.search, options: base.options}
	if network.Mode == ModeNone {
		r = resolvConf{}
	}
	if len(cfg.DNS) > 0 && !network.Resolves {
		r.nameservers = cfg.DNS
	}
	if len(cfg.DNSSearch) > 0 {
		r.search = cfg.DNSSearch
	}
	if slices.Equal(r.search, []string{"."}) {
		r.search = nil
	}
	if len(cfg.DNSOptions) > 0 {
		r.options = cfg.DNSOptions
	}
	return r.text()
}

func (r resolvConf) text() ([]byte, error) {
	var b strings.Builder
	if len(r.search) > 0 {
		for _, s := range r.search {
			if !isWord(s) {
				return nil, fmt.Errorf("search domain %q is not a domain", s)
			}
		}
		fmt.Fprintf(&b, "search %s\n", strings.Join(r.search, " "))
	}
	for _, s := range r.nameservers {
		if _, err := netip.ParseAddr(s); err != nil || !isWord(s) {
			return nil, fmt.Errorf("nameserver %q is not an IP address", s)
		}
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	if len(r.options) > 0 {
		for _, s := range r.options {
			if !isWord(s) {
				return nil, fmt.Errorf("resolver option %q is not one word", s)
			}
		}
		fmt.Fprintf(&b, "options %s\n", strings.Join(r.options, " "))
	}
	return []byte(b.String()), nil
}

// isWord says that s can stand as one word in /etc/hosts and /etc/resolv.conf and cannot begin a comment or a new line.
func isWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || r == '#' || r == ';' || r == 0x85 || r == 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfffd
	})
}
