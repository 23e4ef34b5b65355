package main

import (
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
)

func newInitCommand(a *app) *cobra.Command {
	var chosen targets
	cmd := &cobra.Command{
		Use:   "init [flags] CONTAINER [CONTAINER...]",
		Short: "Make containers ready without starting their processes",
		Long: "Make everything of a container but do not run its command yet: namespaces, mounts and network can then\n" +
			"be looked at, and start goes on from there.",
		Example: a.example("init web"),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			found, errs, err := chosen.find(cmd.Context(), e, args)
			if err != nil {
				return err
			}
			if chosen.all {
				all := found
				found = nil
				for _, t := range all {
					if t.State.Status == container.StatusCreated || t.State.Status == container.StatusExited {
						found = append(found, t)
					}
				}
			}
			return a.forEach(found, errs, func(t target) error {
				_, err := e.Start(cmd.Context(), t.Config.ID, engine.StartOptions{InitOnly: true})
				return err
			})
		},
	}
	chosen.add(cmd.Flags(), "make ready", targetFlags{all: true})
	return cmd
}
