package container

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// DefaultNetwork is the name of the network of a container for which none was asked. It answers to "podman" as well.
const DefaultNetwork = "bridge"

// HostsFromImage begins /etc/hosts with that of the image.
const HostsFromImage = "image"

// NetworkName gives the one name of a network that may have been given by another: "default", "private" and "podman" are
// the default network.
func NetworkName(s string) string {
	switch s {
	case "default", "private", "podman":
		return DefaultNetwork
	}
	return s
}

// AddNetwork reads one value of --network: a mode, with the options of pasta and slirp4netns after a colon, parted by commas;
// or the name of a network with alias=, ip=, ip6=, mac= and interface_name= in the same place; or, as docker has it,
// name=NETWORK with those words beside it. Several networks may be added, but only one mode.
func (n *Network) AddNetwork(s string) error {
	mode, rest, hasOptions := strings.Cut(s, ":")
	if strings.HasPrefix(s, "name=") {
		mode, rest, hasOptions = strings.Cut(strings.TrimPrefix(s, "name="), ",")
	}
	switch mode {
	case "none", "host", "container", "ns", "pasta", "slirp4netns":
		if mode == "container" || mode == "ns" || !hasOptions {
			mode, rest = s, ""
		}
		return n.setMode(mode, rest)
	}
	if n.Mode != "" {
		return invalid("the network is %q already; give one --network, or only networks by name", n.Mode)
	}
	e, err := parseEndpoint(NetworkName(mode), rest, hasOptions)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(n.Networks, func(o Endpoint) bool { return o.Network == e.Network }) {
		return invalid("network %q is given twice; give it once", clip(e.Network))
	}
	n.Networks = append(n.Networks, e)
	return nil
}

func (n *Network) setMode(mode, options string) error {
	if n.Mode != "" && n.Mode != mode || len(n.Networks) > 0 {
		first := n.Mode
		if first == "" {
			first = n.Networks[0].Network
		}
		return invalid("the network is %q already; give one --network, or only networks by name", clip(first))
	}
	if options != "" {
		if mode == "none" || mode == "host" {
			return invalid("network %q has no options; leave %q out", mode, clip(options))
		}
		n.Options = strings.Split(options, ",")
	}
	n.Mode = mode
	return checkNetworkMode(mode)
}

func parseEndpoint(name, options string, hasOptions bool) (Endpoint, error) {
	e := Endpoint{Network: name}
	if !hasOptions {
		return e, checkEndpoint(e)
	}
	for _, option := range strings.Split(options, ",") {
		key, value, ok := strings.Cut(option, "=")
		if !ok || value == "" {
			return e, invalid("option %q of network %q has no value; give it as name=value", clip(option), clip(name))
		}
		switch key {
		case "alias":
			e.Aliases = append(e.Aliases, value)
		case "ip":
			e.Address = value
		case "ip6":
			e.Address6 = value
		case "mac", "mac-address":
			e.MAC = value
		case "interface_name":
			e.Interface = value
		default:
			return e, invalid("option %q of network %q is not known; give %s", clip(key), clip(name), quoteList("alias", "ip", "ip6", "mac", "interface_name"))
		}
	}
	return e, checkEndpoint(e)
}

// Bridged reports whether the container is in networks, rather than in one of the modes without.
func (n Network) Bridged() bool { return n.Mode == "" }

// Endpoints are the container's ends in its networks: those named, or one in the default network. It is nil in a mode without
// networks.
func (n Network) Endpoints() []Endpoint {
	if !n.Bridged() {
		return nil
	}
	ends := slices.Clone(n.Networks)
	if len(ends) == 0 {
		ends = []Endpoint{{Network: DefaultNetwork}}
	}
	if len(ends) == 1 {
		e := &ends[0]
		for _, one := range []struct {
			dst  *string
			from string
		}{{&e.Address, n.Address}, {&e.Address6, n.Address6}, {&e.MAC, n.MAC}} {
			if one.from != "" {
				*one.dst = one.from
			}
		}
	}
	for i := range ends {
		if ends[i].Network != DefaultNetwork {
			ends[i].Aliases = append(slices.Clone(ends[i].Aliases), n.Aliases...)
		}
	}
	return ends
}

// In is the network with the container in exactly these networks; in none, it has only lo.
func (n Network) In(ends []Endpoint) Network {
	n.Mode, n.Networks = "", ends
	n.Address, n.Address6, n.MAC, n.Aliases = "", "", "", nil // they are in ends
	if len(ends) == 0 {
		n.Mode = "none"
	}
	return n
}

func checkNetworkMode(mode string) error {
	switch mode {
	case "", "none", "host", "pasta", "slirp4netns":
		return nil
	}
	if known, err := checkJoined(mode); known {
		return err
	}
	return invalid("network mode %q is not known; give %s", clip(mode), quoteList("none", "host", "pasta", "slirp4netns", "container:NAME", "ns:PATH"))
}

// Validate checks what was asked for of the networks.
func (n Network) Validate() error { return checkNetwork(n) }

// CheckNetworkName refuses what cannot be the name of a network.
func CheckNetworkName(s string) error {
	if err := CheckName(s); err != nil {
		return invalid("network %q is no name; give letters, digits, \".\", \"_\" and \"-\", beginning with a letter or digit", clip(s))
	}
	return nil
}

func checkEndpoints(n Network) error {
	if !n.Bridged() {
		for _, given := range [][2]string{{"--ip", n.Address}, {"--ip6", n.Address6}, {"--mac-address", n.MAC}, {"--network-alias", strings.Join(n.Aliases, "")}} {
			if given[1] != "" {
				return invalid("%s is for a container in a network, not for --network %s; leave one of them out", given[0], n.Mode)
			}
		}
		return nil
	}
	if len(n.Networks) > 1 && (n.Address != "" || n.Address6 != "" || n.MAC != "") {
		return invalid("with several networks an address must say for which; give --network NAME:ip=ADDRESS,mac=ADDRESS")
	}
	if len(n.Aliases) > 0 && !slices.ContainsFunc(n.Networks, func(e Endpoint) bool { return e.Network != DefaultNetwork }) {
		return invalid("containers in the default network have no names for each other; give --network NAME with --network-alias")
	}
	names := map[string]bool{}
	for _, e := range n.Endpoints() {
		if err := checkEndpoint(e); err != nil {
			return err
		}
		if e.Network == DefaultNetwork && len(e.Aliases) > 0 {
			return invalid("containers in the default network have no names for each other; leave alias= out")
		}
		if names[e.Interface] && e.Interface != "" {
			return invalid("interface name %q is given twice; give another", clip(e.Interface))
		}
		names[e.Interface] = true
	}
	return nil
}

func checkEndpoint(e Endpoint) error {
	if err := CheckNetworkName(e.Network); err != nil {
		return err
	}
	if e.Address != "" {
		if a, err := netip.ParseAddr(e.Address); err != nil || !a.Is4() {
			return invalid("%q is not an IPv4 address; give one such as 10.89.0.7", clip(e.Address))
		}
	}
	if e.Address6 != "" {
		if a, err := parseAddr(e.Address6); err != nil || !a.Is6() || a.Is4In6() {
			return invalid("%q is not an IPv6 address; give one such as fd00::7", clip(e.Address6))
		}
	}
	if e.MAC != "" {
		if m, err := net.ParseMAC(e.MAC); err != nil || len(m) != 6 || m[0]&1 != 0 {
			return invalid("%q is not the MAC address of one interface; give one such as 02:42:ac:11:00:02", clip(e.MAC))
		}
	}
	if e.Interface != "" && (len(e.Interface) > 15 || e.Interface == "lo" || e.Interface == "." || e.Interface == ".." || strings.ContainsFunc(e.Interface, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '/' || r == ':'
	})) {
		return invalid("%q is not an interface name; give at most 15 letters and digits", clip(e.Interface))
	}
	for _, a := range e.Aliases {
		if checkDomain(a) != nil {
			return invalid("alias %q is not a host name; give letters, digits, \".\" and \"-\"", clip(a))
		}
	}
	return nil
}

func checkNetwork(n Network) error {
	if err := checkNetworkMode(n.Mode); err != nil {
		return err
	}
	if err := checkEndpoints(n); err != nil {
		return err
	}
	if len(n.Options) > 0 && n.Mode != "pasta" && n.Mode != "slirp4netns" {
		return invalid("network options are of pasta and slirp4netns; leave them out")
	}
	for _, o := range n.Options {
		if o == "" || hasControl(o) || len(o) > 4096 {
			return invalid("network option %q cannot be given; give options parted by \",\"", clip(o))
		}
	}
	if err := checkPorts(n.Ports); err != nil {
		return err
	}
	for _, e := range n.Expose {
		if full, err := ParseExpose(e); err != nil {
			return err
		} else if full != e {
			return invalid("port %q is not written in full; write %q", e, full)
		}
	}
	for _, h := range n.AddHosts {
		if err := checkAddHost(h); err != nil {
			return err
		}
	}
	if err := checkDNS(n); err != nil {
		return err
	}
	return checkNetworkConflicts(n)
}

func checkNetworkConflicts(n Network) error {
	switch published := len(n.Ports) > 0 || n.PublishAll; {
	case n.NoHosts && n.HostsFile != "":
		return invalid("--hosts-file is about the file that --no-hosts leaves out; give one of them")
	case n.HostsFile != "" && n.HostsFile != HostsFromImage && (n.HostsFile[0] != '/' || hasControl(n.HostsFile)):
		return invalid("hosts file %q is not an absolute path; give one, or image, or none", clip(n.HostsFile))
	case n.NoHosts && len(n.AddHosts) > 0:
		return invalid("--add-host adds to the file that --no-hosts leaves out; give one of them")
	case n.Mode == "host" && published:
		// The same port on both sides is how the host's network is anyway; scripts written for docker do that.
		for _, p := range n.Ports {
			if p.HostIP != "" || p.HostPort != p.ContainerPort {
				return invalid("with --network host the container's ports are the host's; leave out --publish, or --network host")
			}
		}
		if n.PublishAll {
			return invalid("with --network host the container's ports are the host's; leave out --publish-all")
		}
	case !n.Bridged() && n.Mode != "pasta" && n.Mode != "slirp4netns" && published:
		return invalid("ports cannot be published with --network %s; leave out --publish, or --network", n.Mode)
	}
	return nil
}
