package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

func newSystemResetCommand(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "reset [flags]",
		Short: "Remove all that pod keeps",
		Long: "Remove all containers, running ones too, all images, networks, and the cache of builds. What podman and buildah have in the same store stays, with the images that their\n" +
			"containers use. It asks first; where no terminal is to ask on, it wants --force.",
		Example: a.example("system reset", "system reset --force"),
		Args:    takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !force && !terminal.IsTerminal(a.In) {
				return usageError{errors.New("everything would be removed, and there is no terminal to ask on: give --force")}
			}
			if !force && !a.confirm("This removes all containers, running ones too, all images, networks, and the cache of builds.") {
				return nil
			}
			return runSystemReset(cmd.Context(), a)
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	return cmd
}

// runSystemReset goes on after an error: what can be removed is removed.
func runSystemReset(ctx context.Context, a *app) error {
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	list, err := e.List(ctx)
	if err != nil {
		return err
	}
	var errs []error
	removed := 0
	var atOnce time.Duration
	for _, c := range list {
		switch err := e.Remove(ctx, c.Config.ID, engine.RemoveOptions{Force: true, Timeout: &atOnce}); {
		case err == nil:
			removed++
		case !errors.Is(err, engine.ErrNotFound):
			errs = append(errs, err)
		}
	}
	mounts, err := e.MountedImages()
	errs = append(errs, err)
	for _, m := range mounts {
		_, err := e.UnmountImage(m.ID, true)
		errs = append(errs, err)
	}
	images, _, err := store.Prune(ctx, image.PruneOptions{All: true})
	errs = append(errs, err)
	networks, err := pruneNetworks(ctx, e, nil)
	errs = append(errs, err, clearCache(ctx, a))
	found, err := store.Check(ctx, image.CheckOptions{Repair: true})
	errs = append(errs, err)
	fmt.Fprintf(a.Out, "Removed: %d containers, %d images, %d networks, %d leftovers\n", removed, len(images.Deleted), len(networks), len(found.Leftovers))
	return errors.Join(errs...)
}

// clearCache removes all that the cache of builds keeps.
func clearCache(ctx context.Context, a *app) error {
	b, err := a.builder(ctx)
	if err != nil {
		return err
	}
	_, err = b.Prune(ctx, build.Policy{All: true})
	return err
}
