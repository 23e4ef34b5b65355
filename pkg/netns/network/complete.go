package network

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
)

// HostFacts are what making a network must know about this machine.
type HostFacts struct {
	Rootless bool
	// Taken are the networks that the machine has routes to, and its own addresses. The subnet that is chosen for a network hides none of
	// them: from the machine where it is root's, from the containers where it is a user's.
	Taken []netip.Prefix
}

// complete checks c against the other networks and fills in what was left open.
func complete(c Config, others []Config, host HostFacts) (Config, error) {
	fail := func(format string, args ...any) (Config, error) {
		return c, fmt.Errorf("create network %q: %s", c.Name, fmt.Sprintf(format, args...))
	}
	if c.Name == "" {
		c.Name = freeName(others)
	}
	if err := container.CheckNetworkName(c.Name); err != nil {
		return c, err
	}
	switch name := container.NetworkName(c.Name); {
	case slices.Contains([]string{"none", "host", "container", "ns", "pasta", "slirp4netns", "name"}, c.Name):
		return fail("the name is a mode of --network; give another")
	case name != c.Name, slices.ContainsFunc(others, func(o Config) bool { return o.Name == name }):
		return c, fmt.Errorf("create network %q: %w", c.Name, ErrExists)
	}
	id := make([]byte, 32)
	rand.Read(id)
	c.ID, c.Created = hex.EncodeToString(id), time.Now()
	if err := checkDriver(&c, host); err != nil {
		return c, err
	}
	if err := checkOptions(&c); err != nil {
		return c, err
	}
	if c.Driver == DriverBridge {
		if err := c.nameBridge(others); err != nil {
			return c, err
		}
	}
	if !c.Static() {
		if len(c.Subnets) > 0 {
			return fail("with the ipam driver none there are no subnets; leave one of them out")
		}
		c.DNS = false
		return c, nil
	}
	if err := c.giveSubnets(others, host); err != nil {
		return c, err
	}
	for _, r := range c.Routes {
		if !slices.ContainsFunc(c.Subnets, func(s Subnet) bool { return s.Subnet.Contains(r.Gateway) }) {
			return fail("the gateway %s of route %s is in none of the network's subnets", r.Gateway, r.Destination)
		}
	}
	return c, nil
}

func checkDriver(c *Config, host HostFacts) error {
	if c.Driver == "" {
		c.Driver = DriverBridge
	}
	switch c.Driver {
	case DriverBridge:
	case DriverMacvlan, DriverIPvlan:
		if host.Rootless {
			return hint.Wrap(fmt.Errorf("create network %q: a %s network is on an interface of the machine, which belongs to root and not to your user", c.Name, c.Driver),
				"use the bridge driver and publish ports, or start pod as root")
		}
	default:
		return hint.Wrap(fmt.Errorf("create network %q: driver %q is not known", c.Name, c.Driver), "use bridge, macvlan or ipvlan")
	}
	if c.IPAM == nil {
		c.IPAM = map[string]string{}
	}
	switch c.IPAM["driver"] {
	case "", "default":
		c.IPAM["driver"] = IPAMHostLocal
	case IPAMHostLocal, IPAMNone:
	default:
		return hint.Wrap(fmt.Errorf("create network %q: ipam driver %q is not known", c.Name, c.IPAM["driver"]), "use host-local or none")
	}
	return nil
}

// checkOptions accepts the options of the driver and keeps each under podman's name.
func checkOptions(c *Config) error {
	options := map[string]string{}
	for key, value := range c.Options {
		bad := func(want string) error {
			return fmt.Errorf("create network %q: option %s=%q: give %s", c.Name, key, value, want)
		}
		switch key {
		case "mtu", "com.docker.network.driver.mtu":
			if n, err := strconv.Atoi(value); err != nil || n < 68 || n > 65535 || n < 1280 && c.IPv6 {
				return bad("a number from 68 (with IPv6 1280) to 65535")
			}
			options["mtu"] = value
		case "isolate":
			if value != "true" && value != "false" && value != "strict" {
				return bad("true, false or strict")
			}
			options["isolate"] = value
		case "com.docker.network.bridge.enable_icc":
			return hint.Wrap(fmt.Errorf("create network %q: option %s is not known", c.Name, key), "make one network for each group of containers that may talk")
		case "com.docker.network.bridge.name", "interface_name":
			c.Interface = value
		case "vlan":
			if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 4094 || c.Driver != DriverBridge {
				return bad("a number from 1 to 4094, with the bridge driver")
			}
			options["vlan"] = value
		case "parent":
			if c.Driver == DriverBridge {
				return bad("no parent: a bridge has none")
			}
			c.Interface = value
		case "mode", "macvlan_mode", "ipvlan_mode":
			modes := map[string][]string{DriverMacvlan: {"bridge", "private", "vepa", "passthru"}, DriverIPvlan: {"l2", "l3", "l3s"}}[c.Driver]
			if !slices.Contains(modes, value) {
				return bad("one of " + strings.Join(modes, ", ") + ", with macvlan or ipvlan")
			}
			options["mode"] = value
		default:
			return hint.Wrap(fmt.Errorf("create network %q: option %q is not known", c.Name, key), "use mtu, isolate, vlan, interface_name, parent or mode")
		}
	}
	if c.Options = options; len(options) == 0 {
		c.Options = nil
	}
	return nil
}

// nameBridge gives the bridge a name that no other network's has.
func (c *Config) nameBridge(others []Config) error {
	taken := func(name string) bool {
		return slices.ContainsFunc(others, func(o Config) bool { return o.Driver == DriverBridge && o.Interface == name })
	}
	if c.Interface != "" {
		if len(c.Interface) > 15 || strings.ContainsAny(c.Interface, "/: \t\n") || c.Interface == "lo" || strings.HasPrefix(c.Interface, ".") {
			return fmt.Errorf("create network %q: %q is not an interface name; give at most 15 letters and digits", c.Name, c.Interface)
		}
		if taken(c.Interface) {
			return fmt.Errorf("create network %q: the interface %q is another network's; give another name", c.Name, c.Interface)
		}
		return nil
	}
	for i := 1; ; i++ {
		if name := "pod" + strconv.Itoa(i); !taken(name) {
			c.Interface = name
			return nil
		}
	}
}

func freeName(others []Config) string {
	for i := 1; ; i++ {
		name := "network" + strconv.Itoa(i)
		if !slices.ContainsFunc(others, func(o Config) bool { return o.Name == name }) {
			return name
		}
	}
}
