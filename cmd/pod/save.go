package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type saveOptions struct {
	image.SaveOptions
	quiet bool
}

func (o *saveOptions) addFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.Compress, "compress", false, "compress the layers; only with --format docker-dir")
	f.Var(into("format", &o.Format, image.ParseFormat).withDefault(string(image.DockerArchive)), "format", "docker-archive, oci-archive, oci-dir or docker-dir")
	f.BoolVarP(&o.Multi, "multi-image-archive", "m", false, "save an image for each argument; else further arguments are further tags of the first image")
	f.StringVarP(&o.Output, "output", "o", "", "write to this `file` or directory instead of the standard output")
	f.Var(into("os/arch[/variant]", &o.Platform, image.ParsePlatform), "platform", "which image of a manifest list")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "show no progress")
	f.BoolVar(&o.Uncompressed, "uncompressed", false, "leave layers uncompressed; only with an OCI format")
}

func (o *saveOptions) check(a *app) error {
	if o.Format == "" {
		o.Format = image.DockerArchive
	}
	switch {
	case o.Compress && o.Format != image.DockerDir:
		return usageError{errors.New("--compress is only possible with --format docker-dir")}
	case o.Uncompressed && o.Format != image.OCIArchive && o.Format != image.OCIDir:
		return usageError{errors.New("--uncompressed is only possible with --format oci-archive or oci-dir")}
	case o.Multi && o.Format != image.DockerArchive:
		return usageError{errors.New("--multi-image-archive is only possible with --format docker-archive")}
	case o.Output == "" && o.Format.IsDir():
		return usageError{errors.New("a directory cannot be written to the standard output: give --output")}
	case o.Output == "" && terminal.IsTerminal(a.Out):
		return usageError{hint.Wrap(errors.New("the standard output is a terminal, where an archive does no good"), "give --output FILE, or redirect")}
	}
	return nil
}

func newSaveCommand(a *app) *cobra.Command {
	var opts saveOptions
	cmd := &cobra.Command{
		Use:   "save [flags] IMAGE [IMAGE...]",
		Short: "Save images to an archive or directory",
		Long: "Save images to an archive or directory, which load, podman load and docker load can read. A file appears\n" +
			"when it is complete. A manifest list goes into an OCI format whole, with what attests to its images; into another only the image for\n" +
			"this machine, or for --platform.",
		Example: a.example("save -o alpine.tar alpine", "save -m app db > both.tar", "save --format oci-dir -o app app:1"),
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.check(a); err != nil {
				return err
			}
			return runSave(cmd.Context(), a, args, opts)
		},
	}
	opts.addFlags(cmd.Flags())
	return cmd
}

func runSave(ctx context.Context, a *app, names []string, o saveOptions) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	a.warnPartial(ctx, store, names, o.SaveOptions)
	o.Out = a.Out
	o.Progress, o.Terminal = a.progress(o.quiet)
	return a.courier().Save(ctx, store, names, o.SaveOptions)
}

// warnPartial says what of a list the archive will not have: its other images, and what attests to the one that it gets.
func (a *app) warnPartial(ctx context.Context, store *image.Store, names []string, o image.SaveOptions) {
	if o.TakesList() || o.Platform != (image.Platform{}) {
		return
	}
	if !o.Multi {
		names = names[:1]
	}
	for _, name := range names {
		if l, err := store.ManifestList(ctx, name); err == nil && (l.Attested() || len(l.Index.Manifests) > 1) {
			a.warn(fmt.Sprintf("of the manifest list %q only the image for this machine is saved; --format oci-archive keeps all of it, attestations too", name))
		}
	}
}
