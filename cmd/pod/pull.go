package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type pullOptions struct {
	image.PullOptions
	access            accessFlags
	os, arch, variant string
	quiet             bool
}

func (o *pullOptions) addFlags(f *pflag.FlagSet) {
	f.BoolVarP(&o.AllTags, "all-tags", "a", false, "pull every tag of the repository")
	f.StringVar(&o.arch, "arch", "", "architecture of the image, instead of this machine's")
	f.StringVar(&o.os, "os", "", "operating system of the image, instead of this machine's")
	f.StringVar(&o.variant, "variant", "", "variant of the architecture")
	f.Var(into("os/arch[/variant]", &o.Platform, image.ParsePlatform), "platform", "platform of the image, instead of this machine's")
	o.access.add(f, &o.Access)
	o.access.addCreds(f, &o.Access)
	o.access.addRetry(f, &o.Access)
	addContentTrust(f)
	f.StringArrayVar(&o.DecryptionKeys, "decryption-key", nil, "open encrypted layers with the key in this `file[:PASSPHRASE]`")
	f.Var(into("policy", &o.Policy, image.ParsePolicy).withDefault(string(image.PullAlways)), "policy", "when to pull: always, missing, never or newer")
	addUnpackLimit(f, &o.PullOptions)
	f.BoolVarP(&o.quiet, "quiet", "q", false, "show no progress")
}

// complete checks flags against each other and puts those that were given into the options.
func (o *pullOptions) complete(f *pflag.FlagSet, a *app) error {
	parts := o.os != "" || o.arch != "" || o.variant != ""
	if parts && f.Changed("platform") {
		return usageError{errors.New("--platform says all of --os, --arch and --variant: leave those out")}
	}
	if parts {
		o.Platform = image.Platform{OS: strings.ToLower(o.os), Arch: image.NormalArch(o.arch), Variant: o.variant}
	}
	if err := a.orDefaultPlatform(&o.Platform); err != nil {
		return err
	}
	if o.Policy == "" {
		o.Policy = image.PullAlways
	}
	return o.access.complete(f, a, &o.Access, o.quiet)
}

// configurePull lets containers.conf say what create and run leave open.
func (a *app) configurePull(o *image.PullOptions) error {
	conf, err := a.configure(&o.Access)
	if err != nil || o.Policy != "" {
		return err
	}
	if o.Policy, err = image.ParsePolicy(conf.PullPolicy); err != nil {
		return fmt.Errorf("read containers.conf: %w", err)
	}
	return nil
}

// progress says where the progress of a transfer is told.
func (a *app) progress(quiet bool) (out io.Writer, isTerminal bool) {
	if quiet {
		return nil, false
	}
	return a.Err, terminal.IsTerminal(a.Err)
}

// userAgent is what registries are told.
func userAgent() string { return "pod/" + version }

func newPullCommand(a *app) *cobra.Command {
	var opts pullOptions
	cmd := &cobra.Command{
		Use:   "pull [flags] IMAGE [IMAGE...]",
		Short: "Fetch images from a registry",
		Long: "Fetch images from a registry, or from an archive or directory (docker-archive:FILE, oci-archive:FILE, oci:DIR, dir:DIR).\n" +
			"The ids of the images go to the standard output, progress to the standard error. A short name is looked up in\n" +
			"registries.conf; it is never guessed. An image's name changes its meaning when all of the new image is there.",
		Example: a.example("pull alpine", "pull --platform linux/arm64 quay.io/team/app:1", "pull -q docker.io/library/alpine@sha256:..."),
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.complete(cmd.Flags(), a); err != nil {
				return err
			}
			return runPull(cmd.Context(), a, args, opts.PullOptions)
		},
	}
	opts.addFlags(cmd.Flags())
	return cmd
}

func runPull(ctx context.Context, a *app, names []string, opts image.PullOptions) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		full, remember, err := a.choose(name)
		if err != nil {
			return err
		}
		images, err := pullImages(ctx, a, store, full, opts)
		if err == nil {
			err = remember()
		}
		if err != nil {
			return err
		}
		for _, img := range images {
			fmt.Fprintln(a.Out, a.pulled(name, img))
		}
	}
	return nil
}

// pulled is the answer of a pull: the image's id; called as docker, its full name.
func (a *app) pulled(name string, img *image.Image) string {
	if a.style() == report.Docker {
		if names, err := image.PullNames(name); err == nil {
			for _, n := range names {
				if slices.Contains(img.Names, n.String()) || n.Digest != "" {
					return n.String()
				}
			}
		}
		return img.String()
	}
	return img.ID
}

// pullImages obeys the policy. With --all-tags, or from an archive, there is no one local image to ask for first.
func pullImages(ctx context.Context, a *app, store *image.Store, name string, opts image.PullOptions) ([]*image.Image, error) {
	if opts.AllTags || opts.Policy == image.PullAlways {
		return a.courier().Pull(ctx, store, name, opts)
	}
	img, err := store.Resolve(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	return []*image.Image{img}, nil
}
