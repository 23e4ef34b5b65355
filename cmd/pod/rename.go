package main

import (
	"github.com/pod-engine/pod/pkg/container"
	"github.com/spf13/cobra"
)

func newRenameCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "rename CONTAINER NAME",
		Short:   "Give a container another name",
		Example: a.example("rename web web-old"),
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := container.CheckName(args[1]); err != nil {
				return usageError{err}
			}
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			c, err := e.Find(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return e.Rename(cmd.Context(), c.Config.ID, args[1])
		},
	}
}
