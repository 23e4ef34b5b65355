package main

import (
	"errors"

	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
)

func newContainerExistsCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "exists CONTAINER",
		Short:   "Check whether a container exists",
		Long:    "Look whether a container is there; nothing is printed. Exit status: 0 it is, 1 it is not, 125 another error.",
		Example: a.example("container exists web"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			_, err = e.Find(cmd.Context(), args[0])
			if errors.Is(err, engine.ErrNotFound) {
				return exitError{code: 1}
			}
			return err
		},
	}
}
