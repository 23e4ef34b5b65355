package netns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pod-engine/pod/pkg/container"
)

// Hostname is the name of the container inside itself: the one asked for, or the first 12 digits of its id.
func Hostname(cfg *container.Config) string {
	if cfg.Hostname != "" {
		return cfg.Hostname
	}
	return cfg.ID[:min(12, len(cfg.ID))]
}

// hostsLine is one line of hosts(5).
type hostsLine struct {
	address string
	names   []string
}

// Hosts is the text of the container's /etc/hosts: what the user added (--add-host), localhost, the container's own
// address with its names, and the host's with host.containers.internal and host.docker.internal. With the host's network the host's
// own lines take the place of localhost. A name the user gave an address, also in the file to begin with, gets no other.
//
// A nil text with a nil error (--no-hosts) says to leave the image's own file alone.
func Hosts(cfg *container.Config, host HostFacts, network Network) ([]byte, error) {
	if cfg.Network.NoHosts {
		return nil, nil
	}
	var lines []hostsLine
	taken := map[string]bool{}
	for _, entry := range cfg.Network.AddHosts {
		line, err := addedHost(entry, network.HostAddress)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
		for _, name := range line.names {
			taken[strings.ToLower(name)] = true
		}
	}
	for _, line := range parseHosts(host.BaseHosts) {
		line.names = slices.DeleteFunc(line.names, func(name string) bool { return taken[strings.ToLower(name)] })
		if len(line.names) > 0 {
			lines = append(lines, line)
		}
	}
	for _, line := range lines[len(cfg.Network.AddHosts):] {
		for _, name := range line.names {
			taken[strings.ToLower(name)] = true
		}
	}
	automatic, err := automaticHosts(cfg, host, network)
	if err != nil {
		return nil, err
	}
	for _, line := range automatic {
		line.names = slices.DeleteFunc(slices.Clone(line.names), func(name string) bool { return taken[strings.ToLower(name)] })
		if len(line.names) > 0 {
			lines = append(lines, line)
		}
	}
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "%s\t%s\n", line.address, strings.Join(line.names, " "))
	}
	return []byte(b.String()), nil
}

func automaticHosts(cfg *container.Config, host HostFacts, network Network) ([]hostsLine, error) {
	var own []string
	for _, name := range []string{Hostname(cfg), cfg.Name} {
		if name != "" && !isWord(name) {
			return nil, fmt.Errorf("host name %q is not one word", name)
		}
		if name != "" && !slices.Contains(own, name) {
			own = append(own, name)
		}
	}
	lines := []hostsLine{
		{"127.0.0.1", []string{"localhost"}},
		{"::1", []string{"localhost", "ip6-localhost", "ip6-loopback"}},
	}
	if network.Mode == ModeHost {
		if fromHost := parseHosts(host.Hosts); len(fromHost) > 0 {
			lines = fromHost
		}
	}
	if network.Mode != ModeJoin || network.JoinPath != "" {
		// Without an address of its own a container still finds itself by name, which many servers insist on.
		address := network.Address
		if address == "" {
			address = "127.0.0.1"
		}
		lines = append(lines, hostsLine{address, own})
		for _, further := range network.Further {
			lines = append(lines, hostsLine{further, own})
		}
	}
	if network.HostAddress != "" {
		lines = append(lines, hostsLine{network.HostAddress, []string{"host.containers.internal", "host.docker.internal"}})
	}
	return lines, nil
}

// addedHost reads one --add-host: NAME[;NAME…]:ADDRESS or, as docker also takes it, NAME=ADDRESS. An IPv6 address may stand in
// brackets.
func addedHost(entry, gateway string) (hostsLine, error) {
	names, address, ok := strings.Cut(entry, ":")
	if before, after, equals := strings.Cut(entry, "="); equals && len(before) < len(names) {
		names, address, ok = before, after, true
	}
	if !ok {
		return hostsLine{}, fmt.Errorf("added host %q is not NAME:ADDRESS", entry)
	}
	line := hostsLine{names: strings.Split(names, ";")}
	for _, name := range line.names {
		if !isWord(name) {
			return hostsLine{}, fmt.Errorf("added host %q: %q is not a host name", entry, name)
		}
	}
	if address == "host-gateway" {
		if gateway == "" {
			return hostsLine{}, fmt.Errorf("added host %q: this container's network cannot reach the host", entry)
		}
		address = gateway
	}
	if strings.HasPrefix(address, "[") && strings.HasSuffix(address, "]") {
		address = address[1 : len(address)-1]
	}
	addr, err := netip.ParseAddr(address)
	if err != nil || !isWord(address) { // a zone may hold anything
		return hostsLine{}, fmt.Errorf("added host %q: %q is not an IP address", entry, address)
	}
	line.address = addr.String()
	return line, nil
}

// parseHosts reads the text of hosts(5); lines that are not right are left out.
func parseHosts(text []byte) []hostsLine {
	var lines []hostsLine
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 || !slices.ContainsFunc(f[1:], isWord) {
			continue
		}
		if _, err := netip.ParseAddr(f[0]); err == nil {
			lines = append(lines, hostsLine{f[0], slices.DeleteFunc(f[1:], func(s string) bool { return !isWord(s) })})
		}
	}
	return lines
}
