package bridge

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/netns/helper"
	"github.com/pod-engine/pod/pkg/netns/network"
)

// newLeases gives leases in a directory where attach makes a container attached.
func newLeases(t *testing.T) (l *leases, attach func(id string)) {
	dir := t.TempDir()
	records := filepath.Join(dir, "1", helper.AttachedDir)
	if err := os.MkdirAll(records, 0o700); err != nil {
		t.Fatal(err)
	}
	return &leases{dir: filepath.Join(dir, helper.LeasesDir), boot: "now", last: map[string]netip.Addr{}}, func(id string) {
		if err := os.WriteFile(filepath.Join(records, id), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func tiny() network.Config {
	return network.Config{Name: "n", Subnets: []network.Subnet{{Subnet: netip.MustParsePrefix("10.1.2.0/29"), Gateway: netip.MustParseAddr("10.1.2.1")}}}
}

func TestLeases(t *testing.T) {
	l, attach := newLeases(t)
	n := tiny()
	given := map[netip.Addr]string{}
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		attach(id)
		addr, err := l.choose(n, n.Subnets[0], id)
		if err != nil {
			t.Fatal(err)
		}
		if given[addr] != "" || addr == n.Subnets[0].Gateway {
			t.Errorf("%s was given to %s, and now to %s", addr, given[addr], id)
		}
		given[addr] = id
	}
	if _, err := l.choose(n, n.Subnets[0], "f"); err == nil || !strings.Contains(err.Error(), "no free address left in 10.1.2.0/29") {
		t.Errorf("the sixth of five: %v", err)
	}
	taken := netip.MustParseAddr("10.1.2.3")
	if err := l.take(n, taken, "f"); err == nil || !strings.Contains(err.Error(), "in use by container "+given[taken]) {
		t.Errorf("taken: %v", err)
	}
	if err := l.release(n.Name, taken, "f"); err != nil {
		t.Error(err)
	}
	if err := l.take(n, taken, "f"); err == nil {
		t.Error("a stranger released an address")
	}
	if err := l.release(n.Name, taken, given[taken]); err != nil {
		t.Error(err)
	}
	if addr, err := l.choose(n, n.Subnets[0], "f"); err != nil || addr != taken {
		t.Errorf("after a release: %s, %v", addr, err)
	}
}

// An address rests before it is given again: others may remember who had it.
func TestAddressesRest(t *testing.T) {
	l, attach := newLeases(t)
	n := tiny()
	var got []string
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		attach(id)
		addr, err := l.choose(n, n.Subnets[0], id)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, addr.String()[7:])
		if err := l.release(n.Name, addr, id); err != nil {
			t.Fatal(err)
		}
	}
	if s := strings.Join(got, " "); s != "2 3 4 5 6 2" {
		t.Errorf("addresses %s", s)
	}
}

func TestStaleLeasesAreFree(t *testing.T) {
	l, attach := newLeases(t)
	n := tiny()
	addr := netip.MustParseAddr("10.1.2.2")
	path := filepath.Join(l.dir, n.Name, addr.String())
	attach("mine")
	attach("old")
	for name, content := range map[string]string{"of nobody": "gone now\n", "of another boot": "old before\n", "half written": "ol", "empty": ""} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := l.take(n, addr, "mine"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := l.release(n.Name, addr, "mine"); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(l.dir, n.Name)); !os.IsNotExist(err) {
			t.Errorf("%s: the directory of the last lease stays", name)
		}
	}
}
