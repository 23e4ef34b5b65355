package main

import (
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

func newArtifactPullCommand(a *app) *cobra.Command {
	var opts image.PullOptions
	var access accessFlags
	var quiet bool
	cmd := &cobra.Command{
		Use:     "pull [flags] ARTIFACT",
		Short:   "Fetch an artifact from a registry",
		Long:    "Fetch an artifact from a registry, and print the digest of its manifest.",
		Example: a.example("artifact pull quay.io/team/model:1"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := access.complete(cmd.Flags(), a, &opts.Access, quiet); err != nil {
				return err
			}
			store, err := a.images(cmd.Context())
			if err != nil {
				return err
			}
			sum, err := a.courier().PullArtifact(cmd.Context(), store, args[0], opts)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.Out, digest.Digest(sum).Encoded())
			return nil
		},
	}
	f := cmd.Flags()
	access.add(f, &opts.Access)
	access.addCreds(f, &opts.Access)
	access.addRetry(f, &opts.Access)
	f.StringArrayVar(&opts.DecryptionKeys, "decryption-key", nil, "open encrypted files with the key in this `file[:PASSPHRASE]`")
	f.BoolVarP(&quiet, "quiet", "q", false, "show no progress")
	return cmd
}

func newArtifactPushCommand(a *app) *cobra.Command {
	var opts pushOptions
	cmd := &cobra.Command{
		Use:     "push [flags] ARTIFACT [DESTINATION]",
		Short:   "Copy an artifact to a registry",
		Example: a.example("artifact push quay.io/team/model:1", "artifact push model quay.io/team/model:2"),
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.complete(cmd.Flags(), a); err != nil {
				return err
			}
			// Nothing of containers.conf about images is meant: an artifact is written as it is.
			opts.Type, opts.Compression, opts.Level = "", "", nil
			store, err := a.images(cmd.Context())
			if err != nil {
				return err
			}
			pushed, err := a.courier().PushArtifact(cmd.Context(), store, args[0], strings.Join(args[1:], ""), opts.PushOptions)
			if err != nil {
				return err
			}
			return a.tellPushed(pushed, opts)
		},
	}
	opts.addFlags(cmd.Flags())
	opts.access.addRetry(cmd.Flags(), &opts.Access)
	return cmd
}
