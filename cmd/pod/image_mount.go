package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

func newImageMountCommand(a *app) *cobra.Command {
	var all bool
	var format string
	cmd := &cobra.Command{
		Use:   "mount [flags] [IMAGE...]",
		Short: "Mount images, or show which are mounted",
		Long: "Mount the files of images, read-only, and print where; without names, show the images that are mounted. The mount is in pod's own\n" +
			"namespace, so it is made and seen inside unshare. It stays until image unmount, and keeps the image from being removed.",
		Example: a.example("unshare sh -c 'ls $(pod image mount alpine)'", "image mount"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case all && len(args) > 0:
				return usageError{errors.New("--all means every image: leave out the names")}
			case format != "" && !report.IsJSON(format):
				return usageError{fmt.Errorf("--format %q: image mount knows only json", format)}
			}
			return runImageMount(cmd.Context(), a, args, all, format)
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "mount all images")
	cmd.Flags().StringVar(&format, "format", "", "print as \"json\"")
	return cmd
}

func runImageMount(ctx context.Context, a *app, names []string, all bool, format string) error {
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	if len(names) == 0 && !all {
		mounts, err := e.MountedImages()
		if err != nil {
			return err
		}
		return writeMounts(ctx, a, store, mounts, format)
	}
	if e.User.Rootless && !insideNamespace() {
		return hint.Wrap(errors.New("the mount would not be seen outside of pod's namespace"), a.name+" unshare "+a.name+" image mount IMAGE")
	}
	if all {
		list, err := store.List(ctx, image.ListOptions{})
		if err != nil {
			return err
		}
		for _, l := range list {
			names = append(names, l.ID)
		}
	}
	var mounts []engine.ImageMount
	var errs []error
	for _, name := range names {
		img, err := store.Lookup(ctx, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		path, err := e.MountImage(ctx, img)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		mounts = append(mounts, engine.ImageMount{ID: img.ID, Path: path})
	}
	if len(mounts) == 1 && len(names) == 1 && format == "" {
		fmt.Fprintln(a.Out, mounts[0].Path)
	} else if err := writeMounts(ctx, a, store, mounts, format); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// insideNamespace reports whether this program was started inside pod's namespace, so that who called it will see the mount: by what it was told when it was
// started, since it tells its own children the same once it has come inside.
func insideNamespace() bool {
	started, err := os.ReadFile("/proc/self/environ")
	return err == nil && bytes.Contains(append([]byte{0}, started...), []byte("\x00_POD_USERNS="))
}

func writeMounts(ctx context.Context, a *app, store *image.Store, mounts []engine.ImageMount, format string) error {
	type mounted struct {
		ID           string `json:"id"`
		Repositories []string
		Mountpoint   string `json:"mountpoint"`
	}
	list := []mounted{}
	var rows [][]string
	for _, m := range mounts {
		name, names := image.ShortID(m.ID), []string{}
		if img, err := store.Lookup(ctx, m.ID); err == nil {
			name, names = img.String(), orEmpty(img.Names)
		}
		list = append(list, mounted{m.ID, names, m.Path})
		rows = append(rows, []string{name, m.Path})
	}
	if report.IsJSON(format) {
		return report.WriteJSON(a.Out, list, "  ")
	}
	return report.Table(a.Out, rows, a.style())
}

func newImageUnmountCommand(a *app) *cobra.Command {
	var all, force bool
	cmd := &cobra.Command{
		Use:     "unmount [flags] IMAGE...",
		Aliases: []string{"umount"},
		Short:   "Unmount images",
		Example: a.example("image unmount alpine", "image unmount --all"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return usageError{errors.New("give names or ids, or --all")}
			}
			return runImageUnmount(cmd.Context(), a, args, all, force)
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "unmount all images")
	cmd.Flags().BoolVarP(&force, "force", "f", false, "unmount also what is in use: it is out of sight at once")
	return cmd
}

func runImageUnmount(ctx context.Context, a *app, names []string, all, force bool) error {
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	if all {
		mounts, err := e.MountedImages()
		if err != nil {
			return err
		}
		for _, m := range mounts {
			names = append(names, m.ID)
		}
	}
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		img, err := store.Lookup(ctx, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		switch was, err := e.UnmountImage(img.ID, force); {
		case err != nil:
			errs = append(errs, err)
		case !was && !force:
			errs = append(errs, fmt.Errorf("image %q is not mounted", name))
		default:
			fmt.Fprintln(a.Out, img.ID)
		}
	}
	return errors.Join(errs...)
}
