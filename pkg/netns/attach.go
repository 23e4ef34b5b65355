package netns

import (
	"net/netip"

	"github.com/pod-engine/pod/pkg/netns/helper"
)

// Attach is the network of a container that the network helper has attached as answer says. One that has left its last network has
// none.
func Attach(answer helper.Answer, host HostFacts) Network {
	if len(answer.Attached.Ends) == 0 {
		return Network{Mode: ModeNone}
	}
	n := Network{Mode: ModeBridge, HostAddress: answer.HostAddress, Ports: answer.Attached.Ports, Warnings: answer.Warnings}
	var addresses []string
	leaves := false
	for _, e := range answer.Attached.Ends {
		for _, a := range e.Addresses {
			addresses = append(addresses, a.Prefix.Addr().String())
		}
		for _, a := range e.DNS {
			n.Nameservers = append(n.Nameservers, a.String())
		}
		n.Resolves = n.Resolves || e.Resolves
		leaves = leaves || !e.Internal
		if a, ok := e.Address4(); ok && answer.Uplink == "" && n.HostAddress == "" && !e.Internal {
			n.HostAddress = text(a.Gateway) // root's networks: the machine is the gateway
		}
	}
	if len(addresses) > 0 {
		n.Address, n.Further = addresses[0], addresses[1:]
	}
	if len(n.Nameservers) == 0 {
		n.Nameservers = upstreams(host)
	}
	if !leaves {
		n.HostAddress = ""
	}
	return n
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
