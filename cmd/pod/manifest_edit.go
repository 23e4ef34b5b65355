package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// addEntryFlags binds what an entry of a manifest list says of its image.
func addEntryFlags(f *pflag.FlagSet, e *image.EntryEdit) {
	f.StringToStringVar(&e.Annotations, "annotation", nil, "give the entry an annotation, `KEY=VALUE`")
	f.Var(into("arch", &e.Arch, func(s string) (string, error) { return image.NormalArch(s), nil }), "arch", "say that the image is for this architecture")
	f.Var(into("os", &e.OS, func(s string) (string, error) { return strings.ToLower(s), nil }), "os", "say that the image is for this operating system")
	f.StringVar(&e.OSVersion, "os-version", "", "say which version of the operating system the image needs")
	f.StringVar(&e.Variant, "variant", "", "say that the image is for this variant of the architecture")
}

func newManifestAddCommand(a *app) *cobra.Command {
	var opts image.ListAdd
	var access accessFlags
	cmd := &cobra.Command{
		Use:   "add [flags] LIST IMAGE [IMAGE...]",
		Short: "Add images to a manifest list",
		Long: "Add images to a manifest list: those of the store, or else of their registries; or with a transport (docker://, oci:DIR, ...)\n" +
			"from there. Of a name that is a list itself, the image for this machine or for --os and --arch is taken, or with --all every one.",
		Example: a.example("manifest add app quay.io/team/app:arm64", "manifest add --all app docker://quay.io/team/base:1",
			"manifest add --arch arm64 --variant v8 app dir:build"),
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := access.complete(cmd.Flags(), a, &opts.Access, true); err != nil {
				return err
			}
			return runManifestAdd(cmd.Context(), a, args[0], args[1:], opts)
		},
	}
	f := cmd.Flags()
	access.add(f, &opts.Access)
	access.addCreds(f, &opts.Access)
	addInsecure(f, &opts.Access)
	addEntryFlags(f, &opts.EntryEdit)
	f.BoolVar(&opts.All, "all", false, "of a name that is a list itself, add every image")
	return cmd
}

func runManifestAdd(ctx context.Context, a *app, name string, images []string, opts image.ListAdd) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	list, err := a.courier().AddToList(ctx, store, name, images, opts)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.Out, list.ID)
	return nil
}

func newManifestAnnotateCommand(a *app) *cobra.Command {
	var edit image.EntryEdit
	var index bool
	cmd := &cobra.Command{
		Use:     "annotate [flags] LIST [IMAGE|DIGEST]",
		Short:   "Change what a manifest list says of an image",
		Long:    "Change what a manifest list says of an image in it, or with --index the annotations of the list itself. It prints the list's id.",
		Example: a.example("manifest annotate --arch arm64 --variant v8 app app:arm64", "manifest annotate --index --annotation team=web app"),
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if index != (len(args) == 1) {
				return usageError{fmt.Errorf("give the image whose entry is changed, or --index to change the list itself")}
			}
			return runManifestEdit(cmd.Context(), a, args[0], func(ctx context.Context, s *image.Store, l *image.ManifestList) error {
				if index {
					l.Annotate(edit.Annotations)
					return nil
				}
				d, err := s.Entry(ctx, l, args[1])
				if err == nil {
					edit.Apply(d)
				}
				return err
			})
		},
	}
	f := cmd.Flags()
	addEntryFlags(f, &edit)
	f.StringSliceVar(&edit.OSFeatures, "os-features", nil, "say which features of the operating system the image needs")
	f.BoolVar(&index, "index", false, "change the annotations of the list itself")
	return cmd
}

func newManifestRemoveCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "remove LIST DIGEST|IMAGE",
		Short:   "Take an image out of a manifest list",
		Long:    "Take an image out of a manifest list, by the digest of its manifest or by its name. The image stays. It prints the list's id.",
		Example: a.example("manifest remove app sha256:..."),
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runManifestEdit(cmd.Context(), a, args[0], func(ctx context.Context, s *image.Store, l *image.ManifestList) error {
				d, err := s.Entry(ctx, l, args[1])
				if err == nil {
					l.Drop(d.Digest)
				}
				return err
			})
		},
	}
}

func runManifestEdit(ctx context.Context, a *app, name string, edit func(context.Context, *image.Store, *image.ManifestList) error) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	list, err := store.EditManifestList(ctx, name, func(l *image.ManifestList) error { return edit(ctx, store, l) })
	if err != nil {
		return err
	}
	fmt.Fprintln(a.Out, list.ID)
	return nil
}
