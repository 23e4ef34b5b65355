package container

import (
	"strings"
	"testing"
)

func TestParseNetworkAndNamespace(t *testing.T) {
	parse := func(s string) (n Network, err error) {
		for _, one := range strings.Fields(s) {
			if err == nil {
				err = n.AddNetwork(one)
			}
		}
		return n, err
	}
	in := func(ends ...Endpoint) Network { return Network{Networks: ends} }
	testParse(t, parse, []parseCase[Network]{
		{in: "bridge", want: in(Endpoint{Network: "bridge"})},
		{in: "default", want: in(Endpoint{Network: "bridge"})},
		{in: "podman:ip=10.88.0.9", want: in(Endpoint{Network: "bridge", Address: "10.88.0.9"})},
		{in: "mynet", want: in(Endpoint{Network: "mynet"})},
		{in: "a b:alias=x,alias=y,ip6=fd00::7", want: in(Endpoint{Network: "a"}, Endpoint{Network: "b", Aliases: []string{"x", "y"}, Address6: "fd00::7"})},
		{in: "name=a,mac-address=02:00:00:00:00:01", want: in(Endpoint{Network: "a", MAC: "02:00:00:00:00:01"})},
		{in: "none", want: Network{Mode: "none"}},
		{in: "none none", want: Network{Mode: "none"}},
		{in: "pasta:-T,5000", want: Network{Mode: "pasta", Options: []string{"-T", "5000"}}},
		{in: "container:web", want: Network{Mode: "container:web"}},
		{in: "ns:/run/netns/x", want: Network{Mode: "ns:/run/netns/x"}},
		{in: "ns:x", err: "absolute path"},
		{in: "container:../x", err: "cannot be a name"},
		{in: "../x", err: "is no name"},
		{in: "a a", err: "given twice"},
		{in: "a none", err: "is \"a\" already"},
		{in: "host a", err: "is \"host\" already"},
		{in: "host:x=1", err: "has no options"},
		{in: "a:ip=fd00::7", err: "not an IPv4 address"},
		{in: "a:ip6=1.2.3.4", err: "not an IPv6 address"},
		{in: "a:ip=", err: "has no value"},
		{in: "a:mac=01:00:00:00:00:01", err: "MAC address"},
		{in: "a:mac=zz", err: "MAC address"},
		{in: "a:interface_name=a/b", err: "interface name"},
		{in: "a:interface_name=1234567890123456", err: "interface name"},
		{in: "a:alias=a_b\xff", err: "not a host name"},
		{in: "a:color=red", err: "not known"},
	})
	ipc := func(s string) (string, error) { return ParseNamespace("ipc", s) }
	testParse(t, ipc, []parseCase[string]{{in: "private"}, {in: "shareable", want: "shareable"}, {in: "none", want: "none"}, {in: "x", err: "ipc namespace"}})
	pid := func(s string) (string, error) { return ParseNamespace("pid", s) }
	testParse(t, pid, []parseCase[string]{{in: "host", want: "host"}, {in: "none", err: "not known"}, {in: "container:", err: "cannot be a name"}})
}

func TestEndpoints(t *testing.T) {
	for name, test := range map[string]struct {
		in   Network
		want string
	}{
		"default":      {Network{}, "bridge"},
		"with address": {Network{Address: "10.88.0.7", MAC: "02:00:00:00:00:07"}, "bridge 10.88.0.7 02:00:00:00:00:07"},
		"named":        {Network{Networks: []Endpoint{{Network: "a"}}, Aliases: []string{"x"}}, "a x"},
		"with its own": {Network{Networks: []Endpoint{{Network: "a", Address: "10.89.0.7", Aliases: []string{"y"}}}, Aliases: []string{"x"}}, "a 10.89.0.7 y x"},
		"two":          {Network{Networks: []Endpoint{{Network: "a"}, {Network: "bridge"}}, Aliases: []string{"x"}}, "a x, bridge"},
		"mode":         {Network{Mode: "none"}, ""},
	} {
		var ends []string
		for _, e := range test.in.Endpoints() {
			words := append([]string{e.Network, e.Address, e.Address6, e.MAC}, e.Aliases...)
			ends = append(ends, strings.Join(strings.Fields(strings.Join(words, " ")), " "))
		}
		if got := strings.Join(ends, ", "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		if err := checkEndpoints(test.in); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for part, n := range map[string]Network{
		"leave one of them out": {Mode: "none", Address: "10.88.0.7"},
		"must say for which":    {Networks: []Endpoint{{Network: "a"}, {Network: "b"}}, Address: "10.88.0.7"},
		"have no names":         {Aliases: []string{"x"}},
		"given twice":           {Networks: []Endpoint{{Network: "a", Interface: "x"}, {Network: "b", Interface: "x"}}},
		"not an IPv4 address":   {Address: "10.88.0"},
	} {
		if err := checkEndpoints(n); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%+v: %v, want %q", n, err, part)
		}
	}
}
