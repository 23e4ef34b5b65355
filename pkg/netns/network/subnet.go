package network

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
)

// giveSubnets checks the subnets asked for, and chooses those that were not.
func (c *Config) giveSubnets(others []Config, host HostFacts) error {
	taken := slices.Clone(host.Taken)
	for _, o := range others {
		for _, s := range o.Subnets {
			taken = append(taken, s.Subnet)
		}
	}
	for i := range c.Subnets {
		s := &c.Subnets[i]
		if err := s.check(); err != nil {
			return fmt.Errorf("create network %q: %w", c.Name, err)
		}
		if owner := overlapping(s.Subnet, others); owner != "" {
			return hint.Wrap(fmt.Errorf("create network %q: subnet %s overlaps with that of network %q", c.Name, s.Subnet, owner), "give another --subnet, or none and a free one is chosen")
		}
		for _, o := range c.Subnets[:i] {
			if o.Subnet.Overlaps(s.Subnet) {
				return fmt.Errorf("create network %q: subnets %s and %s overlap", c.Name, o.Subnet, s.Subnet)
			}
		}
	}
	if len(c.Subnets) == 0 {
		s, err := free4(taken, 24)
		if err != nil {
			return hint.Wrap(fmt.Errorf("create network %q: %w", c.Name, err), "give a --subnet, or remove networks: pod network prune")
		}
		c.Subnets = append(c.Subnets, Subnet{Subnet: s})
	}
	if c.Has6() {
		c.IPv6 = true
	}
	if c.IPv6 && !c.Has6() {
		c.Subnets = append(c.Subnets, Subnet{Subnet: local6(taken)})
	}
	// Layer 2 networks of the host have a gateway of their own, which only the caller can know.
	for i := range c.Subnets {
		if s := &c.Subnets[i]; !s.Gateway.IsValid() && !(c.Internal && c.Driver != DriverBridge) {
			s.Gateway = s.Subnet.Addr().Next()
		}
	}
	return nil
}

// check completes a subnet given with its host part, and refuses what cannot work.
func (s *Subnet) check() error {
	given := s.Subnet
	s.Subnet = given.Masked()
	most := 30
	if given.Addr().Is6() {
		most = 126
	}
	if given.Bits() > most || given.Bits() < 1 || given.Addr().Is4In6() {
		return fmt.Errorf("subnet %s has no room for a gateway and a container; give at most /%d", given, most)
	}
	if s.Gateway.IsValid() && (!s.Subnet.Contains(s.Gateway) || s.Gateway == s.Subnet.Addr() || s.Gateway == Last(s.Subnet)) {
		return fmt.Errorf("gateway %s is no address of subnet %s", s.Gateway, s.Subnet)
	}
	if r := s.Range; r != nil && (!s.Subnet.Contains(r.Start) || !s.Subnet.Contains(r.End) || r.End.Less(r.Start)) {
		return fmt.Errorf("the range from %s to %s is not in subnet %s", r.Start, r.End, s.Subnet)
	}
	return nil
}

// Settle gives the default network a record with another subnet if it has none yet and one of these networks of the machine overlaps
// with its own. It is asked before the network first has a bridge: what containers are in does not move.
func (s Store) Settle(ctx context.Context, taken []netip.Prefix) (Config, error) {
	c, err := s.Load(container.DefaultNetwork)
	clash := func(p netip.Prefix) bool { return slices.ContainsFunc(taken, p.Overlaps) }
	if err != nil || c.ID != Default().ID || !slices.EqualFunc(c.Subnets, Default().Subnets, Subnet.same) || !clash(c.Subnets[0].Subnet) {
		return c, err
	}
	others, err := s.List()
	if err != nil {
		return c, err
	}
	for _, o := range others {
		for _, sub := range o.Subnets {
			taken = append(taken, sub.Subnet)
		}
	}
	free, err := free4(taken, c.Subnets[0].Subnet.Bits())
	if err != nil {
		return c, hint.Wrap(fmt.Errorf("choose a subnet for network %q: %w", c.Name, err), "remove networks: pod network prune")
	}
	return s.Update(ctx, c.Name, func(c *Config) error {
		c.Subnets = []Subnet{{Subnet: free, Gateway: free.Addr().Next()}}
		return nil
	})
}

func (s Subnet) same(o Subnet) bool {
	return s.Subnet == o.Subnet && s.Gateway == o.Gateway && s.Range == nil && o.Range == nil
}

func overlapping(p netip.Prefix, others []Config) string {
	for _, o := range others {
		for _, s := range o.Subnets {
			if s.Subnet.Overlaps(p) {
				return o.Name
			}
		}
	}
	return ""
}

// free4 is the first free subnet of so many bits from 10.89.0.0 to 10.255.255.0, podman's pool.
func free4(taken []netip.Prefix, bits int) (netip.Prefix, error) {
	for second := 89; second < 256; second++ {
		for third := 0; third < 256; third += 1 << (24 - bits) {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(second), byte(third), 0}), bits)
			if !slices.ContainsFunc(taken, p.Overlaps) {
				return p, nil
			}
		}
	}
	return netip.Prefix{}, fmt.Errorf("all subnets of %d bits from 10.89.0.0 to 10.255.255.255 are taken", bits)
}

// local6 is a random unique local /64 (RFC 4193).
func local6(taken []netip.Prefix) netip.Prefix {
	for {
		b := [16]byte{0xfd}
		rand.Read(b[1:8])
		p := netip.PrefixFrom(netip.AddrFrom16(b), 64)
		if !slices.ContainsFunc(taken, p.Overlaps) {
			return p
		}
	}
}

// Last is the last address of a prefix: the broadcast address of IPv4.
func Last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Bounds are the first and the last address that containers may have. The gateway lies between them and is not theirs.
func (s Subnet) Bounds() (first, last netip.Addr) {
	if s.Range != nil {
		return s.Range.Start, s.Range.End
	}
	first, last = s.Subnet.Addr().Next(), Last(s.Subnet)
	if last.Is4() {
		last = last.Prev()
	}
	return first, last
}

// Usable reports whether a container may have this address.
func (s Subnet) Usable(a netip.Addr) bool {
	return s.Subnet.Contains(a) && a != s.Gateway && a != s.Subnet.Addr() && (a.Is6() || a != Last(s.Subnet))
}

// MAC is the address of an interface that has this address, so that a container which gets the address of one before it is
// found at once by those who remember.
func MAC(a netip.Addr) [6]byte {
	mac := [6]byte{0x02, 0x42}
	if a.Is4() {
		b := a.As4()
		copy(mac[2:], b[:])
		return mac
	}
	b := a.As16()
	binary.BigEndian.PutUint32(mac[2:], binary.BigEndian.Uint32(b[12:])^binary.BigEndian.Uint32(b[8:12]))
	return mac
}
