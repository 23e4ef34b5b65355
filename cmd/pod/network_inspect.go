package main

import (
	"context"
	"errors"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/netns/network"
)

func newNetworkInspectCommand(a *app) *cobra.Command {
	var (
		format  string
		verbose bool
	)
	cmd := &cobra.Command{
		Use:     "inspect [flags] NETWORK [NETWORK...]",
		Short:   "Show everything about networks",
		Long:    "Show everything about networks, with the running containers in them. Exit status: 0 all were found, 1 one does not exist, 125 another error.",
		Example: a.example("network inspect back", `network inspect --format "{{range .Subnets}}{{.Subnet}}{{end}}" back`),
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runNetworkInspect(cmd.Context(), a, args, format)
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "", "print as \"json\", or with a Go template")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "as without: everything is shown")
	return cmd
}

func runNetworkInspect(ctx context.Context, a *app, names []string, format string) error {
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	var found []any
	var failures []error
	for _, name := range names {
		n, err := e.Networks().Load(name)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		users, err := e.NetworkUsers(ctx, n.Name)
		if err != nil {
			return err
		}
		members := networkMembers(e, n, users)
		if a.style() == report.Docker {
			found = append(found, dockerNetwork(n, members))
		} else {
			found = append(found, networkView{Config: n, Containers: podmanMembers(members)})
		}
	}
	if len(found) > 0 || format == "" || report.IsJSON(format) {
		if err := report.Inspect(a.Out, found, format, a.style()); err != nil {
			return err
		}
	}
	err = errors.Join(failures...)
	if errors.Is(err, network.ErrNotFound) {
		return exitError{1, err}
	}
	return err
}

// networkView is a network as podman shows it.
type networkView struct {
	network.Config
	Containers map[string]podmanMember `json:"containers"`
}

// NetworkInterface, IPv6Enabled and DNSEnabled are podman's names of fields.
func (v networkView) NetworkInterface() string { return v.Interface }

// IPv6Enabled is Config.IPv6.
func (v networkView) IPv6Enabled() bool { return v.IPv6 }

// DNSEnabled is Config.DNS.
func (v networkView) DNSEnabled() bool { return v.DNS }

// networkMember is one running container in a network.
type networkMember struct {
	id, name, interfaceName, mac, endpoint string
	v4, v6                                 netip.Prefix
	gateway4, gateway6                     netip.Addr
}

func networkMembers(e *engine.Engine, n network.Config, users []engine.Container) []networkMember {
	var members []networkMember
	for _, c := range users {
		attached, ok := e.Attached(c.Config.ID)
		if !ok {
			continue
		}
		for _, end := range attached.Ends {
			if end.Network != n.Name {
				continue
			}
			m := networkMember{id: c.Config.ID, name: c.Config.Name, interfaceName: end.Interface, mac: end.MAC, endpoint: end.Peer}
			if a, ok := end.Address4(); ok {
				m.v4, m.gateway4 = a.Prefix, a.Gateway
			}
			if a, ok := end.Address6(); ok {
				m.v6, m.gateway6 = a.Prefix, a.Gateway
			}
			members = append(members, m)
		}
	}
	return members
}

type podmanMember struct {
	Name       string                     `json:"name"`
	Interfaces map[string]podmanInterface `json:"interfaces"`
}

type podmanInterface struct {
	Subnets []podmanAddress `json:"subnets"`
	MAC     string          `json:"mac_address"`
}

type podmanAddress struct {
	IPNet   string `json:"ipnet"`
	Gateway string `json:"gateway,omitempty"`
}

func podmanMembers(members []networkMember) map[string]podmanMember {
	out := map[string]podmanMember{}
	for _, m := range members {
		i := podmanInterface{MAC: m.mac}
		for _, a := range []struct {
			prefix  netip.Prefix
			gateway netip.Addr
		}{{m.v4, m.gateway4}, {m.v6, m.gateway6}} {
			if !a.prefix.IsValid() {
				continue
			}
			one := podmanAddress{IPNet: a.prefix.String()}
			if a.gateway.IsValid() {
				one.Gateway = a.gateway.String()
			}
			i.Subnets = append(i.Subnets, one)
		}
		out[m.id] = podmanMember{m.name, map[string]podmanInterface{m.interfaceName: i}}
	}
	return out
}
