package netns

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
)

// planSlirp: slirp4netns runs with its sandbox and its system call filter, since it parses the container's packets
// with the capabilities of the user's namespace. The host's loopback is out of reach unless the user asks for it.
func planSlirp(cfg container.Network, host HostFacts) (Network, error) {
	user, err := parseSlirpOptions(cfg.Options)
	if err != nil {
		return Network{}, err
	}
	if len(cfg.Ports) > 0 {
		return Network{}, hint.Wrap(fmt.Errorf("publish port %d: slirp4netns cannot publish ports", cfg.Ports[0].ContainerPort), installPasst)
	}
	n := Network{
		Mode: ModeSlirp, NewNamespace: true,
		Address: user.address(100), HostAddress: host.Address, Nameservers: []string{user.address(3)},
	}
	n.Command = []string{
		"/bin/sh", "-c", slirpScript, "slirp4netns", host.Netns + ".log", host.Helpers.Slirp4netns, "--configure", "--mtu=" + user.mtu,
		"--enable-sandbox", "--enable-seccomp", "--netns-type=path", "--ready-fd=3",
	}
	if user.cidr.IsValid() {
		n.Command = append(n.Command, "--cidr="+user.cidr.String())
	}
	if user.loopback {
		n.HostAddress = user.address(2)
	} else {
		n.Command = append(n.Command, "--disable-host-loopback")
	}
	if user.ipv6 == "true" || user.ipv6 == "" && host.Route6 {
		n.Command = append(n.Command, "--enable-ipv6")
	}
	n.Command = append(n.Command, user.outbound...)
	n.Command = append(n.Command, host.Netns, Interface)
	if len(parseResolv(host.Resolv).nameservers) == 0 {
		n.Warnings = append(n.Warnings, noNameserver)
	}
	return n, nil
}

// slirpScript makes a daemon of slirp4netns, or of pod-uplink, which stays in the foreground and writes one byte to --ready-fd. What it says goes
// to the file $1, since it would be killed by writing to a pipe nobody reads any more; after a failed start it is shown.
const slirpScript = `log=$1; shift
{ "$@" 3>&1 >/dev/null 2>"$log" </dev/null & } | {
	read -r ready
	[ "$ready" = 1 ] && exit 0
	cat "$log" >&2
	exit 1
}`

type slirpOptions struct {
	mtu      string
	cidr     netip.Prefix
	ipv6     string // "", "true" or "false"
	loopback bool
	outbound []string // arguments
}

// address is the nth address of the container's network.
func (o slirpOptions) address(n byte) string {
	base := [4]byte{10, 0, 2, 0}
	if o.cidr.IsValid() {
		base = o.cidr.Masked().Addr().As4()
	}
	base[3] += n
	return netip.AddrFrom4(base).String()
}

// parseSlirpOptions reads podman's words for slirp4netns: name=value.
func parseSlirpOptions(given []string) (slirpOptions, error) {
	o := slirpOptions{mtu: largestMTU}
	for _, word := range given {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			return o, fmt.Errorf("slirp4netns option %q has no value", word)
		}
		if err := o.set(name, value); err != nil {
			return o, fmt.Errorf("slirp4netns option %q: %w", word, err)
		}
	}
	return o, nil
}

func (o *slirpOptions) set(name, value string) (err error) {
	switch name {
	case "mtu":
		mtu, err := strconv.Atoi(value)
		if err != nil || mtu < 68 || mtu > 65521 {
			return fmt.Errorf("%q is not a number from 68 to 65521", value)
		}
		o.mtu = strconv.Itoa(mtu)
	case "cidr":
		o.cidr, err = slirpCIDR(value)
		return err
	case "enable_ipv6":
		if !slices.Contains([]string{"true", "false"}, value) {
			return fmt.Errorf("%q is not true or false", value)
		}
		o.ipv6 = value
	case "allow_host_loopback":
		if !slices.Contains([]string{"true", "false"}, value) {
			return fmt.Errorf("%q is not true or false", value)
		}
		o.loopback = value == "true"
	case "outbound_addr", "outbound_addr6":
		addr, err := netip.ParseAddr(value)
		if err != nil || addr.Is4() != (name == "outbound_addr") || addr.Zone() != "" {
			return fmt.Errorf("%q is not an address of that family", value)
		}
		option := "--" + strings.ReplaceAll(name, "_", "-")
		o.outbound = append(o.outbound, option+"="+addr.String())
	case "port_handler":
		return hint.Wrap(fmt.Errorf("slirp4netns publishes no ports here, so there is no handler to choose"), installPasst)
	default:
		return fmt.Errorf("it is not known")
	}
	return nil
}

// slirpCIDR accepts what slirp4netns accepts: the addresses up to .100 must exist, and it takes the text as given.
func slirpCIDR(value string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(value)
	if err != nil || !p.Addr().Is4() || p.Bits() > 25 || p.Bits() < 1 || p.Masked() != p || p.Addr().As4()[3] > 128 {
		return netip.Prefix{}, fmt.Errorf("%q is not an IPv4 network of at most 25 bits", value)
	}
	return p, nil
}
