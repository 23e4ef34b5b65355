package netns

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
)

func newFacts(change func(*HostFacts)) HostFacts {
	host := HostFacts{
		Helpers: Helpers{Pasta: "/usr/bin/pasta", Slirp4netns: "/usr/bin/slirp4netns", PastaDate: 20250121},
		Netns:   "/run/user/1000/pod/c1/netns",
		Route4:  true, Route6: true, Address: "192.0.2.2",
		Resolv: []byte("nameserver 192.0.2.53\nsearch lan\n"),
	}
	if change != nil {
		change(&host)
	}
	return host
}

// plan is Plan, and for no mode that of the way out of a namespace of networks: there the best helper is chosen.
func plan(cfg container.Network, host HostFacts) (Network, error) {
	if cfg.Mode == "" {
		return PlanUplink(cfg, host, "/libexec/pod-uplink")
	}
	return Plan(cfg, host)
}

func TestPlan(t *testing.T) {
	web := container.Port{HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "tcp"}
	oldPasta := func(h *HostFacts) { h.Helpers.PastaDate = 0 }
	tests := []struct {
		name string
		cfg  container.Network
		host func(*HostFacts)
	}{
		{"default", container.Network{}, nil},
		{"root", container.Network{}, func(h *HostFacts) { h.Root = true }},
		{"old-pasta", container.Network{}, oldPasta},
		{"no-program", container.Network{}, func(h *HostFacts) { h.Helpers.Pasta, h.Helpers.Slirp4netns = "", "" }},
		{"old-pasta-publishes", container.Network{Ports: []container.Port{web}}, oldPasta},
		{"only-slirp", container.Network{}, func(h *HostFacts) { h.Helpers.Pasta = "" }},
		{"no-route", container.Network{}, func(h *HostFacts) { h.Route4, h.Route6 = false, false }},
		{"ipv6-only", container.Network{}, func(h *HostFacts) { h.Route4 = false; h.Address = "" }},
		{"resolved", container.Network{}, func(h *HostFacts) {
			h.Resolv = []byte("nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n")
			h.Upstream = []byte("nameserver 192.0.2.53\nnameserver fe80::1%eth0\n")
		}},
		{"ipv6-nameserver", container.Network{}, func(h *HostFacts) { h.Resolv = []byte("nameserver 2001:db8::53\n") }},
		{"no-nameserver", container.Network{}, func(h *HostFacts) { h.Resolv = nil }},
		{"ports", container.Network{Ports: []container.Port{
			web,
			{HostIP: "127.0.0.1", HostPort: 9000, ContainerPort: 90, Count: 3, Protocol: "tcp"},
			{HostIP: "::1", HostPort: 5353, ContainerPort: 53, Count: 1, Protocol: "udp"},
		}}, nil},
		{"none", container.Network{Mode: "none", Ports: []container.Port{web}}, nil},
		{"host", container.Network{Mode: "host"}, nil},
		{"container", container.Network{Mode: "container:abc"}, nil},
		{"ns", container.Network{Mode: "ns:/run/netns/x"}, nil},
		{"pasta-options", container.Network{Mode: "pasta", Options: []string{"--mtu=1500", "-I", "tap0", "-T", "5432", "--map-gw", "-4"}}, nil},
		{"pasta-address", container.Network{Mode: "pasta", Options: []string{"-a", "10.1.0.9", "-g", "10.1.0.1", "--dns-forward", "10.1.0.3"}}, nil},
		{"slirp-options", container.Network{Mode: "slirp4netns", Options: []string{
			"mtu=1500", "cidr=10.9.0.0/24",
			"enable_ipv6=false", "allow_host_loopback=true", "outbound_addr=192.0.2.2",
		}}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n, err := plan(test.cfg, newFacts(test.host))
			if err != nil {
				t.Fatal(err)
			}
			for i, arg := range n.Command {
				if arg == slirpScript {
					n.Command[i] = "SCRIPT"
				}
			}
			compareGolden(t, "plan-"+test.name+".json", marshal(t, n))
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	port := func(p container.Port) container.Network { return container.Network{Ports: []container.Port{p}} }
	pasta := func(o ...string) container.Network { return container.Network{Mode: "pasta", Options: o} }
	slirp := func(o ...string) container.Network { return container.Network{Mode: "slirp4netns", Options: o} }
	neither := func(h *HostFacts) { h.Helpers.Pasta, h.Helpers.Slirp4netns = "", "" }
	tests := []struct {
		name, want, hint string
		cfg              container.Network
		host             func(*HostFacts)
	}{
		{"no pasta", "pasta is not installed", "apt install passt", pasta(), neither},
		{"no slirp", "slirp4netns is not installed", "apt install slirp4netns", slirp(), neither},
		{"no tun", "open /dev/net/tun", "modprobe tun", container.Network{}, func(h *HostFacts) { h.Helpers.Tun = os.ErrPermission }},
		{"unknown mode", `"brige" is not known`, "", container.Network{Mode: "brige"}, nil},
		{"options without mode", "need a mode", "", container.Network{Options: []string{"mtu=1"}}, nil},
		{
			"slirp publishes", "slirp4netns cannot publish", "apt install passt",
			port(container.Port{HostPort: 80, ContainerPort: 80, Count: 1}), func(h *HostFacts) { h.Helpers.Pasta = "" },
		},
		{"sctp", "speaks only tcp and udp", "--network host", port(container.Port{HostPort: 1, ContainerPort: 1, Count: 1, Protocol: "sctp"}), nil},
		{"unassigned", "no host port was assigned", "", port(container.Port{ContainerPort: 1, Count: 1}), nil},
		{"past the end", "goes beyond 65535", "", port(container.Port{HostPort: 65535, ContainerPort: 1, Count: 2}), nil},
		{"container end", "goes beyond 65535", "", port(container.Port{HostPort: 1, ContainerPort: 65530, Count: 7}), nil},
		{"empty range", "at least one port", "", port(container.Port{HostPort: 1, ContainerPort: 1}), nil},
		{"bad address", "is not an IP address", "", port(container.Port{HostIP: "1.2.3.4/-t", HostPort: 1, ContainerPort: 1, Count: 1}), nil},
		{"zone", "is not an IP address", "", port(container.Port{HostIP: "fe80::1%eth0", HostPort: 1, ContainerPort: 1, Count: 1}), nil},
		{"pasta unknown", `"--foreground" is not known`, "", pasta("--foreground"), nil},
		{"pasta writes files", `"--pcap=/x" is not known`, "", pasta("--pcap=/x"), nil},
		{"pasta command", `"sh" is not known`, "", pasta("sh"), nil},
		{"pasta value missing", "needs a value", "", pasta("-m"), nil},
		{"pasta value is option", "is not a value", "", pasta("-m", "--userns"), nil},
		{"pasta empty value", "is not a value", "", pasta("--mtu="), nil},
		{"pasta newline", "is not a value", "", pasta("-a", "10.0.0.1\n"), nil},
		{"pasta flag with value", "takes no value", "", pasta("--no-tcp=1"), nil},
		{"pasta families", "exclude each other", "", pasta("-4", "-6"), nil},
		{"slirp unknown", "it is not known", "", slirp("api_socket=/x"), nil},
		{"slirp no value", "has no value", "", slirp("mtu"), nil},
		{"slirp mtu", "68 to 65521", "", slirp("mtu=70000"), nil},
		{"slirp cidr", "is not an IPv4 network", "", slirp("cidr=10.0.0.0/30"), nil},
		{"slirp cidr host bits", "is not an IPv4 network", "", slirp("cidr=10.0.0.1/24"), nil},
		{"slirp boolean", "is not true or false", "", slirp("enable_ipv6=yes"), nil},
		{"slirp outbound", "of that family", "", slirp("outbound_addr=::1"), nil},
		{"slirp handler", "publishes no ports", "apt install passt", slirp("port_handler=rootlesskit"), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := plan(test.cfg, newFacts(test.host))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one that says %q", err, test.want)
			}
			if got := hint.Of(err); !strings.Contains(got, test.hint) || test.hint == "" && got != "" {
				t.Errorf("hint %q, want one that says %q", got, test.hint)
			}
		})
	}
	if _, err := plan(container.Network{}, newFacts(func(h *HostFacts) { h.Helpers.Tun = os.ErrPermission })); !errors.Is(err, os.ErrPermission) {
		t.Errorf("%v does not wrap its cause", err)
	}
}

func TestSlirpAddresses(t *testing.T) {
	for cidr, want := range map[string]string{"10.0.2.0/24": "10.0.2.100", "192.168.0.128/25": "192.168.0.228", "10.0.0.0/8": "10.0.0.100"} {
		o, err := parseSlirpOptions([]string{"cidr=" + cidr})
		if err != nil {
			t.Fatal(err)
		}
		if got := o.address(100); got != want {
			t.Errorf("address in %s: %s, want %s", cidr, got, want)
		}
	}
}

// update rewrites the golden files: go test ./pkg/netns -update
var update = flag.Bool("update", false, "rewrite golden files")

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs; got\n%s\nwant\n%s", path, got, want)
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}
