package main

import (
	"github.com/spf13/cobra"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
)

func newNetworkConnectCommand(a *app) *cobra.Command {
	var end container.Endpoint
	cmd := &cobra.Command{
		Use:     "connect [flags] NETWORK CONTAINER",
		Short:   "Put a container into one network more",
		Long:    "Put a container into one network more. One that runs gets another interface at once, and its /etc/hosts and\n/etc/resolv.conf follow.",
		Example: a.example("network connect back web", "network connect --alias db --ip 10.89.0.9 back store"),
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, c, err := a.findContainer(cmd, args[1])
			if err != nil {
				return err
			}
			end.Network = container.NetworkName(args[0])
			return e.ConnectNetwork(cmd.Context(), c.Config.ID, end)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&end.Aliases, "alias", nil, "further name in the network")
	f.StringVar(&end.Address, "ip", "", "IPv4 address in the network")
	f.StringVar(&end.Address6, "ip6", "", "IPv6 address in the network")
	f.StringVar(&end.MAC, "mac-address", "", "MAC address in the network")
	return cmd
}

func newNetworkDisconnectCommand(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "disconnect [flags] NETWORK CONTAINER",
		Short:   "Take a container out of a network",
		Long:    "Take a container out of a network. One that runs loses that interface at once, and its /etc/hosts and\n/etc/resolv.conf follow; its published ports move to its next\nnetwork that is not internal.",
		Example: a.example("network disconnect back web"),
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, c, err := a.findContainer(cmd, args[1])
			if err != nil {
				return err
			}
			return e.DisconnectNetwork(cmd.Context(), c.Config.ID, args[0])
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "as without: a container is always taken out, whatever it does")
	return cmd
}

func (a *app) findContainer(cmd *cobra.Command, name string) (*engine.Engine, engine.Container, error) {
	e, err := a.engine(cmd.Context())
	if err != nil {
		return nil, engine.Container{}, err
	}
	c, err := e.Find(cmd.Context(), name)
	return e, c, err
}
