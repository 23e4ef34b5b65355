package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/image/artifact"
	"github.com/spf13/cobra"
)

// newArtifactCommand holds the verbs on OCI artifacts.
func newArtifactCommand(a *app) *cobra.Command {
	cmd := onlyCommands(&cobra.Command{
		Use: "artifact", Short: "Manage OCI artifacts: files that are kept in registries",
		Example: a.example("artifact add quay.io/team/model:1 model.bin", "artifact push quay.io/team/model:1", "artifact extract quay.io/team/model:1 ."),
	})
	cmd.AddCommand(newArtifactAddCommand(a), newArtifactExtractCommand(a), newArtifactInspectCommand(a), newArtifactListCommand(a),
		newArtifactPullCommand(a), newArtifactPushCommand(a), newArtifactRmCommand(a))
	return cmd
}

// artifacts opens the store of artifacts.
func (a *app) artifacts(ctx context.Context) (*artifact.Store, error) {
	store, err := a.images(ctx)
	if err != nil {
		return nil, err
	}
	return artifact.Open(store), nil
}

func newArtifactAddCommand(a *app) *cobra.Command {
	var opts artifact.AddOptions
	cmd := &cobra.Command{
		Use:     "add [flags] ARTIFACT FILE [FILE...]",
		Short:   "Make an artifact of files",
		Long:    "Copy files into an artifact, and print the digest of its manifest. A short name means localhost/NAME.",
		Example: a.example("artifact add quay.io/team/model:1 model.bin README.md", "artifact add --append model licence.txt"),
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if opts.Append && opts.Replace {
				return usageError{errors.New("--append keeps the artifact that is there, --replace does not: use one")}
			}
			store, err := a.artifacts(cmd.Context())
			if err != nil {
				return err
			}
			made, err := store.Add(cmd.Context(), args[0], args[1:], opts)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.Out, made.Digest.Encoded())
			return nil
		},
	}
	f := cmd.Flags()
	f.StringToStringVar(&opts.Annotations, "annotation", nil, "give each file an annotation, `KEY=VALUE`")
	f.BoolVarP(&opts.Append, "append", "a", false, "add to an artifact that is there already")
	f.StringVar(&opts.FileType, "file-type", "", "media type of the files (default: found out from their content)")
	f.BoolVar(&opts.Replace, "replace", false, "take the place of an artifact that is there already")
	f.StringVar(&opts.Type, "type", "", "type of the artifact (default "+artifact.UnknownType+")")
	return cmd
}

func newArtifactExtractCommand(a *app) *cobra.Command {
	var want artifact.Selection
	cmd := &cobra.Command{
		Use:     "extract [flags] ARTIFACT PATH",
		Short:   "Copy the files of an artifact",
		Long:    "Copy the files of an artifact into a directory, under their titles; or one of them to a file.",
		Example: a.example("artifact extract quay.io/team/model:1 .", "artifact extract --title model.bin model /tmp/m"),
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if want.Digest != "" && want.Title != "" {
				return usageError{errors.New("--digest and --title both choose a file: use one")}
			}
			store, err := a.artifacts(cmd.Context())
			if err != nil {
				return err
			}
			found, err := store.Find(args[0])
			if err != nil {
				return err
			}
			return store.Extract(found, args[1], want)
		},
	}
	cmd.Flags().StringVar(&want.Digest, "digest", "", "only the file with this digest")
	cmd.Flags().StringVar(&want.Title, "title", "", "only the file with this title")
	return cmd
}

// inspectedArtifact is what podman prints of one.
type inspectedArtifact struct {
	Manifest any
	Name     string
	Digest   string
}

func newArtifactInspectCommand(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "inspect [flags] ARTIFACT",
		Short:   "Show the manifest of an artifact",
		Example: a.example("artifact inspect quay.io/team/model:1", `artifact inspect --format "{{.Digest}}" model`),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := a.artifacts(cmd.Context())
			if err != nil {
				return err
			}
			found, err := store.Find(args[0])
			if err != nil {
				return err
			}
			if format == "" {
				format = "json"
			}
			return report.Record(a.Out, inspectedArtifact{found.Manifest, found.Name, found.Digest.String()}, format, a.style())
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "", "print with a Go template, or as \"json\"")
	return cmd
}

func newArtifactRmCommand(a *app) *cobra.Command {
	var all, ignore bool
	cmd := &cobra.Command{
		Use:     "rm [flags] ARTIFACT [ARTIFACT...]",
		Aliases: []string{"remove"},
		Short:   "Remove artifacts",
		Long:    "Remove artifacts, by name or digest, and print the digests of their manifests.",
		Example: a.example("artifact rm quay.io/team/model:1", "artifact rm --all"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case all && len(args) > 0:
				return usageError{errors.New("--all means every artifact: leave out the names")}
			case !all && len(args) == 0:
				return usageError{errors.New("nothing to remove: give names, or --all")}
			}
			return runArtifactRm(cmd.Context(), a, args, all, ignore)
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "remove every artifact")
	cmd.Flags().BoolVarP(&ignore, "ignore", "i", false, "say nothing of artifacts that do not exist")
	return cmd
}

func runArtifactRm(ctx context.Context, a *app, names []string, all, ignore bool) error {
	store, err := a.artifacts(ctx)
	if err != nil {
		return err
	}
	var gone []artifact.Artifact
	if all {
		if gone, err = store.List(); err != nil {
			return err
		}
	}
	for _, name := range names {
		found, err := store.Find(name)
		if errors.Is(err, artifact.ErrNotFound) && ignore {
			continue
		}
		if err != nil {
			return err
		}
		gone = append(gone, found)
	}
	if len(gone) == 0 {
		return nil
	}
	if err := store.Remove(ctx, gone); err != nil {
		return err
	}
	for _, one := range gone {
		fmt.Fprintln(a.Out, one.Digest.Encoded())
	}
	return nil
}
