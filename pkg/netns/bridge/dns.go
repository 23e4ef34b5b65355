package bridge

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/pod-engine/pod/pkg/netns/helper"
)

// Bounds for clients over TCP: one that opens connections and says nothing must not keep others from being answered.
const (
	tcpPatience   = 3 * time.Second
	tcpPerClient  = 16
	tcpQuestions  = 64
	answerTTL     = 0 // seconds: a container that is replaced has another address
	packetMaximum = 1232
)

// serve answers on one address, over UDP and TCP.
func (r *resolver) serve(address string) ([]*dns.Server, error) {
	var packets net.PacketConn
	var streams net.Listener
	err := r.s.inside.do(func() (err error) {
		if packets, err = net.ListenPacket("udp", address); err != nil {
			return err
		}
		if streams, err = net.Listen("tcp", address); err != nil {
			packets.Close()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	servers := []*dns.Server{
		{PacketConn: packets, Handler: r, UDPSize: packetMaximum},
		{
			Listener: &fair{Listener: streams, open: map[netip.Addr]int{}}, Handler: r, ReadTimeout: tcpPatience, WriteTimeout: tcpPatience,
			IdleTimeout: func() time.Duration { return tcpPatience }, MaxTCPQueries: tcpQuestions,
		},
	}
	for _, server := range servers {
		ready := make(chan struct{})
		server.NotifyStartedFunc = func() { close(ready) }
		go server.ActivateAndServe()
		<-ready
	}
	return servers, nil
}

// fair bounds the connections of each client.
type fair struct {
	net.Listener
	mu   sync.Mutex
	open map[netip.Addr]int
}

func (f *fair) Accept() (net.Conn, error) {
	for {
		c, err := f.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := addrOf(c.RemoteAddr())
		f.mu.Lock()
		full := f.open[client] >= tcpPerClient
		if !full {
			f.open[client]++
		}
		f.mu.Unlock()
		if full {
			c.Close()
			continue
		}
		return &counted{Conn: c, left: sync.OnceFunc(func() { f.leave(client) })}, nil
	}
}

func (f *fair) leave(client netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[client]--; f.open[client] == 0 {
		delete(f.open, client)
	}
}

type counted struct {
	net.Conn
	left func()
}

func (c *counted) Close() error {
	c.left()
	return c.Conn.Close()
}

func addrOf(a net.Addr) netip.Addr {
	if p, err := netip.ParseAddrPort(a.String()); err == nil {
		return p.Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// ServeDNS answers one question. Who asks is known by the address, which the packet filter vouches for.
func (r *resolver) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	d := r.directory.Load()
	client := d.attached[addrOf(w.RemoteAddr())]
	if client == nil || len(q.Question) != 1 || q.Opcode != dns.OpcodeQuery {
		reply(w, q, dns.RcodeRefused, nil)
		return
	}
	question := q.Question[0]
	name := strings.ToLower(strings.TrimSuffix(question.Name, "."))
	if addr, ok := reversed(name); ok {
		if found, ok := d.reverse(client, addr); ok && question.Qtype == dns.TypePTR {
			reply(w, q, dns.RcodeSuccess, []dns.RR{&dns.PTR{Hdr: header(question, dns.TypePTR), Ptr: dns.Fqdn(found)}})
			return
		}
		if d.ours(addr) {
			reply(w, q, dns.RcodeNameError, nil)
			return
		}
	}
	found, ok := d.find(client, name)
	if !ok {
		// The resolver in a container adds search domains, which must not make another's name of a container's.
		found, ok = d.find(client, r.upstream.withoutSearch(name, client.Search))
	}
	if ok {
		reply(w, q, dns.RcodeSuccess, records(question, found))
		return
	}
	servers, allowed := d.forwardsFor(client)
	if !allowed {
		reply(w, q, dns.RcodeNameError, nil)
		return
	}
	r.forward(w, q, servers, client)
}

// records are the addresses of the family asked for, in any order. A name without any has no answer, and still exists.
func records(question dns.Question, found []netip.Addr) []dns.RR {
	var answers []dns.RR
	for _, a := range found {
		switch {
		case a.Is4() && question.Qtype == dns.TypeA:
			answers = append(answers, &dns.A{Hdr: header(question, dns.TypeA), A: a.AsSlice()})
		case a.Is6() && question.Qtype == dns.TypeAAAA:
			answers = append(answers, &dns.AAAA{Hdr: header(question, dns.TypeAAAA), AAAA: a.AsSlice()})
		}
	}
	rand.Shuffle(len(answers), func(i, j int) { answers[i], answers[j] = answers[j], answers[i] })
	return answers
}

func header(q dns.Question, kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: q.Name, Rrtype: kind, Class: dns.ClassINET, Ttl: answerTTL}
}

func reply(w dns.ResponseWriter, q *dns.Msg, code int, answers []dns.RR) {
	m := new(dns.Msg)
	m.SetRcode(q, code)
	m.RecursionAvailable, m.Answer = true, answers
	send(w, q, m)
}

// send cuts an answer to what the client takes.
func send(w dns.ResponseWriter, q, m *dns.Msg) {
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
		size := dns.MinMsgSize
		if opt := q.IsEdns0(); opt != nil {
			size = max(size, int(opt.UDPSize()))
		}
		m.Truncate(size)
	}
	w.WriteMsg(m)
}

// forward asks the nameservers, one after the other.
func (r *resolver) forward(w dns.ResponseWriter, q *dns.Msg, servers []netip.Addr, client *helper.Attached) {
	select {
	case r.busy <- struct{}{}:
		defer func() { <-r.busy }()
	default:
		reply(w, q, dns.RcodeServerFailure, nil)
		return
	}
	if len(servers) == 0 {
		servers = r.upstream.nameservers()
	}
	transport := "udp"
	if _, tcp := w.RemoteAddr().(*net.TCPAddr); tcp {
		transport = "tcp"
	}
	ask := &dns.Client{Net: transport, Timeout: upstreamPatience, UDPSize: dns.MaxMsgSize}
	question := q.Copy()
	for _, server := range servers {
		question.Id = dns.Id()
		answer, _, err := ask.Exchange(question, netip.AddrPortFrom(server, 53).String())
		if err != nil {
			r.s.Log.Debug("ask a nameserver", "server", server, "error", err)
			continue
		}
		answer.Id = q.Id
		send(w, q, answer)
		return
	}
	reply(w, q, dns.RcodeServerFailure, nil)
}

// reversed reads the name of a question for the name of an address.
func reversed(name string) (netip.Addr, bool) {
	if rest, ok := strings.CutSuffix(name, ".in-addr.arpa"); ok {
		parts := strings.Split(rest, ".")
		if len(parts) != 4 {
			return netip.Addr{}, false
		}
		a, err := netip.ParseAddr(parts[3] + "." + parts[2] + "." + parts[1] + "." + parts[0])
		return a, err == nil
	}
	rest, ok := strings.CutSuffix(name, ".ip6.arpa")
	if !ok || len(rest) != 63 {
		return netip.Addr{}, false
	}
	var b strings.Builder
	for i := 31; i >= 0; i-- {
		b.WriteByte(rest[2*i])
		if i%4 == 0 && i > 0 {
			b.WriteByte(':')
		}
	}
	a, err := netip.ParseAddr(b.String())
	return a, err == nil
}
