package main

import (
	"context"

	"github.com/spf13/cobra"
)

// imageCommands are the verbs on images that are at the top; most are there again below "image".
func imageCommands(a *app) []*cobra.Command {
	build := newBuildCommand(a)
	build.Aliases = []string{"bud", "build-using-dockerfile"} // buildah's
	return []*cobra.Command{
		build, newHistoryCommand(a), newImagesCommand(a), newImportCommand(a), newLoadCommand(a), newLoginCommand(a),
		newLogoutCommand(a), newPullCommand(a), newPushCommand(a), newRmiCommand(a), newSaveCommand(a), newScanCommand(a),
		newSearchCommand(a), newTagCommand(a), newUntagCommand(a),
	}
}

// newImageCommand holds the verbs on images, under the names they have below "image".
func newImageCommand(a *app) *cobra.Command {
	cmd := onlyCommands(&cobra.Command{Use: "image", Short: "Manage images", Example: a.example("image ls", "image inspect alpine")})
	list := newImagesCommand(a)
	list.Use, list.Aliases = "ls [flags] [IMAGE]", []string{"list"}
	list.Example = a.example("image ls", "image ls --filter dangling=true")
	remove := newRmiCommand(a)
	remove.Use, remove.Aliases = "rm [flags] IMAGE [IMAGE...]", []string{"remove"}
	remove.Example = a.example("image rm alpine", "image rm --all")
	cmd.AddCommand(newBuildCommand(a), newHistoryCommand(a), newImageDiffCommand(a), newImageExistsCommand(a), newImageInspectCommand(a),
		newImageMountCommand(a), newImagePruneCommand(a), newImageTreeCommand(a), newImageUnmountCommand(a), newImportCommand(a), list,
		newLoadCommand(a), newPullCommand(a), newPushCommand(a), remove, newSaveCommand(a), newScanCommand(a), newSearchCommand(a),
		newImageScpCommand(a), newImageSignCommand(a), newTagCommand(a), newImageTrustCommand(a), newUntagCommand(a))
	return cmd
}

func newImageExistsCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "exists IMAGE",
		Short:   "Say by the exit status whether an image is in the store",
		Long:    "Look whether an image is in the store; nothing is printed. Exit status: 0 it is, 1 it is not, 125 another error.",
		Example: a.example("image exists alpine || pod pull alpine"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runImageExists(cmd.Context(), a, args[0])
		},
	}
}

func runImageExists(ctx context.Context, a *app, name string) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	if found, err := store.Has(ctx, name); err != nil || found {
		return err
	}
	return exitError{code: 1}
}

// newImageInspectCommand is inspect below "image".
func newImageInspectCommand(a *app) *cobra.Command {
	opts := inspectOptions{kind: inspectImage}
	cmd := &cobra.Command{
		Use:     "inspect [flags] IMAGE [IMAGE...]",
		Short:   "Show everything known of images",
		Example: a.example(`image inspect --format "{{.Config.Cmd}}" alpine`),
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInspect(cmd.Context(), a, a.sources(), opts, args)
		},
	}
	cmd.Flags().StringVarP(&opts.format, "format", "f", "", "print with a Go template, or as \"json\"")
	return cmd
}
