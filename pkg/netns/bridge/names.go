package bridge

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/miekg/dns"

	"github.com/pod-engine/pod/pkg/netns/helper"
	"github.com/pod-engine/pod/pkg/netns/network"
)

// uplinkNet is the network between a user's networks and their way out.
var uplinkNet = netip.AddrFrom4([4]byte{10, 0, 2, 0})

// directory is who has which names and addresses. It is made anew at each change and only read afterwards.
type directory struct {
	attached map[netip.Addr]*helper.Attached
	names    map[string]map[string][]netip.Addr // by network and name in lower case
	subnets  []netip.Prefix
	servers  map[string][]netip.Addr // nameservers that networks want asked
	host     []netip.Addr            // host.containers.internal
}

// resolver answers the containers' questions: about each other in networks where they have names, and for everything else
// what the machine's nameservers say.
type resolver struct {
	s         *Server
	directory atomic.Pointer[directory]
	upstream  *upstream
	servers   map[string][]*dns.Server // by network
	busy      chan struct{}            // bounds the questions that are being forwarded
}

func newResolver(s *Server) *resolver {
	r := &resolver{s: s, upstream: newUpstream(resolvFile), servers: map[string][]*dns.Server{}, busy: make(chan struct{}, 256)}
	r.directory.Store(&directory{})
	return r
}

// update makes the directory anew. The server's lock is held.
func (r *resolver) update() {
	d := &directory{attached: map[netip.Addr]*helper.Attached{}, names: map[string]map[string][]netip.Addr{}, servers: map[string][]netip.Addr{}}
	for _, n := range r.s.bridges {
		for _, sub := range n.Subnets {
			d.subnets = append(d.subnets, sub.Subnet)
		}
		d.servers[n.Name] = n.DNSServers
	}
	if a, err := netip.ParseAddr(r.s.uplink.hostAddress()); err == nil {
		d.host = append(d.host, a)
	}
	for _, id := range slices.Sorted(maps.Keys(r.s.attached)) {
		// A copy: connect and disconnect change the original.
		a := *r.s.attached[id]
		a.Ends = slices.Clone(a.Ends)
		for _, e := range a.Ends {
			d.add(&a, e)
		}
	}
	r.directory.Store(d)
}

func (d *directory) add(a *helper.Attached, e helper.End) {
	names := d.names[e.Network]
	if names == nil {
		names = map[string][]netip.Addr{}
		d.names[e.Network] = names
	}
	own := slices.Concat(a.Names, e.Aliases, []string{a.ID[:min(12, len(a.ID))]})
	for i, name := range own {
		own[i] = strings.ToLower(name)
	}
	slices.Sort(own)
	for _, address := range e.Addresses {
		addr := address.Prefix.Addr()
		d.attached[addr] = a
		for _, name := range slices.Compact(own) {
			names[name] = append(names[name], addr)
		}
	}
}

// find gives the addresses of a name as one container sees it: in any of its networks that has names.
func (d *directory) find(a *helper.Attached, name string) (found []netip.Addr, ok bool) {
	if name == "host.containers.internal" || name == "host.docker.internal" {
		return d.host, len(d.host) > 0
	}
	for _, e := range a.Ends {
		if e.Resolves {
			found = append(found, d.names[e.Network][name]...)
		}
	}
	return found, len(found) > 0
}

// reverse gives the name of an address in one of the container's networks.
func (d *directory) reverse(a *helper.Attached, addr netip.Addr) (string, bool) {
	other := d.attached[addr]
	if other == nil || len(other.Names) == 0 {
		return "", false
	}
	for _, mine := range a.Ends {
		for _, e := range other.Ends {
			if mine.Resolves && mine.Network == e.Network && slices.ContainsFunc(e.Addresses, func(x helper.Address) bool { return x.Prefix.Addr() == addr }) {
				return other.Names[0], true
			}
		}
	}
	return "", false
}

// ours reports whether an address is in one of the networks: the machine's nameservers know nothing of it.
func (d *directory) ours(a netip.Addr) bool {
	return slices.ContainsFunc(d.subnets, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (r *resolver) owns(a netip.Addr) bool { return r.directory.Load().ours(a) }

func (r *resolver) sixth(a netip.Addr) (netip.Addr, bool) {
	at := r.directory.Load().attached[a]
	if at == nil {
		return netip.Addr{}, false
	}
	for _, e := range at.Ends {
		if four, ok := e.Address4(); ok && four.Prefix.Addr() == a {
			six, ok := e.Address6()
			return six.Prefix.Addr(), ok
		}
	}
	return netip.Addr{}, false
}

// forwardsFor reports whether questions of a container may leave the machine, and which nameservers it wants asked; none:
// the machine's own.
func (d *directory) forwardsFor(a *helper.Attached) (servers []netip.Addr, ok bool) {
	servers = slices.Clone(a.DNS)
	for _, e := range a.Ends {
		if !e.Internal {
			ok = true
			if len(a.DNS) == 0 {
				servers = append(servers, d.servers[e.Network]...)
			}
		}
	}
	return servers, ok
}

// listen starts the nameservers of a network on its bridge.
func (r *resolver) listen(n network.Config) {
	if len(r.servers[n.Name]) > 0 {
		return
	}
	for _, sub := range n.Subnets {
		if !sub.Gateway.IsValid() {
			continue
		}
		servers, err := r.serve(netip.AddrPortFrom(sub.Gateway, 53).String())
		if err != nil {
			// The containers can do without names; they are told the machine's own nameservers would not answer them either.
			r.s.Log.Error("listen for DNS", "network", n.Name, "error", err)
			continue
		}
		r.servers[n.Name] = append(r.servers[n.Name], servers...)
	}
}

// hush ends the nameservers of a network.
func (r *resolver) hush(name string) {
	for _, server := range r.servers[name] {
		server.Shutdown()
	}
	delete(r.servers, name)
}

func (r *resolver) close() {
	for name := range r.servers {
		r.hush(name)
	}
}
