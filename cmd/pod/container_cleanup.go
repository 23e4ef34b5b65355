package main

import (
	"github.com/spf13/cobra"
)

func newContainerCleanupCommand(a *app) *cobra.Command {
	var (
		chosen targets
		remove bool
	)
	cmd := &cobra.Command{
		Use:   "cleanup [flags] CONTAINER [CONTAINER...]",
		Short: "Finish what is left to do for containers that have ended",
		Long: "Release what an ended container still holds, and remove it if it was run with --rm. The monitor of a\n" +
			"container starts this by itself; by hand it is needed only after a monitor was killed.",
		Example: a.example("container cleanup web", "container cleanup --all"),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			found, errs, err := chosen.find(cmd.Context(), e, args)
			if err != nil {
				return err
			}
			return a.forEach(found, errs, func(t target) error {
				if err := e.Cleanup(cmd.Context(), t.Config.ID); err != nil || !remove {
					return err
				}
				return e.RemoveEnded(cmd.Context(), t.Config.ID)
			})
		},
	}
	chosen.add(cmd.Flags(), "clean up", targetFlags{all: true})
	cmd.Flags().BoolVar(&remove, "rm", false, "remove the container too")
	return cmd
}
