// Package network keeps the records of networks: what each was asked to be. A record is written whole when its network is
// made and replaced whole by an update; what becomes of it in the kernel is the network helper's business (package bridge).
package network

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/pod-engine/pod/pkg/container"
)

// Sentinels by which callers decide.
var (
	ErrNotFound = errors.New("no such network")
	ErrExists   = errors.New("the network exists")
	ErrInUse    = errors.New("in use")
)

// Drivers.
const (
	DriverBridge  = "bridge"
	DriverMacvlan = "macvlan"
	DriverIPvlan  = "ipvlan"
)

// IPAM drivers: who gives out addresses.
const (
	IPAMHostLocal = "host-local" // pod
	IPAMNone      = "none"       // nobody: interfaces have no addresses
)

// Config is one network. Its JSON is that of podman's network inspect.
type Config struct {
	Name       string            `json:"name"`
	ID         string            `json:"id"` // 64 hexadecimal digits
	Driver     string            `json:"driver"`
	Interface  string            `json:"network_interface,omitempty"` // the bridge, or the parent of macvlan and ipvlan
	Created    time.Time         `json:"created"`
	Subnets    []Subnet          `json:"subnets,omitempty"`
	Routes     []Route           `json:"routes,omitempty"`
	IPv6       bool              `json:"ipv6_enabled"`
	Internal   bool              `json:"internal"`    // no way out
	DNS        bool              `json:"dns_enabled"` // containers find each other by name
	DNSServers []netip.Addr      `json:"network_dns_servers,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Options    map[string]string `json:"options,omitempty"`
	IPAM       map[string]string `json:"ipam_options"`
}

// Subnet is one range of addresses, of either family.
type Subnet struct {
	Subnet  netip.Prefix `json:"subnet"`
	Gateway netip.Addr   `json:"gateway,omitzero"` // the bridge's own address; zero: none
	// Range, when given, is where addresses are taken from.
	Range *Range `json:"lease_range,omitempty"`
}

// Range is from Start to End, both included.
type Range struct {
	Start netip.Addr `json:"start_ip"`
	End   netip.Addr `json:"end_ip"`
}

// Route is a route that containers are given.
type Route struct {
	Destination netip.Prefix `json:"destination"`
	Gateway     netip.Addr   `json:"gateway"`
	Metric      int          `json:"metric,omitempty"`
}

// Option gives the value of an option of the driver under any of its names.
func (c Config) Option(names ...string) string {
	for _, name := range names {
		if v, ok := c.Options[name]; ok {
			return v
		}
	}
	return ""
}

// Isolated reports whether containers of other networks are kept out of this one.
func (c Config) Isolated() bool { return c.Option("isolate") != "false" }

// Static reports whether pod gives out addresses.
func (c Config) Static() bool { return c.IPAM["driver"] != IPAMNone }

// Has4 and Has6 report whether the network has addresses of the family.
func (c Config) Has4() bool { return c.has(netip.Addr.Is4) }
func (c Config) Has6() bool { return c.has(netip.Addr.Is6) }

func (c Config) has(family func(netip.Addr) bool) bool {
	return slices.ContainsFunc(c.Subnets, func(s Subnet) bool { return family(s.Subnet.Addr()) })
}

// ChangeDNS adds and removes nameservers.
func (c *Config) ChangeDNS(add, drop []netip.Addr) error {
	for _, a := range drop {
		i := slices.Index(c.DNSServers, a)
		if i < 0 {
			return fmt.Errorf("update network %q: nameserver %s is not one of its own", c.Name, a)
		}
		c.DNSServers = slices.Delete(c.DNSServers, i, i+1)
	}
	for _, a := range add {
		if !slices.Contains(c.DNSServers, a) {
			c.DNSServers = append(c.DNSServers, a)
		}
	}
	return nil
}

// Default is the network of containers for which none was asked. It has no record unless it was changed, and cannot be
// removed.
func Default() Config {
	return Config{
		Name: container.DefaultNetwork, ID: fixedID(container.DefaultNetwork), Driver: DriverBridge, Interface: "pod0",
		Created: time.Unix(0, 0).UTC(),
		Subnets: []Subnet{{Subnet: netip.MustParsePrefix("10.88.0.0/16"), Gateway: netip.MustParseAddr("10.88.0.1")}},
		IPAM:    map[string]string{"driver": IPAMHostLocal},
	}
}

// fixedID is the same on every machine, so that a script may keep it.
func fixedID(name string) string {
	sum := sha256.Sum256([]byte("pod network " + name))
	return hex.EncodeToString(sum[:])
}
