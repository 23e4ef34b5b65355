package bridge

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/pkg/netns/helper"
	"github.com/pod-engine/pod/pkg/netns/network"
)

// tableName is that of our tables: one for what is routed (inet), one for what crosses a bridge (bridge).
const tableName = "pod"

// Marks. A connection that the port forwarder makes in the name of its client is marked, so that its answers, whose destination
// is not ours, are taken in all the same.
const (
	markDial   = 0x706f6401 // of the forwarder's packets
	markAnswer = 0x706f6402 // of the connection, and of the packets that come back
	tableLocal = 0x706f64   // the routing table in which every address is local
)

// rules are the packet filter of one namespace.
type rules struct {
	conn   *nftables.Conn
	guards []*nftables.Set // who may send as whom, by family: macs, ip, ip6
	open   bool            // containers may speak to the machine itself: root's networks, as docker's
}

func newRules(n *namespace, open bool) (*rules, error) {
	r := &rules{open: open}
	// The library's own way of entering a namespace would go back afterwards, which a user may not.
	err := n.do(func() (err error) {
		r.conn, err = nftables.New(nftables.AsLasting())
		return err
	})
	return r, err
}

// redirect is one port of the machine that leads to a container without passing through the forwarder: for root.
type redirect struct {
	protocol byte
	host     netip.Addr // the machine's address; unspecified: any of the family
	port     uint16
	to       netip.AddrPort
}

// replace writes all rules anew, in one transaction.
func (r *rules) replace(networks []network.Config, ends []helper.End, redirects []redirect) error {
	r.replaceRouted(networks, redirects)
	if err := r.replaceBridged(ends); err != nil {
		return err
	}
	return r.conn.Flush()
}

// table gives an empty table in place of what is there: what does not exist cannot be deleted, so it is made first.
func (r *rules) table(family nftables.TableFamily) *nftables.Table {
	t := &nftables.Table{Name: tableName, Family: family}
	r.conn.AddTable(t)
	r.conn.DelTable(t)
	return r.conn.AddTable(t)
}

func (r *rules) chain(t *nftables.Table, name string, kind nftables.ChainType, hook *nftables.ChainHook, priority *nftables.ChainPriority) func(...[]expr.Any) {
	c := r.conn.AddChain(&nftables.Chain{Name: name, Table: t, Type: kind, Hooknum: hook, Priority: priority})
	return func(parts ...[]expr.Any) {
		r.conn.AddRule(&nftables.Rule{Table: t, Chain: c, Exprs: slices.Concat(parts...)})
	}
}

func (r *rules) replaceRouted(networks []network.Config, redirects []redirect) {
	t := r.table(nftables.TableFamilyINet)
	forward := r.chain(t, "forward", nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter)
	input := r.chain(t, "input", nftables.ChainTypeFilter, nftables.ChainHookInput, nftables.ChainPriorityFilter)
	nat := r.chain(t, "postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)
	output := r.chain(t, "output", nftables.ChainTypeFilter, nftables.ChainHookOutput, nftables.ChainPriorityMangle)
	prerouting := r.chain(t, "prerouting", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityMangle)

	if len(redirects) > 0 {
		published := r.chain(t, "published", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest)
		for _, n := range networks { // between two networks the forwarder is the only way
			published(inFrom(n.Interface), verdict(expr.VerdictAccept))
		}
		for _, d := range redirects {
			published(d.match(), d.lead())
		}
	}
	output(mark(markDial), setConnMark(markAnswer))
	prerouting(connMark(markAnswer), setMark(markAnswer))
	for _, a := range networks {
		from, to := inFrom(a.Interface), outTo(a.Interface)
		for _, b := range networks {
			if b.Name != a.Name && (a.Isolated() || b.Isolated() || a.Internal || b.Internal) {
				forward(from, outTo(b.Interface), verdict(expr.VerdictDrop))
			}
		}
		if a.Internal {
			forward(from, not(outTo(a.Interface)), verdict(expr.VerdictDrop))
			forward(to, not(inFrom(a.Interface)), verdict(expr.VerdictDrop))
			continue
		}
		for _, s := range a.Subnets {
			nat(source(s.Subnet), not(outTo(a.Interface)), masquerade())
		}
	}
	for _, a := range networks {
		from := inFrom(a.Interface)
		input(from, established(), verdict(expr.VerdictAccept))
		for _, s := range a.Subnets {
			if s.Gateway.IsValid() {
				for _, protocol := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
					input(from, destination(s.Gateway), port53(protocol), verdict(expr.VerdictAccept))
				}
			}
		}
		for _, protocol := range []byte{unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6} {
			input(from, layer4(protocol), verdict(expr.VerdictAccept))
		}
		if !r.open || a.Internal {
			input(from, verdict(expr.VerdictDrop))
		}
	}
}

// match is a packet to the port that comes from another machine: those of this one are left to the forwarder.
func (d redirect) match() []expr.Any {
	match, _, _ := family(d.to.Addr())
	if d.host.IsUnspecified() || !d.host.IsValid() {
		match = append(match,
			&expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)})
	} else {
		match = destination(d.host)
	}
	match = append(match, layer4(d.protocol)...)
	return append(match, is(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}, binary.BigEndian.AppendUint16(nil, d.port))...)
}

func (d redirect) lead() []expr.Any {
	family := uint32(unix.NFPROTO_IPV4)
	if d.to.Addr().Is6() {
		family = unix.NFPROTO_IPV6
	}
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: d.to.Addr().AsSlice()},
		&expr.Immediate{Register: 2, Data: binary.BigEndian.AppendUint16(nil, d.to.Port())},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: family, RegAddrMin: 1, RegProtoMin: 2},
	}
}

// guard is one set of (interface, address) pairs.
type guard struct {
	name    string
	address nftables.SetDatatype
}

func guards() []guard {
	return []guard{{"macs", nftables.TypeEtherAddr}, {"addresses", nftables.TypeIPAddr}, {"addresses6", nftables.TypeIP6Addr}}
}

// replaceBridged makes sure that a container sends only with the addresses that it was given. Without that it could take
// over another's traffic, or the gateway's (ARP and neighbour spoofing).
func (r *rules) replaceBridged(ends []helper.End) error {
	t := r.table(nftables.TableFamilyBridge)
	r.guards = nil
	for _, g := range guards() {
		key, err := nftables.ConcatSetType(nftables.TypeIFName, g.address)
		if err != nil {
			return err
		}
		s := &nftables.Set{Table: t, Name: g.name, KeyType: key, Concatenation: true}
		if err := r.conn.AddSet(s, nil); err != nil {
			return err
		}
		r.guards = append(r.guards, s)
	}
	pre := r.chain(t, "prerouting", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityRef(-300))
	macs, v4, v6 := r.guards[0], r.guards[1], r.guards[2]
	ours := peerInterface()
	pre(ours, pair(payload(expr.PayloadBaseLLHeader, 6, 6), macs, true), verdict(expr.VerdictDrop))
	pre(ours, etherType(unix.ETH_P_IP), pair(payload(expr.PayloadBaseNetworkHeader, 12, 4), v4, false), verdict(expr.VerdictAccept))
	pre(ours, etherType(unix.ETH_P_ARP), pair(payload(expr.PayloadBaseNetworkHeader, 14, 4), v4, false), verdict(expr.VerdictAccept))
	// Neighbour advertisements say whose address it is; router advertisements and redirects are no container's to send.
	for _, kind := range []byte{134, 137} {
		pre(ours, etherType(unix.ETH_P_IPV6), icmp6(kind), verdict(expr.VerdictDrop))
	}
	pre(ours, etherType(unix.ETH_P_IPV6), icmp6(136), pair(payload(expr.PayloadBaseTransportHeader, 8, 16), v6, true), verdict(expr.VerdictDrop))
	pre(ours, etherType(unix.ETH_P_IPV6), pair(payload(expr.PayloadBaseNetworkHeader, 8, 16), v6, false), verdict(expr.VerdictAccept))
	pre(ours, verdict(expr.VerdictDrop))
	for _, e := range ends {
		if err := r.each(e, r.conn.SetAddElements); err != nil {
			return err
		}
	}
	return nil
}

// admit lets an interface send with its addresses; expel takes that back.
func (r *rules) admit(e helper.End) error {
	if err := r.each(e, r.conn.SetAddElements); err != nil {
		return err
	}
	return r.conn.Flush()
}

func (r *rules) expel(e helper.End) error {
	if err := r.each(e, r.conn.SetDeleteElements); err != nil {
		return err
	}
	return r.conn.Flush()
}

func (r *rules) each(e helper.End, act func(*nftables.Set, []nftables.SetElement) error) error {
	mac, err := net.ParseMAC(e.MAC)
	if err != nil {
		return err
	}
	elements := [3][]nftables.SetElement{{{Key: key(e.Peer, mac)}}}
	for _, a := range e.Addresses {
		family := 1
		if a.Prefix.Addr().Is6() {
			family = 2
		}
		elements[family] = append(elements[family], nftables.SetElement{Key: key(e.Peer, a.Prefix.Addr().AsSlice())})
	}
	if _, ok := e.Address6(); ok {
		elements[2] = append(elements[2], nftables.SetElement{Key: key(e.Peer, linkLocal(mac).AsSlice())})
	}
	for i, s := range r.guards {
		if len(elements[i]) > 0 {
			if err := act(s, elements[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// linkLocal is the address that an interface gives itself (RFC 4291, appendix A).
func linkLocal(mac net.HardwareAddr) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: mac[0] ^ 2, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5]})
}

// key is an interface name and an address as a set keeps them: each padded to whole words.
func key(name string, address []byte) []byte {
	b := append(interfaceName(name), address...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func interfaceName(name string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return b
}

// What follows are the words of rules. Register 1 is the first word of sixteen bytes; 8 and up are words of four.

func verdict(k expr.VerdictKind) []expr.Any { return []expr.Any{&expr.Verdict{Kind: k}} }

func masquerade() []expr.Any { return []expr.Any{&expr.Masq{}} }

func is(what expr.Any, value []byte) []expr.Any {
	return []expr.Any{what, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: value}}
}

// not turns the last comparison around.
func not(e []expr.Any) []expr.Any {
	e[len(e)-1].(*expr.Cmp).Op = expr.CmpOpNeq
	return e
}

func inFrom(name string) []expr.Any {
	return is(&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, interfaceName(name))
}

func outTo(name string) []expr.Any {
	return is(&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1}, interfaceName(name))
}

// peerInterface matches the containers' interfaces: a prefix of the name.
func peerInterface() []expr.Any {
	return is(&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, []byte(peerPrefix))
}

func etherType(t uint16) []expr.Any {
	return is(&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1}, binary.BigEndian.AppendUint16(nil, t))
}

func layer4(protocol byte) []expr.Any {
	return is(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, []byte{protocol})
}

func port53(protocol byte) []expr.Any {
	return append(layer4(protocol), is(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}, []byte{0, 53})...)
}

func icmp6(kind byte) []expr.Any {
	return append(layer4(unix.IPPROTO_ICMPV6), is(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Len: 1}, []byte{kind})...)
}

func established() []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{
			SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED), Xor: make([]byte, 4),
		},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

func mark(m uint32) []expr.Any {
	return is(&expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, binaryutil.NativeEndian.PutUint32(m))
}

func connMark(m uint32) []expr.Any {
	return is(&expr.Ct{Key: expr.CtKeyMARK, Register: 1}, binaryutil.NativeEndian.PutUint32(m))
}

func setMark(m uint32) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: binaryutil.NativeEndian.PutUint32(m)},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
	}
}

func setConnMark(m uint32) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: binaryutil.NativeEndian.PutUint32(m)},
		&expr.Ct{Key: expr.CtKeyMARK, SourceRegister: true, Register: 1},
	}
}

// family limits a rule of an inet table to packets of the family of a.
func family(a netip.Addr) (match []expr.Any, source, length uint32) {
	proto, source, length := byte(unix.NFPROTO_IPV4), uint32(12), uint32(4)
	if a.Is6() {
		proto, source, length = unix.NFPROTO_IPV6, 8, 16
	}
	return is(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, []byte{proto}), source, length
}

func source(p netip.Prefix) []expr.Any {
	match, offset, length := family(p.Addr())
	mask := net.CIDRMask(p.Bits(), int(length)*8)
	return append(match,
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: length, Mask: mask, Xor: make([]byte, length)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: p.Addr().AsSlice()})
}

func destination(a netip.Addr) []expr.Any {
	match, offset, length := family(a)
	return append(match, is(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset + length, Len: length}, a.AsSlice())...)
}

func payload(base expr.PayloadBase, offset, length uint32) *expr.Payload {
	return &expr.Payload{Base: base, Offset: offset, Len: length}
}

// pair looks the interface together with what p reads up in a set.
func pair(p *expr.Payload, s *nftables.Set, absent bool) []expr.Any {
	p.DestRegister = 12 // the fifth word: the name takes four
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
		p,
		&expr.Lookup{SourceRegister: 1, SetName: s.Name, SetID: s.ID, Invert: absent},
	}
}

// clear takes our tables away.
func (r *rules) clear() {
	for _, family := range []nftables.TableFamily{nftables.TableFamilyINet, nftables.TableFamilyBridge} {
		t := &nftables.Table{Name: tableName, Family: family}
		r.conn.AddTable(t)
		r.conn.DelTable(t)
	}
	r.conn.Flush()
}
