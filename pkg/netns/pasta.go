package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/pkg/container"
)

// planPasta makes a container look as behind slirp4netns: an address of its own, so that the host's address stays the
// host's. (Left alone, pasta gives the container the host's address, and the container cannot reach the host.) The host's
// loopback is out of reach: no gateway mapping, and no ports forwarded from the namespace to the host.
func planPasta(cfg container.Network, host HostFacts) (Network, error) {
	user, err := parsePastaOptions(cfg.Options)
	if err != nil {
		return Network{}, err
	}
	n := Network{Mode: ModePasta, NewNamespace: true, Ports: cfg.Ports}
	n.Command = []string{host.Helpers.Pasta, "--config-net", "--quiet", "--netns", host.Netns}
	if host.Root {
		// It would become nobody, who cannot get at the namespace, nor at a port below 1024.
		n.Command = append(n.Command, "--runas", "0")
	}
	if !user.has("-I") {
		n.Command = append(n.Command, "-I", Interface)
	}
	n.addressPasta(user, host)
	for _, kind := range []struct{ option, protocol string }{{"-t", "tcp"}, {"-u", "udp"}} {
		specs := pastaPorts(cfg.Ports, kind.protocol)
		if len(specs) == 0 && !user.has(kind.option) {
			// Without it pasta would forward every port anything listens on.
			specs = []string{"none"}
		}
		for _, spec := range specs {
			n.Command = append(n.Command, kind.option, spec)
		}
	}
	for _, option := range []string{"-T", "-U"} {
		if !user.has(option) {
			n.Command = append(n.Command, option, "none")
		}
	}
	if !user.has("--map-gw") {
		n.Command = append(n.Command, "--no-map-gw")
	}
	n.namePasta(user, host)
	n.Command = append(n.Command, user.arguments()...)
	return n, nil
}

// addressPasta gives the namespace its addresses. IPv6 is always copied from the host, where it has it.
func (n *Network) addressPasta(user pastaOptions, host HostFacts) {
	if user.has("-a") || user.has("-g") || user.has("-n") || user.has("-i") {
		n.Address = user.address4()
		if host.Address != n.Address {
			n.HostAddress = host.Address
		}
		return
	}
	own := []string{"-a", address, "-n", prefix, "-g", gateway}
	switch {
	case user.has("-6"), !host.Route4 && host.Route6:
		return // IPv6 only: the namespace has the host's address, and the host cannot be reached
	case !host.Route4:
		// pasta refuses to start where it finds no default route to copy from, but takes lo when nothing is left to be
		// copied: lo has no link-layer address, hence -M, and no global IPv6 address, hence -4.
		n.Command = append(n.Command, "-i", "lo", "-4", "-M", "02:00:00:00:00:01")
		n.Warnings = append(n.Warnings, "this machine has no default route: the container reaches only this machine and its local networks")
	}
	n.Command = append(n.Command, own...)
	n.Address, n.HostAddress = address, host.Address
}

// namePasta chooses nameservers. pasta forwards queries sent to pastaDNS to the host's first IPv4 nameserver, wherever it is,
// also on the host's loopback; old ones forward only UDP, so real nameservers follow for answers that need TCP.
func (n *Network) namePasta(user pastaOptions, host HostFacts) {
	if forwards := user.values("--dns-forward"); len(forwards) > 0 {
		n.Nameservers = append(forwards, upstreams(host)...)
		return
	}
	_, ok := firstIPv4(parseResolv(host.Resolv).nameservers)
	// Where only IPv6 reaches out, pasta does not handle IPv4 packets at all.
	if ok && !user.has("-D") && !user.has("-6") && (host.Route4 || !host.Route6) {
		n.Command = append(n.Command, "--dns-forward", pastaDNS)
		n.Nameservers = []string{pastaDNS}
	}
	n.Nameservers = append(n.Nameservers, upstreams(host)...)
	if len(n.Nameservers) == 0 {
		n.Warnings = append(n.Warnings, noNameserver)
	}
}

const noNameserver = "this machine has no nameserver a container can reach: names will not resolve; give one with --dns"

func firstIPv4(nameservers []string) (string, bool) {
	for _, s := range nameservers {
		if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
			return s, true
		}
	}
	return "", false
}

// pastaPorts renders the ports of one protocol, one argument each: [ADDRESS/]FIRST[-LAST]:FIRST[-LAST]. An IPv6 address
// stands without brackets. Several addresses in one argument are only understood by newer versions.
func pastaPorts(ports []container.Port, protocol string) []string {
	var specs []string
	for _, p := range ports {
		if protocolOf(p) != protocol {
			continue
		}
		spec := portRange(p.HostPort, p.Count) + ":" + portRange(p.ContainerPort, p.Count)
		if p.HostIP != "" {
			spec = hostAddresses(p)[0].String() + "/" + spec
		}
		specs = append(specs, spec)
	}
	return specs
}

func portRange(first, count uint16) string {
	s := strconv.Itoa(int(first))
	if count > 1 {
		s += "-" + strconv.Itoa(int(first)+int(count)-1)
	}
	return s
}

// pastaOption is one option the user gave; name is its short form where it has one.
type pastaOption struct{ name, value string }

type pastaOptions []pastaOption

func (o pastaOptions) has(name string) bool { return len(o.find(name)) > 0 }

func (o pastaOptions) find(name string) []pastaOption {
	var found []pastaOption
	for _, option := range o {
		if option.name == name {
			found = append(found, option)
		}
	}
	return found
}

func (o pastaOptions) values(name string) []string {
	var values []string
	for _, option := range o.find(name) {
		values = append(values, option.value)
	}
	return values
}

func (o pastaOptions) address4() string {
	address, _ := firstIPv4(o.values("-a"))
	return address
}

func (o pastaOptions) arguments() []string {
	var args []string
	for _, option := range o {
		switch {
		case option.name == "--map-gw": // podman's word for leaving --no-map-gw out; pasta does not know it
		case option.value == "":
			args = append(args, option.name)
		default:
			args = append(args, option.name, option.value)
		}
	}
	return args
}

// pastaOptionName gives the name under which an option is kept, and whether it takes a value. Only options that
// concern the network are known: those that would write files, change user or stay in the foreground would
// break the contract of Network.Command.
func pastaOptionName(given string) (name string, value, known bool) {
	switch given {
	case "-m", "--mtu":
		return "-m", true, true
	case "-a", "--address":
		return "-a", true, true
	case "-n", "--netmask":
		return "-n", true, true
	case "-M", "--mac-addr":
		return "-M", true, true
	case "-g", "--gateway":
		return "-g", true, true
	case "-i", "--interface":
		return "-i", true, true
	case "-I", "--ns-ifname":
		return "-I", true, true
	case "-o", "--outbound":
		return "-o", true, true
	case "-D", "--dns":
		return "-D", true, true
	case "-S", "--search":
		return "-S", true, true
	case "-t", "--tcp-ports":
		return "-t", true, true
	case "-u", "--udp-ports":
		return "-u", true, true
	case "-T", "--tcp-ns":
		return "-T", true, true
	case "-U", "--udp-ns":
		return "-U", true, true
	case "--outbound-if4", "--outbound-if6", "--dns-forward", "--ns-mac-addr", "--map-host-loopback", "--map-guest-addr":
		return given, true, true
	case "-4", "--ipv4-only":
		return "-4", false, true
	case "-6", "--ipv6-only":
		return "-6", false, true
	case "--map-gw", "--no-map-gw", "--no-tcp", "--no-udp", "--no-icmp", "--no-dhcp", "--no-ndp", "--no-dhcpv6", "--no-ra",
		"--no-copy-routes", "--no-copy-addrs", "--host-lo-to-ns-lo", "--freebind":
		return given, false, true
	}
	return "", false, false
}

// parsePastaOptions reads options as they stood between the commas of pasta:…: "-m", "1500" or "--mtu=1500".
func parsePastaOptions(given []string) (pastaOptions, error) {
	var options pastaOptions
	for i := 0; i < len(given); i++ {
		word, value, joined := given[i], "", false
		if strings.HasPrefix(word, "--") {
			word, value, joined = strings.Cut(word, "=")
		}
		name, takes, known := pastaOptionName(word)
		if !known {
			return nil, fmt.Errorf("pasta option %q is not known", given[i])
		}
		if !takes && joined {
			return nil, fmt.Errorf("pasta option %q takes no value", word)
		}
		if takes && !joined {
			i++
			if i == len(given) {
				return nil, fmt.Errorf("pasta option %q needs a value", word)
			}
			value = given[i]
		}
		if takes && (value == "" || strings.HasPrefix(value, "-") || hasControl(value)) {
			return nil, fmt.Errorf("pasta option %q: %q is not a value", word, value)
		}
		options = append(options, pastaOption{name, value})
	}
	if options.has("-4") && options.has("-6") {
		return nil, errors.New("pasta options -4 and -6 exclude each other")
	}
	return options, nil
}

// hasControl reports control characters, of which the newline could start a new line in a file or a log.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
