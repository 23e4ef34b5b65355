package netns

import (
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/container"
)

func TestHosts(t *testing.T) {
	base := container.Config{ID: "0123456789abcdef", Name: "web"}
	with := func(change func(*container.Config)) container.Config {
		c := base
		change(&c)
		return c
	}
	own := Network{Mode: ModePasta, Address: "10.0.2.100", HostAddress: "192.0.2.2"}
	tests := []struct {
		name    string
		cfg     container.Config
		network Network
	}{
		{"default", base, own},
		{"none", base, Network{Mode: ModeNone}},
		{"host", base, Network{Mode: ModeHost, HostAddress: "127.0.0.1"}},
		{"join", base, Network{Mode: ModeJoin, JoinContainer: "x"}},
		{"added", with(func(c *container.Config) {
			c.Hostname = "box"
			c.Network.AddHosts = []string{
				"db:192.0.2.7", "gw:host-gateway", "six:[2001:db8::1]", "six2:2001:db8::2", "a;b:192.0.2.9", "eq=192.0.2.8",
				"eq6=2001:db8::3",
			}
		}), own},
		{"base", with(func(c *container.Config) { c.Network.AddHosts = []string{"db:192.0.2.7"} }), own},
		{"conflict", with(func(c *container.Config) {
			c.Network.AddHosts = []string{"host.docker.internal:192.0.2.9", "WEB:192.0.2.10", "0123456789ab:192.0.2.11"}
		}), own},
	}
	host := newFacts(func(h *HostFacts) {
		h.Hosts = []byte("127.0.0.1 localhost # comment\n127.0.1.1\tbig big.lan\nnonsense line\n")
	})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := host
			if test.name == "base" {
				host.BaseHosts = []byte("192.0.2.8 db base\n192.0.2.9 web # a comment\nbroken\n")
			}
			got, err := Hosts(&test.cfg, host, test.network)
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, "hosts-"+test.name, got)
		})
	}
	cfg := with(func(c *container.Config) { c.Network.NoHosts = true })
	if got, err := Hosts(&cfg, host, own); got != nil || err != nil {
		t.Errorf("--no-hosts gives %q, %v", got, err)
	}
}

func TestHostsRefuses(t *testing.T) {
	for _, entry := range []string{
		"", "db", "db:", ":192.0.2.1", "db:nowhere", "db\n1.2.3.4 evil:192.0.2.1", "a b:192.0.2.1", "a#:192.0.2.1", "a\x00b:192.0.2.1",
		"db:192.0.2.1\n1.2.3.4 evil", "db:fe80::1%x\n1.2.3.4 evil", "a\u2028b:192.0.2.1", "a\xffb:192.0.2.1", "a;;b:192.0.2.1", "db:[]", "x=y=192.0.2.1",
	} {
		cfg := container.Config{ID: "0123456789ab", Network: container.Network{AddHosts: []string{entry}}}
		if got, err := Hosts(&cfg, HostFacts{}, Network{Mode: ModeNone}); err == nil {
			t.Errorf("added host %q gives %q, want an error", entry, got)
		}
	}
	for _, name := range []string{"a\nb", "a b", "#", "a\tb", "a\rb"} {
		cfg := container.Config{ID: "0123456789ab", Hostname: name}
		if got, err := Hosts(&cfg, HostFacts{}, Network{Mode: ModeNone}); err == nil {
			t.Errorf("host name %q gives %q, want an error", name, got)
		}
	}
	cfg := container.Config{ID: "0123456789ab", Network: container.Network{AddHosts: []string{"h:host-gateway"}}}
	if _, err := Hosts(&cfg, HostFacts{}, Network{Mode: ModeNone}); err == nil || !strings.Contains(err.Error(), "cannot reach the host") {
		t.Errorf("host-gateway without a host: %v", err)
	}
}

func TestHostname(t *testing.T) {
	for want, cfg := range map[string]container.Config{
		"0123456789ab": {ID: "0123456789abcdef"}, "box": {ID: "0123456789abcdef", Hostname: "box"}, "01": {ID: "01"},
	} {
		if got := Hostname(&cfg); got != want {
			t.Errorf("host name %q, want %q", got, want)
		}
	}
}

func TestResolvConf(t *testing.T) {
	plain := "# from dhcp\nnameserver 192.0.2.53\ndomain old\nsearch lan corp\noptions ndots:2\n; x\nnameserver bogus\n"
	stub := func(h *HostFacts) {
		h.Resolv = []byte("nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n")
		h.Upstream = []byte("nameserver 192.0.2.53\nsearch corp\n")
	}
	tests := []struct {
		name, want string
		cfg        container.Network
		host       func(*HostFacts)
	}{
		{"default", "search lan corp\nnameserver 169.254.1.1\nnameserver 192.0.2.53\noptions ndots:2\n", container.Network{}, nil},
		{"resolved", "search corp\nnameserver 169.254.1.1\nnameserver 192.0.2.53\n", container.Network{}, stub},
		{"host network", "search lan corp\nnameserver 192.0.2.53\noptions ndots:2\n", container.Network{Mode: "host"}, nil},
		{"host network, resolved", "nameserver 127.0.0.53\noptions edns0 trust-ad\n", container.Network{Mode: "host"}, stub},
		{"none", "", container.Network{Mode: "none"}, nil},
		{"none with dns", "nameserver 192.0.2.9\n", container.Network{Mode: "none", DNS: []string{"192.0.2.9"}}, nil},
		{"slirp", "search lan corp\nnameserver 10.0.2.3\noptions ndots:2\n", container.Network{Mode: "slirp4netns"}, nil},
		{"dns", "search lan corp\nnameserver 192.0.2.9\nnameserver 2001:db8::1\noptions ndots:2\n", container.Network{DNS: []string{"192.0.2.9", "2001:db8::1"}}, nil},
		{"search", "search a.b\nnameserver 169.254.1.1\nnameserver 192.0.2.53\noptions ndots:2\n", container.Network{DNSSearch: []string{"a.b"}}, nil},
		{"clear search", "nameserver 169.254.1.1\nnameserver 192.0.2.53\noptions ndots:2\n", container.Network{DNSSearch: []string{"."}}, nil},
		{"options", "search lan corp\nnameserver 169.254.1.1\nnameserver 192.0.2.53\noptions rotate timeout:1\n", container.Network{DNSOptions: []string{"rotate", "timeout:1"}}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := newFacts(func(h *HostFacts) { h.Resolv = []byte(plain) })
			if test.host != nil {
				test.host(&host)
			}
			n, err := plan(test.cfg, host)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ResolvConf(test.cfg, host, n)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
	if got, err := ResolvConf(container.Network{DNS: []string{"none"}}, HostFacts{}, Network{}); got != nil || err != nil {
		t.Errorf("--dns none gives %q, %v", got, err)
	}
}

func TestResolvConfRefuses(t *testing.T) {
	for _, cfg := range []container.Network{
		{DNS: []string{"192.0.2.1\nnameserver 6.6.6.6"}},
		{DNS: []string{"fe80::1%e\nsearch evil"}},
		{DNS: []string{"name"}},
		{DNS: []string{"none", "192.0.2.1"}},
		{DNSSearch: []string{"a\nnameserver 6.6.6.6"}},
		{DNSSearch: []string{"a b"}},
		{DNSSearch: []string{""}},
		{DNSOptions: []string{"x\ny"}},
		{DNSOptions: []string{"#"}},
	} {
		if got, err := ResolvConf(cfg, HostFacts{}, Network{}); err == nil {
			t.Errorf("%+v gives %q, want an error", cfg, got)
		}
	}
}

// FuzzHosts: whatever is added, the text is either refused or has exactly one line more, and that line begins with the address.
func FuzzHosts(f *testing.F) {
	for _, s := range []string{"a:1.2.3.4", "a\nb:1.2.3.4", "a=::1", "a;b:host-gateway", "a:fe80::1%\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		cfg := container.Config{ID: "0123456789ab"}
		network := Network{Mode: ModePasta, HostAddress: "192.0.2.2"}
		cfg.Network.AddHosts = []string{entry}
		got, err := Hosts(&cfg, HostFacts{}, network)
		if err != nil {
			return
		}
		for _, line := range strings.Split(strings.TrimSuffix(string(got), "\n"), "\n") {
			if parsed := parseHosts([]byte(line)); len(parsed) != 1 {
				t.Fatalf("%q gives the line %q", entry, line)
			}
		}
		if n := strings.Count(string(got), "\n"); n > 5 {
			t.Fatalf("%q gives %d lines: %q", entry, n, got)
		}
	})
}
