package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

func newLoadCommand(a *app) *cobra.Command {
	var input string
	var quiet bool
	var opts image.PullOptions
	cmd := &cobra.Command{
		Use:   "load [flags]",
		Short: "Load images from an archive",
		Long: "Load images from an archive of docker save, podman save or pod save, compressed or not, or from a directory\n" +
			"with an OCI layout. The archive is read from the standard input unless --input is given. A manifest list in an OCI layout\n" +
			"comes in whole, with what attests to its images; with --platform only the image for that.",
		Example: a.example("load -i image.tar", "load < image.tar.gz"),
		Args:    takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runLoad(cmd.Context(), a, input, quiet, opts)
		},
	}
	cmd.Flags().StringVarP(&input, "input", "i", "", "read from this `file` or directory")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "show no progress")
	cmd.Flags().Var(into("os/arch[/variant]", &opts.Platform, image.ParsePlatform), "platform", "which image of a manifest list")
	addUnpackLimit(cmd.Flags(), &opts)
	return cmd
}

func runLoad(ctx context.Context, a *app, input string, quiet bool, opts image.PullOptions) error {
	if input == "" && terminal.IsTerminal(a.In) {
		return usageError{hint.Wrap(errors.New("the standard input is a terminal, not an archive"), a.name+" load -i FILE")}
	}
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	opts.Progress, opts.Terminal = a.progress(quiet)
	loaded, err := a.courier().Load(ctx, store, input, a.In, opts)
	for _, l := range loaded {
		names := l.Names
		if len(names) == 0 {
			names = []string{"sha256:" + l.Image.ID}
		}
		fmt.Fprintln(a.Out, "Loaded image: "+strings.Join(names, "\nLoaded image: "))
	}
	return err
}
