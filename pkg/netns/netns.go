// Package netns plans how a container reaches others: which user-mode network helper serves its network
// namespace and with which arguments, which ports are published, and what its /etc/hosts and /etc/resolv.conf say.
//
// Plan is pure. What it must know about the machine comes in as HostFacts, which ReadHost gathers. The package
// starts nothing itself: the monitor makes the namespace, brings lo up, mounts the namespace at HostFacts.Netns and
// runs Plan.Command.
package netns

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
)

// Mode is what a network mode comes down to.
type Mode string

const (
	ModeNone  Mode = "none"        // a namespace with only lo
	ModeHost  Mode = "host"        // the host's own namespace
	ModeJoin  Mode = "join"        // another's namespace: Plan.JoinContainer or Plan.JoinPath
	ModePasta Mode = "pasta"       // a namespace served by pasta
	ModeSlirp Mode = "slirp4netns" // a namespace served by slirp4netns
	// ModeStack is a way out of networks that pod carries itself; see PlanUplink and package stack.
	ModeStack Mode = "gvisor-tap-vsock"
	// ModeBridge is a namespace that the network helper makes, with an interface in each of the container's networks.
	ModeBridge Mode = "bridge"
)

// Settings of a namespace behind a helper. They are the ones slirp4netns has by default, so that a container looks
// the same behind either helper.
const (
	Interface  = "eth0"
	address    = "10.0.2.100"
	prefix     = "24"
	gateway    = "10.0.2.2"
	slirpDNS   = "10.0.2.3"
	pastaDNS   = "169.254.1.1" // link-local: no real host can have it
	largestMTU = "65520"       // of both helpers: fewer, larger packets
)

// Network is the result of Plan: everything that has to be done for one start of one container.
type Network struct {
	Mode          Mode
	JoinContainer string // full id, with ModeJoin
	JoinPath      string // path of a namespace, with ModeJoin
	// NewNamespace says that the monitor makes a network namespace; with ModePasta and ModeSlirp it must also be
	// mounted at HostFacts.Netns.
	NewNamespace bool
	// Command starts the helper, inside the user's user and mount namespace and the host's network namespace: it exits with code 0
	// when the network works and leaves a daemon behind, which the nearest subreaper inherits and ends with the container. The daemon
	// keeps none of the caller's standard streams open. Empty: no helper is needed. See also FindHelpers.
	Command []string
	// Ports are the ports really published; empty in modes that cannot publish.
	Ports []container.Port
	// Address is the container's own address, or "" where there is none of its own.
	Address string
	// Further are its addresses beside that one.
	Further []string
	// Resolves says that Nameservers know names that others do not: those of the containers.
	Resolves bool
	// HostAddress is the address at which the container reaches the host, or "".
	HostAddress string
	// Nameservers are those of the container when the user named none.
	Nameservers []string
	// Warnings are sentences for the user about what was asked for and will not be.
	Warnings []string
}

// Plan says how the network cfg asks for is made on this machine. Every port in cfg.Ports must have its host port
// (AssignPorts). The error is a sentence, with a hint where something can be installed or set.
func Plan(cfg container.Network, host HostFacts) (Network, error) {
	for _, p := range cfg.Ports {
		if err := checkPort(p); err != nil {
			return Network{}, err
		}
	}
	kind, rest, _ := strings.Cut(cfg.Mode, ":")
	switch kind {
	case "":
		return Network{Mode: ModeBridge, Ports: cfg.Ports}, nil // the network helper says the rest
	case "pasta", "slirp4netns":
		return planHelper(cfg, host)
	case "none":
		return without(cfg, Network{Mode: ModeNone, NewNamespace: true}), nil
	case "host":
		resolv := parseResolv(host.Resolv)
		return without(cfg, Network{Mode: ModeHost, HostAddress: "127.0.0.1", Nameservers: resolv.nameservers}), nil
	case "container":
		return without(cfg, Network{Mode: ModeJoin, JoinContainer: rest}), nil
	case "ns":
		n := Network{Mode: ModeJoin, JoinPath: rest, Nameservers: upstreams(host)}
		return without(cfg, n), nil
	}
	return Network{}, fmt.Errorf("network mode %q is not known", cfg.Mode)
}

// without adds to n the warning that its mode publishes no ports, when some were asked for.
func without(cfg container.Network, n Network) Network {
	if len(cfg.Ports) > 0 {
		n.Warnings = append(n.Warnings, fmt.Sprintf("published ports are ignored with network mode %q", cfg.Mode))
	}
	return n
}

// PlanUplink says how a namespace of networks is connected to the machine's: by the program that cfg.Mode names, or the best
// that is there, or without any by own, the path of pod-uplink. It has no ports: those are published by the network helper itself.
func PlanUplink(cfg container.Network, host HostFacts, own string) (Network, error) {
	for _, p := range cfg.Ports {
		if err := checkPort(p); err != nil {
			return Network{}, err
		}
	}
	if cfg.Mode == string(ModeStack) || cfg.Mode == "" && host.Helpers.Pasta == "" && host.Helpers.Slirp4netns == "" {
		if host.Helpers.Tun != nil {
			return Network{}, tunError(host.Helpers.Tun)
		}
		return Network{
			Mode: ModeStack, NewNamespace: true, HostAddress: host.Address, Nameservers: upstreams(host),
			Command: []string{"/bin/sh", "-c", slirpScript, "pod-uplink", host.Netns + ".log", own, host.Netns},
		}, nil
	}
	return planHelper(cfg, host)
}

func planHelper(cfg container.Network, host HostFacts) (Network, error) {
	driver, err := chooseDriver(cfg, host)
	if err != nil {
		return Network{}, err
	}
	if host.Helpers.Tun != nil {
		return Network{}, tunError(host.Helpers.Tun)
	}
	if driver == ModePasta {
		return planPasta(cfg, host)
	}
	return planSlirp(cfg, host)
}

// chooseDriver prefers pasta: it publishes ports, keeps the client's address and speaks IPv6. A pasta from before its
// replies to refused connections were right is only used for what slirp4netns cannot do.
func chooseDriver(cfg container.Network, host HostFacts) (Mode, error) {
	pasta, slirp := host.Helpers.Pasta != "", host.Helpers.Slirp4netns != ""
	switch {
	case cfg.Mode == "pasta" && !pasta:
		return "", hint.Wrap(errors.New("network mode pasta: pasta is not installed"), installPasst)
	case cfg.Mode == "slirp4netns" && !slirp:
		return "", hint.Wrap(errors.New("network mode slirp4netns: slirp4netns is not installed"), "sudo apt install slirp4netns")
	case cfg.Mode != "":
		return Mode(cfg.Mode), nil
	case len(cfg.Options) > 0:
		return "", errors.New("network options need a mode: pasta:OPTIONS or slirp4netns:OPTIONS")
	case !pasta, slirp && host.Helpers.OldPasta() && len(cfg.Ports) == 0:
		return ModeSlirp, nil
	}
	return ModePasta, nil
}

const installPasst = "sudo apt install passt (or your distribution's package of that name), or use --network none or --network host"

func tunError(cause error) error {
	err := fmt.Errorf("open /dev/net/tun, which networks with a way out need: %w", cause)
	return hint.Wrap(err, "sudo modprobe tun && sudo chmod 0666 /dev/net/tun, or use an internal network, --network none or --network host")
}
