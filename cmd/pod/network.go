package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/pod-engine/pod/pkg/netns/network"
)

// newNetworkCommand holds the verbs on networks.
func newNetworkCommand(a *app) *cobra.Command {
	cmd := onlyCommands(&cobra.Command{Use: "network", Short: "Manage networks", Example: a.example("network create back", "network ls")})
	cmd.AddCommand(newNetworkConnectCommand(a), newNetworkCreateCommand(a), newNetworkDisconnectCommand(a), newNetworkExistsCommand(a),
		newNetworkInspectCommand(a), newNetworkListCommand(a), newNetworkPruneCommand(a), newNetworkReloadCommand(a), newNetworkRemoveCommand(a),
		newNetworkUpdateCommand(a))
	return cmd
}

func newNetworkExistsCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "exists NETWORK",
		Short:   "Say by the exit status whether a network exists",
		Long:    "Look whether a network exists; nothing is printed. Exit status: 0 it does, 1 it does not, 125 another error.",
		Example: a.example("network exists back || pod network create back"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			if _, err := e.Networks().Load(args[0]); errors.Is(err, network.ErrNotFound) {
				return exitError{code: 1}
			}
			return err
		},
	}
}

func newNetworkReloadCommand(a *app) *cobra.Command {
	var all, latest bool
	cmd := &cobra.Command{
		Use:   "reload [flags] [CONTAINER...]",
		Short: "Put right what is missing of running containers' networks",
		Long: "Put right what is missing of running containers' networks: bridges, packet filter, names, published ports. It is done\n" +
			"for all containers, whichever are named, and every command does it when the network helper was killed.",
		Example: a.example("network reload --all"),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			found, errs, err := (&targets{all: all, latest: latest}).find(cmd.Context(), e, args)
			if err != nil {
				return err
			}
			if err := e.ReloadNetworks(cmd.Context()); err != nil {
				return err
			}
			return a.forEach(found, errs, func(target) error { return nil })
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "reload the networks of all containers")
	cmd.Flags().BoolVarP(&latest, "latest", "l", false, "reload the networks of the container made last")
	return cmd
}

func newNetworkUpdateCommand(a *app) *cobra.Command {
	var add, drop []string
	cmd := &cobra.Command{
		Use:     "update [flags] NETWORK",
		Short:   "Change the nameservers of a network",
		Example: a.example("network update --dns-add 192.0.2.53 back"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			added, err := addresses(add)
			if err != nil {
				return err
			}
			dropped, err := addresses(drop)
			if err != nil {
				return err
			}
			return runNetworkUpdate(cmd.Context(), a, args[0], added, dropped)
		},
	}
	cmd.Flags().StringSliceVar(&add, "dns-add", nil, "ask this nameserver")
	cmd.Flags().StringSliceVar(&drop, "dns-drop", nil, "do not ask this nameserver any more")
	return cmd
}

func runNetworkUpdate(ctx context.Context, a *app, name string, add, drop []netip.Addr) error {
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	n, err := e.UpdateNetwork(ctx, name, func(c *network.Config) error { return c.ChangeDNS(add, drop) })
	if err != nil {
		return err
	}
	fmt.Fprintln(a.Out, n.Name)
	return nil
}

func addresses(list []string) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, s := range list {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.Zone() != "" {
			return nil, usageError{fmt.Errorf("%q is no IP address", s)}
		}
		out = append(out, addr)
	}
	return out, nil
}
