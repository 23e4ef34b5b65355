package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newUntagCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "untag IMAGE [NAME...]",
		Short:   "Take names away from an image",
		Long:    "Take names away from an image; without names, all it has. The image stays.",
		Example: a.example("untag app", "untag 4f5a quay.io/team/app:1"),
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runUntag(cmd.Context(), a, args[0], args[1:])
		},
	}
}

func runUntag(ctx context.Context, a *app, name string, names []string) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	return store.Untag(ctx, name, names)
}
