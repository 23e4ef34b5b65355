// Package helper speaks with the network helper, pod-network: the one process per user that owns the namespace in which the
// user's networks are. It is a program of its own because it links what would make every start of pod slower: netlink,
// nftables, DNS, port forwarding. It starts when a container first needs it, and ends some time after the last one did.
//
// It is found by its directory, named after the user namespace it works in: a socket for requests, and a lock that it holds
// while it lives. One request and its answer are one packet each (SOCK_SEQPACKET); a namespace travels beside either as a
// descriptor.
package helper

import (
	"net/netip"
	"slices"

	"github.com/pod-engine/pod/pkg/container"
)

// Descriptors of the helper.
const (
	SocketFD = 3 // listening
	LockFD   = 4
)

// Files in the helper's directory.
const (
	SocketFile  = "socket"
	LockFile    = "lock"
	NetnsFile   = "netns"    // the namespace that the networks are in is mounted here
	AttachedDir = "attached" // one record for each container, by its id
	LogFile     = "log"
	DialSocket  = "dial" // where its port forwarder asks for connections into the namespace
)

// LeasesDir, beside the helpers' directories, has a directory for each network, with a file for each address in use.
const LeasesDir = "leases"

// MaxPacket bounds a request and an answer.
const MaxPacket = 128 << 10

// Verb is what the helper is asked for.
type Verb string

const (
	Setup      Verb = "setup"      // make a namespace and attach it to networks
	Teardown   Verb = "teardown"   // forget a container
	Connect    Verb = "connect"    // attach the namespace that comes along to one network more
	Disconnect Verb = "disconnect" // take it out of one
	Reload     Verb = "reload"     // put right what should be there; read the records of networks again
	Drop       Verb = "drop"       // a network was removed
	State      Verb = "state"      // say what is attached
)

// Request is one question.
type Request struct {
	Verb      Verb
	ID        string               // the container's
	Names     []string             // its own names in networks with DNS: name, host name
	Endpoints []container.Endpoint // Setup: all; Connect, Disconnect: one
	Ports     []container.Port     // Setup; a host port of 0 is chosen
	DNS       []netip.Addr         // Setup: the nameservers it wants asked, instead of the host's
	Search    []string             // Setup: its search domains, where it wants others than the machine's
	Network   string               // Drop
}

// Answer is what came of it. Error and Hint are for people; then nothing was done.
type Answer struct {
	Error, Hint string
	Kind        string // names a sentinel, see Kinds
	Attached    Attached
	HostAddress string // at which containers reach the host, or ""
	Uplink      string // the driver of the way out
	Warnings    []string
	All         map[string]Attached // State: by container id
}

// Attached is how one container is connected. It is kept in a file, from which a helper that was killed is made again.
type Attached struct {
	ID     string
	Boot   string
	Names  []string         `json:",omitempty"`
	DNS    []netip.Addr     `json:",omitempty"`
	Search []string         `json:",omitempty"`
	Ends   []End            `json:",omitempty"`
	Ports  []container.Port `json:",omitempty"` // with the host ports that were chosen
}

// Leases reports whether the container has this address in this network.
func (a *Attached) Leases(network, address string) bool {
	return slices.ContainsFunc(a.Ends, func(e End) bool {
		return e.Network == network && slices.ContainsFunc(e.Addresses, func(has Address) bool { return has.Prefix.Addr().String() == address })
	})
}

// End is one interface of a container.
type End struct {
	Network   string
	Interface string       // in the container
	Peer      string       // in the namespace of the networks
	MAC       string       // "02:42:0a:58:00:02"
	Addresses []Address    `json:",omitempty"`
	Aliases   []string     `json:",omitempty"`
	DNS       []netip.Addr `json:",omitempty"` // addresses of the network's own nameserver
	Internal  bool         `json:",omitempty"`
	Resolves  bool         `json:",omitempty"` // the nameserver knows the containers of the network
}

// Address is an address with its network and its gateway.
type Address struct {
	Prefix  netip.Prefix
	Gateway netip.Addr `json:",omitzero"`
}

// Address4 is the end's IPv4 address, if it has one.
func (e End) Address4() (Address, bool) { return e.address(netip.Addr.Is4) }

// Address6 is the end's IPv6 address, if it has one.
func (e End) Address6() (Address, bool) { return e.address(netip.Addr.Is6) }

func (e End) address(family func(netip.Addr) bool) (Address, bool) {
	for _, a := range e.Addresses {
		if family(a.Prefix.Addr()) {
			return a, true
		}
	}
	return Address{}, false
}
