package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pod-engine/pod/internal/timespec"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/netns/network"
)

func newNetworkRemoveCommand(a *app) *cobra.Command {
	var (
		force   bool
		timeout int
	)
	cmd := &cobra.Command{
		Use:     "rm [flags] NETWORK [NETWORK...]",
		Aliases: []string{"remove"},
		Short:   "Remove networks",
		Long: "Remove networks that no container is in. Exit status: 0 all were removed, 1 one does not exist and nothing else failed,\n" +
			"2 one is in use, 125 another error.",
		Example: a.example("network rm back"),
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var wait *time.Duration
			if cmd.Flags().Changed("time") {
				d := time.Duration(timeout) * time.Second
				wait = &d
			}
			return runNetworkRemove(cmd, a, args, force, wait)
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "remove also the containers in the network; say nothing of what does not exist")
	cmd.Flags().IntVarP(&timeout, "time", "t", 10, "seconds that --force waits before it kills")
	return cmd
}

func runNetworkRemove(cmd *cobra.Command, a *app, names []string, force bool, wait *time.Duration) error {
	e, err := a.engine(cmd.Context())
	if err != nil {
		return err
	}
	var failures []error
	for _, name := range names {
		err := e.RemoveNetwork(cmd.Context(), name, force, wait)
		switch {
		case errors.Is(err, network.ErrNotFound) && force:
		case err != nil:
			failures = append(failures, err)
		default:
			fmt.Fprintln(a.Out, name)
		}
	}
	return networkExit(errors.Join(failures...))
}

// networkExit gives podman's exit codes of network rm.
func networkExit(err error) error {
	switch {
	case errors.Is(err, network.ErrInUse):
		return exitError{2, err}
	case errors.Is(err, network.ErrNotFound):
		return exitError{1, err}
	}
	return err
}

func newNetworkPruneCommand(a *app) *cobra.Command {
	var (
		filters []string
		force   bool
	)
	cmd := &cobra.Command{
		Use:     "prune [flags]",
		Short:   "Remove all networks that no container is in",
		Example: a.example("network prune -f --filter until=24h"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := pruneFilter(filters, time.Now()); err != nil {
				return err
			}
			if !force && !a.confirm("This removes all networks that no container is in.") {
				return nil
			}
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			removed, err := pruneNetworks(cmd.Context(), e, filters)
			for _, name := range removed {
				fmt.Fprintln(a.Out, name)
			}
			return err
		},
	}
	cmd.Flags().StringArrayVar(&filters, "filter", nil, "remove only networks that match: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]")
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	return cmd
}

// pruneNetworks removes the networks that no container is in, and gives their names.
func pruneNetworks(ctx context.Context, e *engine.Engine, filters []string) (removed []string, err error) {
	match, err := pruneFilter(filters, time.Now())
	if err != nil {
		return nil, err
	}
	all, err := e.Networks().List()
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, n := range all {
		if n.Name == container.DefaultNetwork || !match(n) {
			continue
		}
		switch err := e.RemoveNetwork(ctx, n.Name, false, nil); {
		case errors.Is(err, network.ErrInUse), errors.Is(err, network.ErrNotFound):
		case err != nil:
			failures = append(failures, err)
		default:
			removed = append(removed, n.Name)
		}
	}
	return removed, errors.Join(failures...)
}

func pruneFilter(filters []string, now time.Time) (func(network.Config) bool, error) {
	var tests []func(network.Config) bool
	for _, filter := range filters {
		key, value, _ := strings.Cut(filter, "=")
		switch key {
		case "until":
			before, err := timespec.Ago(value, now)
			if err != nil {
				return nil, usageError{fmt.Errorf("--filter %q: %w", filter, err)}
			}
			tests = append(tests, func(n network.Config) bool { return n.Created.Before(before) })
		case "label":
			tests = append(tests, func(n network.Config) bool { return hasLabel(n.Labels, value) })
		case "label!":
			tests = append(tests, func(n network.Config) bool { return !hasLabel(n.Labels, value) })
		default:
			return nil, usageError{fmt.Errorf("--filter %q: prune knows until=TIME, label=KEY[=VALUE] and label!=KEY[=VALUE]", filter)}
		}
	}
	return func(n network.Config) bool {
		for _, test := range tests {
			if !test(n) {
				return false
			}
		}
		return true
	}, nil
}

func hasLabel(labels map[string]string, want string) bool {
	key, value, both := strings.Cut(want, "=")
	have, ok := labels[key]
	return ok && (!both || have == value)
}
