package main

import (
	"bufio"
	"fmt"
	"strings"
	"time"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
)

func newContainerPruneCommand(a *app) *cobra.Command {
	var (
		filters []string
		force   bool
	)
	cmd := &cobra.Command{
		Use:     "prune [flags]",
		Short:   "Remove all containers that do not run",
		Example: a.example("container prune", "container prune -f --filter until=24h"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkPruneFilters(filters); err != nil {
				return err
			}
			if !force && !a.confirm("This removes all containers that do not run.") {
				return nil
			}
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			match, err := matching(cmd.Context(), e, filters, time.Now())
			if err != nil {
				return err
			}
			list, err := e.List(cmd.Context())
			if err != nil {
				return err
			}
			e.Settle(cmd.Context(), list)
			var found []target
			for _, c := range list {
				switch c.State.Status {
				case container.StatusCreated, container.StatusExited, container.StatusDamaged:
					if match(c.Config, c.State) {
						found = append(found, target{c.Config.ID, c})
					}
				}
			}
			return a.forEach(found, nil, func(t target) error {
				return e.Remove(cmd.Context(), t.Config.ID, engine.RemoveOptions{})
			})
		},
	}
	cmd.Flags().StringArrayVar(&filters, "filter", nil, "remove only containers that match: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]")
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	return cmd
}

// checkPruneFilters refuses conditions that are not for removals.
func checkPruneFilters(filters []string) error {
	for _, filter := range filters {
		if key, _, _ := strings.Cut(filter, "="); key != "until" && key != "label" && key != "label!" {
			return usageError{fmt.Errorf("--filter %q: prune knows until=TIME, label=KEY[=VALUE] and label!=KEY[=VALUE]", filter)}
		}
	}
	return nil
}

// confirm asks a question whose answer is no unless it is yes.
func (a *app) confirm(consequence string) bool {
	fmt.Fprintf(a.Err, "%s Go on? [y/N] ", consequence)
	line, _ := bufio.NewReader(a.In).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}
