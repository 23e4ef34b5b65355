package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

func newImageSignCommand(a *app) *cobra.Command {
	var opts image.SignOptions
	var access accessFlags
	cmd := &cobra.Command{
		Use:   "sign [flags] IMAGE [IMAGE...]",
		Short: "Sign images in a registry",
		Long: "Make simple signatures, by a key of gpg, for images as they are in their registry, and put them where registries.d says, or into a\n" +
			"directory. push --sign-by signs while it pushes, and can make signatures of sigstore.",
		Example: a.example("image sign --sign-by jo@example.com quay.io/team/app:1", "image sign --sign-by jo@example.com -d signatures quay.io/team/app:1"),
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if opts.Key == "" {
				return usageError{errors.New("--sign-by says whose key signs: give it")}
			}
			if err := access.complete(cmd.Flags(), a, &opts.Access, true); err != nil {
				return err
			}
			return runImageSign(cmd.Context(), a, args, opts)
		},
	}
	f := cmd.Flags()
	access.add(f, &opts.Access)
	f.BoolVarP(&opts.All, "all", "a", false, "of a manifest list, sign every image too")
	f.StringVarP(&opts.Directory, "directory", "d", "", "put the signatures below this directory")
	f.StringVar(&opts.Key, "sign-by", "", "`key` of gpg that signs")
	return cmd
}

func runImageSign(ctx context.Context, a *app, names []string, opts image.SignOptions) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		signed, err := a.courier().Sign(ctx, store, name, opts)
		for _, s := range signed {
			fmt.Fprintf(a.Err, "Signed %s with digest %s\n", report.Escape(s.Name), s.Digest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
