package bridge

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/pod-engine/pod/pkg/netns/helper"
	"github.com/pod-engine/pod/pkg/netns/network"
)

func end(name string, resolves, internal bool, addresses ...string) helper.End {
	e := helper.End{Network: name, Resolves: resolves, Internal: internal}
	for _, a := range addresses {
		e.Addresses = append(e.Addresses, helper.Address{Prefix: netip.MustParsePrefix(a)})
	}
	return e
}

// testResolver knows containers of three networks; the questions come from this process, which is container "me".
func testResolver(t *testing.T) (r *resolver, udp, tcp string) {
	inside := &namespace{jobs: make(chan func())} // the one this process is in
	t.Cleanup(inside.close)
	go func() {
		for job := range inside.jobs {
			job()
		}
	}()
	s := &Server{Options: Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, inside: inside, bridges: map[string]network.Config{}, attached: map[string]*helper.Attached{}}
	s.uplink = newUplink(s)
	s.names = newResolver(s)
	s.bridges["back"] = network.Config{Name: "back", Subnets: []network.Subnet{{Subnet: netip.MustParsePrefix("10.1.2.0/24")}}}
	for id, a := range map[string]*helper.Attached{
		"me":             {Names: []string{"Me"}, Search: []string{"corp.example"}, Ends: []helper.End{end("back", true, true, "127.0.0.1/8")}},
		"0123456789abcd": {Names: []string{"web"}, Ends: []helper.End{end("back", true, false, "10.1.2.3/24", "fd01::3/64")}},
		"b":              {Names: []string{"db"}, Ends: []helper.End{end("other", true, false, "10.1.3.3/24")}},
		"c":              {Names: []string{"plain"}, Ends: []helper.End{end("bridge", false, false, "10.88.0.3/16")}},
	} {
		a.ID = id
		s.attached[id] = a
	}
	s.attached["0123456789abcd"].Ends[0].Aliases = []string{"WWW"}
	s.names.update()
	servers, err := s.names.serve("127.0.0.1:0")
	if err != nil {
		// The UDP and the TCP port are chosen each for itself, so any two will do.
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, server := range servers {
			server.Shutdown()
		}
	})
	return s.names, servers[0].PacketConn.LocalAddr().String(), servers[1].Listener.Addr().String()
}

func TestNames(t *testing.T) {
	_, udp, tcp := testResolver(t)
	for question, want := range map[string]string{
		"web. A":                     "10.1.2.3",
		"WEB. A":                     "10.1.2.3",
		"www. A":                     "10.1.2.3",
		"0123456789ab. A":            "10.1.2.3",
		"web.corp.example. A":        "10.1.2.3",
		"web. AAAA":                  "fd01::3",
		"me. AAAA":                   "", // the name exists
		"web. MX":                    "",
		"db. A":                      "NXDOMAIN", // in a network that is not mine
		"plain. A":                   "NXDOMAIN",
		"www.example.org. A":         "NXDOMAIN", // my only network is internal
		"3.2.1.10.in-addr.arpa. PTR": "web.",
		"9.2.1.10.in-addr.arpa. PTR": "NXDOMAIN",
		"3.3.1.10.in-addr.arpa. PTR": "NXDOMAIN",
		strings.Repeat("f.", 32) + "ip6.arpa. PTR": "NXDOMAIN",
	} {
		name, kind, _ := strings.Cut(question, " ")
		for transport, address := range map[string]string{"udp": udp, "tcp": tcp} {
			q := new(dns.Msg).SetQuestion(name, dns.StringToType[kind])
			answer, _, err := (&dns.Client{Net: transport}).Exchange(q, address)
			if err != nil {
				t.Fatalf("%s: %v", question, err)
			}
			got := ""
			for _, rr := range answer.Answer {
				got += strings.TrimPrefix(rr.String(), rr.Header().String())
			}
			if answer.Rcode != dns.RcodeSuccess {
				got = dns.RcodeToString[answer.Rcode]
			}
			if got != want {
				t.Errorf("%s over %s: %q, want %q", question, transport, got, want)
			}
		}
	}
}

// One client that keeps connections open, cuts questions short or resets does not keep others from being answered
// (CVE-2024-8418, CVE-2026-35406 of another server).
func TestHostileClients(t *testing.T) {
	_, udp, tcp := testResolver(t)
	var open []net.Conn
	for i := range 10 * tcpPerClient {
		c, err := net.Dial("tcp", tcp)
		if err != nil {
			t.Fatal(err)
		}
		switch i % 4 {
		case 0:
			c.Write([]byte{0xff, 0xff, 1}) // the beginning of a long question
		case 1:
			c.Write([]byte{0})
			c.(*net.TCPConn).SetLinger(0)
			c.Close() // a reset
			continue
		case 2:
			c.Write(make([]byte, 4096))
		}
		open = append(open, c)
	}
	for _, junk := range [][]byte{{}, {1}, make([]byte, 11), make([]byte, 65000)} {
		if c, err := net.Dial("udp", udp); err == nil {
			c.Write(junk)
			c.Close()
		}
	}
	ask := func(transport, address string) error {
		_, _, err := (&dns.Client{Net: transport, Timeout: time.Second}).Exchange(new(dns.Msg).SetQuestion("web.", dns.TypeA), address)
		return err
	}
	if err := ask("udp", udp); err != nil {
		t.Errorf("over UDP meanwhile: %v", err)
	}
	// The connections that say nothing are closed by the server.
	for _, c := range open {
		c.SetReadDeadline(time.Now().Add(2 * tcpPatience))
		if _, err := io.Copy(io.Discard, c); err != nil && os.IsTimeout(err) {
			t.Fatal("a silent connection stays open")
		}
		c.Close()
	}
	if err := ask("tcp", tcp); err != nil {
		t.Errorf("over TCP afterwards: %v", err)
	}
}

func FuzzReversed(f *testing.F) {
	for _, s := range []string{"3.2.1.10.in-addr.arpa", "in-addr.arpa", "1.ip6.arpa", strings.Repeat("f.", 32) + "ip6.arpa"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if a, ok := reversed(s); ok {
			back, err := dns.ReverseAddr(a.String())
			if err != nil || len(back) == 0 {
				t.Errorf("%q gives %s", s, a)
			}
		}
	})
}
