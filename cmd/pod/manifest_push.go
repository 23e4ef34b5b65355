package main

import (
	"context"
	"errors"
	"strings"

	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

func newManifestPushCommand(a *app) *cobra.Command {
	var opts pushOptions
	var all, remove bool
	cmd := &cobra.Command{
		Use:   "push [flags] LIST [DESTINATION]",
		Short: "Copy a manifest list and its images to a registry",
		Long: "Copy a manifest list and the images in it to a registry, or to oci:DIR, oci-archive:FILE or dir:DIR. Images that the list names in\n" +
			"other registries are copied too. Without a destination it goes to the registry that its name says.",
		Example: a.example("manifest push app quay.io/team/app:1", "manifest push --rm --format v2s2 app quay.io/team/app:1"),
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.complete(cmd.Flags(), a); err != nil {
				return err
			}
			return runManifestPush(cmd.Context(), a, args[0], strings.Join(args[1:], ""), !all, remove, opts)
		},
	}
	f := cmd.Flags()
	opts.addFlags(f)
	opts.addForm(f)
	opts.access.addRetry(f, &opts.Access)
	addInsecure(f, &opts.Access)
	f.Var(appendTo(&opts.AddCompression, image.ParseCompression), "add-compression", "have each image there in this compression as well")
	f.BoolVar(&all, "all", true, "copy the images in the list too")
	f.BoolVar(&remove, "rm", false, "remove the list from the store when it is there")
	f.BoolVarP(&remove, "purge", "p", false, "docker's word for --rm")
	f.Lookup("purge").Hidden = true
	return cmd
}

func runManifestPush(ctx context.Context, a *app, name, to string, only, remove bool, o pushOptions) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	pushed, err := a.courier().PushList(ctx, store, name, to, only, o.PushOptions)
	if err = errors.Join(a.tellPushed(pushed, o), err); err != nil || !remove {
		return err
	}
	_, err = store.Remove(ctx, name, image.RemoveOptions{})
	return err
}
