package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/netns/network"
)

// networkPlan is a network as the flags of create put it together.
type networkPlan struct {
	network.Config
	gateways, ranges []string
	labels, options  []string
	dns              []string
	ipam             string
	noDNS, noIPv4    bool
	ignore           bool
}

func newNetworkCreateCommand(a *app) *cobra.Command {
	var p networkPlan
	cmd := &cobra.Command{
		Use:   "create [flags] [NETWORK]",
		Short: "Create a network",
		Long: "Create a network and print its name. Containers in it find each other by name. Without --subnet a free one is\n" +
			"chosen. Options: mtu, isolate (true, false), vlan, interface_name; with macvlan and ipvlan parent and mode.",
		Example: a.example("network create back", "network create --internal --subnet 10.90.0.0/24 --gateway 10.90.0.1 store", "network create --ipv6 dual"),
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.Name = strings.Join(args, "")
			if err := p.complete(); err != nil {
				return err
			}
			return runNetworkCreate(cmd.Context(), a, p)
		},
	}
	p.addFlags(cmd.Flags())
	return cmd
}

func (p *networkPlan) addFlags(f *pflag.FlagSet) {
	f.StringVarP(&p.Driver, "driver", "d", network.DriverBridge, "bridge, macvlan or ipvlan")
	f.Var(appendTo(&p.Subnets, parseSubnet), "subnet", "subnet, such as 10.90.0.0/24")
	f.StringArrayVar(&p.gateways, "gateway", nil, "address of the gateway in the subnet given before")
	f.StringArrayVar(&p.ranges, "ip-range", nil, "give out addresses of this part of the subnet: 10.90.0.128/25 or FIRST-LAST")
	f.Var(appendTo(&p.Routes, parseRoute), "route", "route for containers: DESTINATION,GATEWAY[,METRIC]")
	f.BoolVar(&p.IPv6, "ipv6", false, "give containers IPv6 addresses as well")
	f.BoolVar(&p.noIPv4, "ipv4", true, "give containers IPv4 addresses")
	f.BoolVar(&p.Internal, "internal", false, "make a network without a way out")
	f.BoolVar(&p.noDNS, "disable-dns", false, "make a network without names")
	f.StringSliceVar(&p.dns, "dns", nil, "nameservers for what is outside the network, instead of the machine's")
	f.StringVar(&p.ipam, "ipam-driver", "", "who gives out addresses: host-local or none")
	f.StringVar(&p.Interface, "interface-name", "", "name of the bridge, or with macvlan and ipvlan of the machine's interface")
	f.StringArrayVar(&p.labels, "label", nil, "set a label: KEY=VALUE")
	f.StringArrayVarP(&p.options, "opt", "o", nil, "set an option of the driver: NAME=VALUE")
	f.BoolVar(&p.ignore, "ignore", false, "say nothing when the network exists")
}

// complete turns what the flags gave as text into the network.
func (p *networkPlan) complete() error {
	if !p.noIPv4 {
		return usageError{errors.New("a network without IPv4 is made by giving only an IPv6 --subnet: leave --ipv4 out")}
	}
	p.DNS = !p.noDNS
	if p.ipam != "" {
		p.IPAM = map[string]string{"driver": p.ipam}
	}
	var err error
	if p.DNSServers, err = addresses(p.dns); err != nil {
		return err
	}
	p.Labels, p.Options = pairs(p.labels), pairs(p.options)
	for _, s := range p.gateways {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return usageError{fmt.Errorf("--gateway %q: it is no IP address", s)}
		}
		sub := p.subnetOf(addr)
		if sub == nil {
			return usageError{fmt.Errorf("--gateway %s: it is in no --subnet that was given", addr)}
		}
		sub.Gateway = addr
	}
	for _, s := range p.ranges {
		r, err := parseRange(s)
		if err != nil {
			return err
		}
		sub := p.subnetOf(r.Start)
		if sub == nil {
			return usageError{fmt.Errorf("--ip-range %s: it is in no --subnet that was given", s)}
		}
		sub.Range = &r
	}
	return nil
}

func (p *networkPlan) subnetOf(a netip.Addr) *network.Subnet {
	for i := range p.Subnets {
		if p.Subnets[i].Subnet.Masked().Contains(a) {
			return &p.Subnets[i]
		}
	}
	return nil
}

func parseSubnet(s string) (network.Subnet, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return network.Subnet{}, &container.InvalidError{Text: fmt.Sprintf("%q is no subnet; give one such as 10.90.0.0/24 or fd00:90::/64", s)}
	}
	return network.Subnet{Subnet: p}, nil
}

func parseRange(s string) (network.Range, error) {
	if first, last, ok := strings.Cut(s, "-"); ok {
		a, err1 := netip.ParseAddr(first)
		b, err2 := netip.ParseAddr(last)
		if err1 == nil && err2 == nil {
			return network.Range{Start: a, End: b}, nil
		}
	} else if p, err := netip.ParsePrefix(s); err == nil {
		r := network.Range{Start: p.Masked().Addr(), End: network.Last(p)}
		return r, nil
	}
	return network.Range{}, usageError{fmt.Errorf("--ip-range %q: give a part of the subnet such as 10.90.0.128/25, or FIRST-LAST", s)}
}

func parseRoute(s string) (network.Route, error) {
	var r network.Route
	bad := &container.InvalidError{Text: fmt.Sprintf("%q is no route; give DESTINATION,GATEWAY[,METRIC] such as 10.1.0.0/16,10.90.0.5", s)}
	parts := strings.Split(s, ",")
	if len(parts) < 2 || len(parts) > 3 {
		return r, bad
	}
	var err1, err2 error
	r.Destination, err1 = netip.ParsePrefix(parts[0])
	r.Gateway, err2 = netip.ParseAddr(parts[1])
	if err1 != nil || err2 != nil || r.Destination.Addr().Is4() != r.Gateway.Is4() {
		return r, bad
	}
	if len(parts) == 3 {
		if _, err := fmt.Sscanf(parts[2], "%d", &r.Metric); err != nil || r.Metric < 0 {
			return r, bad
		}
	}
	return r, nil
}

// pairs reads NAME=VALUE; a word without a value has the empty one.
func pairs(words []string) map[string]string {
	out := map[string]string{}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		out[key] = value
	}
	if len(out) == 0 {
		return nil
	}
	return maps.Clone(out)
}

func runNetworkCreate(ctx context.Context, a *app, p networkPlan) error {
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	n, err := e.CreateNetwork(ctx, p.Config)
	if errors.Is(err, network.ErrExists) && p.ignore {
		n, err = e.Networks().Load(p.Name)
	}
	if err != nil {
		return err
	}
	if a.name == "docker" {
		fmt.Fprintln(a.Out, n.ID)
	} else {
		fmt.Fprintln(a.Out, n.Name)
	}
	return nil
}
