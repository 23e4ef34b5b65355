package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newManifestCommand holds the verbs on manifest lists.
func newManifestCommand(a *app) *cobra.Command {
	cmd := onlyCommands(&cobra.Command{
		Use: "manifest", Short: "Manage lists of images for several platforms",
		Example: a.example("manifest create app", "manifest add app quay.io/team/app:arm64", "manifest push app quay.io/team/app:1"),
	})
	cmd.AddCommand(newManifestAddCommand(a), newManifestAnnotateCommand(a), newManifestCreateCommand(a), newManifestExistsCommand(a),
		newManifestInspectCommand(a), newManifestPushCommand(a), newManifestRemoveCommand(a), newManifestRmCommand(a))
	return cmd
}

// addInsecure binds docker's --insecure, which is --tls-verify=false.
func addInsecure(f *pflag.FlagSet, access *image.Access) {
	f.BoolFunc("insecure", "docker's word for --tls-verify=false", func(s string) error {
		verify := s == "false"
		access.TLSVerify = &verify
		return nil
	})
	f.Lookup("insecure").Hidden = true
}

func newManifestCreateCommand(a *app) *cobra.Command {
	var opts image.ListAdd
	var access accessFlags
	var amend bool
	var annotations map[string]string
	cmd := &cobra.Command{
		Use:   "create [flags] LIST [IMAGE...]",
		Short: "Make a manifest list",
		Long:  "Make a manifest list, empty or with images, and print its id. The images are those of the store, or else of their registries.",
		Example: a.example("manifest create app", "manifest create quay.io/team/app:1 quay.io/team/app:amd64 quay.io/team/app:arm64",
			"manifest create --amend app other:arm64"),
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := access.complete(cmd.Flags(), a, &opts.Access, true); err != nil {
				return err
			}
			return runManifestCreate(cmd.Context(), a, args[0], args[1:], amend, annotations, opts)
		},
	}
	f := cmd.Flags()
	access.add(f, &opts.Access)
	addInsecure(f, &opts.Access)
	f.BoolVar(&opts.All, "all", false, "of a name that is a list itself, add every image")
	f.BoolVarP(&amend, "amend", "a", false, "add to a list that is there already")
	f.StringToStringVar(&annotations, "annotation", nil, "give the list an annotation, `KEY=VALUE`")
	return cmd
}

func runManifestCreate(ctx context.Context, a *app, name string, images []string, amend bool, annotations map[string]string, opts image.ListAdd) (err error) {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	existed, err := store.Has(ctx, name)
	if err != nil {
		return err
	}
	list, err := store.CreateManifestList(ctx, name, amend)
	if err != nil {
		return err
	}
	if len(annotations) > 0 {
		_, err = store.EditManifestList(ctx, list.ID, func(l *image.ManifestList) error { l.Annotate(annotations); return nil })
	}
	if err == nil && len(images) > 0 {
		_, err = a.courier().AddToList(ctx, store, list.ID, images, opts)
	}
	if err != nil {
		if !existed {
			// What cannot be filled is not left behind.
			_, gone := store.Remove(context.WithoutCancel(ctx), list.ID, image.RemoveOptions{Force: true})
			err = errors.Join(err, gone)
		}
		return err
	}
	fmt.Fprintln(a.Out, list.ID)
	return nil
}

func newManifestExistsCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "exists LIST",
		Short:   "Say by the exit status whether a manifest list is in the store",
		Long:    "Look whether a manifest list is in the store; nothing is printed. Exit status: 0 it is, 1 it is not, 125 another error.",
		Example: a.example("manifest exists app"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := a.images(cmd.Context())
			if err != nil {
				return err
			}
			if _, err = store.ManifestList(cmd.Context(), args[0]); errors.Is(err, image.ErrNotFound) {
				return exitError{code: 1}
			}
			return err
		},
	}
}

func newManifestRmCommand(a *app) *cobra.Command {
	var ignore bool
	cmd := &cobra.Command{
		Use:     "rm [flags] LIST [LIST...]",
		Short:   "Remove manifest lists",
		Long:    "Remove manifest lists from the store. The images in them stay. Exit status: 0 all were removed, 1 one does not exist, 125 another error.",
		Example: a.example("manifest rm app"),
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := a.images(cmd.Context())
			if err != nil {
				return err
			}
			// An image of this name is not what is meant.
			var failures []error
			var lists []string
			for _, name := range args {
				switch _, err := store.ManifestList(cmd.Context(), name); {
				case err == nil:
					lists = append(lists, name)
				case !ignore || !errors.Is(err, image.ErrNotFound):
					failures = append(failures, err)
				}
			}
			if len(failures) > 0 {
				return worstOf(failures)
			}
			return runRmi(cmd.Context(), a, lists, rmiOptions{ignore: ignore, RemoveOptions: image.RemoveOptions{NoPrune: true}})
		},
	}
	cmd.Flags().BoolVarP(&ignore, "ignore", "i", false, "say nothing of lists that do not exist")
	return cmd
}

func newManifestInspectCommand(a *app) *cobra.Command {
	var opts image.Access
	var access accessFlags
	cmd := &cobra.Command{
		Use:   "inspect [flags] LIST|NAME",
		Short: "Show a manifest list, or the manifest in a registry",
		Long: "Show a manifest list of the store; or, when there is none, the list or manifest that the name stands for in its registry, or in\n" +
			"an archive or directory (docker-archive:FILE, oci-archive:FILE, oci:DIR, dir:DIR).",
		Example: a.example("manifest inspect app", "manifest inspect quay.io/team/app:1"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := access.complete(cmd.Flags(), a, &opts, true); err != nil {
				return err
			}
			return runManifestInspect(cmd.Context(), a, args[0], opts)
		},
	}
	f := cmd.Flags()
	access.add(f, &opts)
	addInsecure(f, &opts)
	return cmd
}

func runManifestInspect(ctx context.Context, a *app, name string, access image.Access) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	var text []byte
	if list, found := store.ManifestList(ctx, name); found == nil {
		text, err = json.Marshal(list.Index)
	} else {
		var m image.Manifest
		m, err = a.courier().Manifest(ctx, store, name, access)
		text = m.Text
	}
	if err != nil {
		return err
	}
	var shown bytes.Buffer
	if err := json.Indent(&shown, text, "", "    "); err != nil {
		return fmt.Errorf("inspect the manifest of %q: %w", name, err)
	}
	fmt.Fprintln(a.Out, shown.String())
	return nil
}
