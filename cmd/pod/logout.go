package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

func newLogoutCommand(a *app) *cobra.Command {
	var opts image.Login
	var all bool
	cmd := &cobra.Command{
		Use:     "logout [flags] [REGISTRY]",
		Short:   "Log out of a registry",
		Long:    "Forget the credentials for a registry, or with --all for every one.",
		Example: a.example("logout quay.io", "logout --all"),
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all && len(args) > 0 {
				return usageError{errors.New("--all means every registry: leave out the name")}
			}
			opts.Registry = a.registry(args)
			a.keepAs(&opts)
			return runLogout(cmd.Context(), a, opts, all)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.AuthFile, "authfile", "", "file with registry credentials")
	addKeptFlags(f, &opts)
	f.BoolVarP(&all, "all", "a", false, "log out of every registry")
	return cmd
}

func runLogout(ctx context.Context, a *app, l image.Login, all bool) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	done, err := a.courier().Logout(ctx, store, l, all)
	if err != nil {
		return err
	}
	if all {
		fmt.Fprintln(a.Out, "Removed login credentials for all registries")
		return nil
	}
	fmt.Fprintln(a.Out, "Removed login credentials for "+done.Registry)
	return nil
}
