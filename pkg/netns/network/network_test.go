package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func sub(s string) Subnet { return Subnet{Subnet: netip.MustParsePrefix(s)} }

func TestComplete(t *testing.T) {
	others := []Config{Default(), {Name: "old", Driver: DriverBridge, Interface: "pod1", Subnets: []Subnet{sub("10.89.0.0/24")}}}
	render := func(c Config) string {
		text := c.Name + " " + c.Driver + " " + c.Interface
		for _, s := range c.Subnets {
			text += fmt.Sprintf(" %s>%s", s.Subnet, s.Gateway)
		}
		return text
	}
	for name, test := range map[string]struct {
		in        Config
		want, err string
	}{
		"nothing said":     {in: Config{}, want: "network1 bridge pod2 10.89.1.0/24>10.89.1.1"},
		"host part":        {in: Config{Name: "a", Subnets: []Subnet{sub("10.1.2.3/24")}}, want: "a bridge pod2 10.1.2.0/24>10.1.2.1"},
		"own gateway":      {in: Config{Name: "a", Subnets: []Subnet{{Subnet: netip.MustParsePrefix("10.1.2.0/24"), Gateway: netip.MustParseAddr("10.1.2.9")}}}, want: "a bridge pod2 10.1.2.0/24>10.1.2.9"},
		"only IPv6":        {in: Config{Name: "a", Subnets: []Subnet{sub("fd01::/64")}}, want: "a bridge pod2 fd01::/64>fd01::1"},
		"own bridge":       {in: Config{Name: "a", Options: map[string]string{"com.docker.network.bridge.name": "br7"}}, want: "a bridge br7 10.89.1.0/24>10.89.1.1"},
		"no addresses":     {in: Config{Name: "a", IPAM: map[string]string{"driver": "none"}}, want: "a bridge pod2"},
		"overlap":          {in: Config{Name: "a", Subnets: []Subnet{sub("10.89.0.128/25")}}, err: `overlaps with that of network "old"`},
		"overlap itself":   {in: Config{Name: "a", Subnets: []Subnet{sub("10.1.0.0/16"), sub("10.1.2.0/24")}}, err: "10.1.0.0/16 and 10.1.2.0/24 overlap"},
		"too small":        {in: Config{Name: "a", Subnets: []Subnet{sub("10.1.2.0/31")}}, err: "no room"},
		"gateway outside":  {in: Config{Name: "a", Subnets: []Subnet{{Subnet: netip.MustParsePrefix("10.1.2.0/24"), Gateway: netip.MustParseAddr("10.1.3.1")}}}, err: "gateway 10.1.3.1 is no address of"},
		"broadcast":        {in: Config{Name: "a", Subnets: []Subnet{{Subnet: netip.MustParsePrefix("10.1.2.0/24"), Gateway: netip.MustParseAddr("10.1.2.255")}}}, err: "no address of"},
		"range outside":    {in: Config{Name: "a", Subnets: []Subnet{{Subnet: netip.MustParsePrefix("10.1.2.0/24"), Range: &Range{netip.MustParseAddr("10.1.2.9"), netip.MustParseAddr("10.1.3.9")}}}}, err: "is not in subnet"},
		"route nowhere":    {in: Config{Name: "a", Routes: []Route{{Destination: netip.MustParsePrefix("10.9.0.0/16"), Gateway: netip.MustParseAddr("10.8.0.1")}}}, err: "none of the network's subnets"},
		"there already":    {in: Config{Name: "old"}, err: "the network exists"},
		"the default":      {in: Config{Name: "podman"}, err: "the network exists"},
		"a mode":           {in: Config{Name: "host"}, err: "a mode of --network"},
		"a path":           {in: Config{Name: "../x"}, err: "is no name"},
		"unknown driver":   {in: Config{Name: "a", Driver: "overlay"}, err: `driver "overlay" is not known`},
		"macvlan":          {in: Config{Name: "a", Driver: DriverMacvlan}, err: "belongs to root"},
		"unknown option":   {in: Config{Name: "a", Options: map[string]string{"x": "y"}}, err: `option "x" is not known`},
		"bad mtu":          {in: Config{Name: "a", Options: map[string]string{"mtu": "many"}}, err: "give a number"},
		"small mtu, IPv6":  {in: Config{Name: "a", IPv6: true, Options: map[string]string{"mtu": "1000"}}, err: "give a number"},
		"taken bridge":     {in: Config{Name: "a", Interface: "pod1"}, err: "is another network's"},
		"bad bridge":       {in: Config{Name: "a", Interface: "a/b"}, err: "is not an interface name"},
		"ipam and subnets": {in: Config{Name: "a", IPAM: map[string]string{"driver": "none"}, Subnets: []Subnet{sub("10.1.2.0/24")}}, err: "leave one of them out"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := complete(test.in, others, HostFacts{Rootless: true})
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want %q", err, test.err)
				}
				return
			}
			if err != nil || render(got) != test.want {
				t.Errorf("%q, %v; want %q", render(got), err, test.want)
			}
		})
	}
	dual, err := complete(Config{Name: "a", IPv6: true}, others, HostFacts{})
	if err != nil || len(dual.Subnets) != 2 || !dual.Subnets[1].Subnet.Addr().IsPrivate() {
		t.Errorf("dual stack: %+v, %v", dual.Subnets, err)
	}
}

func TestStore(t *testing.T) {
	s := Store{filepath.Join(t.TempDir(), "networks")}
	ctx := context.Background()
	if n, err := s.Load("podman"); err != nil || n.Name != "bridge" {
		t.Errorf("the default network: %+v, %v", n, err)
	}
	made, err := s.Create(ctx, Config{Name: "a", Labels: map[string]string{"x": "y"}}, HostFacts{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", made.ID, made.ID[:12]} {
		if n, err := s.Load(name); err != nil || n.ID != made.ID || n.Labels["x"] != "y" {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
	for _, name := range []string{"b", "..", "../networks", "", ".creating", strings.Repeat("f", 64)} {
		if _, err := s.Load(name); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v, want ErrNotFound", name, err)
		}
	}
	// What a creation that was killed leaves is in nobody's way.
	if err := os.MkdirAll(filepath.Join(s.Dir, ".creating", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(ctx, Config{Name: "b"}, HostFacts{}); err != nil {
		t.Error(err)
	}
	if all, err := s.List(); err != nil || len(all) != 3 || all[0].Name != "bridge" {
		t.Errorf("list: %+v, %v", all, err)
	}
	if _, err := s.Update(ctx, "a", func(c *Config) error { return c.ChangeDNS([]netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil) }); err != nil {
		t.Error(err)
	}
	if n, _ := s.Load("a"); len(n.DNSServers) != 1 {
		t.Errorf("update: %+v", n)
	}
	if err := s.Remove(ctx, "a"); err != nil {
		t.Error(err)
	}
	if err := s.Remove(ctx, "a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("remove again: %v", err)
	}
	if err := s.Remove(ctx, "bridge"); err == nil {
		t.Error("the default network was removed")
	}
}

// Many at once get subnets and bridges of their own.
func TestCreateConcurrently(t *testing.T) {
	s := Store{filepath.Join(t.TempDir(), "networks")}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if _, err := s.Create(context.Background(), Config{Name: fmt.Sprint("n", i)}, HostFacts{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := s.List()
	if err != nil || len(all) != 17 {
		t.Fatalf("%d networks, %v", len(all), err)
	}
	seen := map[string]string{}
	for _, n := range all {
		for _, key := range []string{n.Interface, n.Subnets[0].Subnet.String()} {
			if seen[key] != "" {
				t.Errorf("%s and %s have %s both", n.Name, seen[key], key)
			}
			seen[key] = n.Name
		}
	}
}

func TestBounds(t *testing.T) {
	for in, want := range map[string]string{
		"10.1.2.0/24": "10.1.2.1 10.1.2.254", "10.1.2.0/30": "10.1.2.1 10.1.2.2", "fd01::/64": "fd01::1 fd01::ffff:ffff:ffff:ffff", "10.0.0.0/8": "10.0.0.1 10.255.255.254",
	} {
		first, last := sub(in).Bounds()
		if got := first.String() + " " + last.String(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	s := Subnet{Subnet: netip.MustParsePrefix("10.1.2.0/24"), Gateway: netip.MustParseAddr("10.1.2.1")}
	for addr, want := range map[string]bool{"10.1.2.2": true, "10.1.2.1": false, "10.1.2.0": false, "10.1.2.255": false, "10.1.3.2": false, "fd01::2": false} {
		if got := s.Usable(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s usable: %v", addr, got)
		}
	}
}

// The subnets that are chosen hide nothing that the machine reaches, and the default network keeps its own once it is in use.
func TestSubnetsAvoidTheMachines(t *testing.T) {
	taken := []netip.Prefix{netip.MustParsePrefix("10.88.3.0/24"), netip.MustParsePrefix("10.89.0.0/24"), netip.MustParsePrefix("10.90.1.2/32")}
	store := Store{Dir: filepath.Join(t.TempDir(), "networks")}
	made, err := store.Create(t.Context(), Config{Name: "a"}, HostFacts{Taken: taken})
	if err != nil || made.Subnets[0].Subnet.String() != "10.89.1.0/24" {
		t.Errorf("a new network has %v, %v", made.Subnets, err)
	}
	if c, err := store.Settle(t.Context(), taken[1:]); err != nil || c.Subnets[0].Subnet != Default().Subnets[0].Subnet {
		t.Errorf("a default network that is in nobody's way has %v, %v", c.Subnets, err)
	}
	if _, err := os.Stat(filepath.Join(store.Dir, "bridge")); err == nil {
		t.Error("and has a record")
	}
	for range 2 { // the second time it is recorded
		c, err := store.Settle(t.Context(), taken)
		if err != nil || c.Subnets[0].Subnet.String() != "10.91.0.0/16" || c.Subnets[0].Gateway.String() != "10.91.0.1" {
			t.Fatalf("the default network has %v, %v", c.Subnets, err)
		}
		taken = append(taken, netip.MustParsePrefix("10.91.0.0/16"))
	}
	if c, err := store.Load("podman"); err != nil || c.Subnets[0].Subnet.String() != "10.91.0.0/16" {
		t.Errorf("it is read as %v, %v", c.Subnets, err)
	}
}
