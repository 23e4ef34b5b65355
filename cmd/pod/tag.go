package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newTagCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "tag IMAGE NAME [NAME...]",
		Short:   "Give an image further names",
		Long:    "Give an image further names. A name that another image has moves. A name without registry means localhost/NAME.",
		Example: a.example("tag alpine base:1", "tag 4f5a quay.io/team/app:1"),
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runTag(cmd.Context(), a, args[0], args[1:])
		},
	}
}

func runTag(ctx context.Context, a *app, name string, further []string) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	for _, n := range further {
		if err := store.Tag(ctx, name, n); err != nil {
			return err
		}
	}
	return nil
}
