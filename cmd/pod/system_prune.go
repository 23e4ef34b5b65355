package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

type pruneOptions struct {
	image.PruneOptions
	build, force bool
}

func newImagePruneCommand(a *app) *cobra.Command {
	var opts pruneOptions
	cmd := &cobra.Command{
		Use:     "prune [flags]",
		Short:   "Remove images that nothing uses",
		Long:    "Remove images that have no name and that nothing is built on; with --all, every image without container.",
		Example: a.example("image prune", "image prune --all --force --filter until=240h"),
		Args:    takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runImagePrune(cmd.Context(), a, opts)
		},
	}
	cmd.Flags().BoolVarP(&opts.All, "all", "a", false, "remove every image without container")
	cmd.Flags().StringArrayVar(&opts.Filters, "filter", nil, "remove only images that match, as until=24h or label=KEY")
	cmd.Flags().BoolVarP(&opts.force, "force", "f", false, "do not ask")
	return cmd
}

func runImagePrune(ctx context.Context, a *app, o pruneOptions) error {
	question := "This removes all images without name that nothing is built on."
	if o.All {
		question = "This removes all images without container."
	}
	if !o.force && !a.confirm(question) {
		return nil
	}
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	done, reclaimed, err := store.Prune(ctx, o.PruneOptions)
	if a.style() == report.Docker {
		if len(done.Deleted) > 0 {
			fmt.Fprintln(a.Out, "Deleted Images:")
			for _, name := range done.Untagged {
				fmt.Fprintln(a.Out, "untagged: "+name)
			}
			for _, id := range done.Deleted {
				fmt.Fprintln(a.Out, "deleted: sha256:"+id)
			}
			fmt.Fprintln(a.Out)
		}
		fmt.Fprintln(a.Out, "Total reclaimed space: "+report.Size(reclaimed))
		return err
	}
	for _, id := range done.Deleted {
		fmt.Fprintln(a.Out, id)
	}
	return err
}

func newSystemPruneCommand(a *app) *cobra.Command {
	var opts pruneOptions
	cmd := &cobra.Command{
		Use:   "prune [flags]",
		Short: "Remove all that nothing uses",
		Long: "Remove the containers that do not run, the networks that no container is in, and the images that have no name and that nothing is built\n" +
			"on; with --all, every image that is without container then. With --build, as always for docker, also what the cache of builds\n" +
			"keeps and no image has; with --all all of it.",
		Example: a.example("system prune", "system prune --all --force"),
		Args:    takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runSystemPrune(cmd.Context(), a, opts)
		},
	}
	cmd.Flags().BoolVarP(&opts.All, "all", "a", false, "remove every image without container")
	cmd.Flags().BoolVar(&opts.build, "build", a.style() == report.Docker, "remove also what the cache of builds keeps")
	cmd.Flags().StringArrayVar(&opts.Filters, "filter", nil, "remove only what matches: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]")
	cmd.Flags().BoolVarP(&opts.force, "force", "f", false, "do not ask")
	return cmd
}

func runSystemPrune(ctx context.Context, a *app, o pruneOptions) error {
	if err := checkPruneFilters(o.Filters); err != nil {
		return err
	}
	question := "This removes all containers that do not run, all networks without container, and all images without name that nothing is built on."
	if o.All {
		question = "This removes all containers that do not run, and all networks and images without container."
	}
	if !o.force && !a.confirm(question) {
		return nil
	}
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	containers, freed, errContainers := pruneContainers(ctx, e, o.Filters)
	networks, errNetworks := pruneNetworks(ctx, e, o.Filters)
	images, reclaimed, errImages := store.Prune(ctx, o.PruneOptions)
	var cached []string
	var errCache error
	if o.build {
		var size int64
		cached, size, errCache = pruneCache(ctx, a, o)
		reclaimed += size
	}
	for _, list := range []struct {
		heading string
		ids     []string
	}{{"Deleted Containers", containers}, {"Deleted Networks", networks}, {"Deleted Images", images.Deleted}, {"Deleted Build Cache", cached}} {
		if len(list.ids) == 0 {
			continue
		}
		fmt.Fprintln(a.Out, list.heading)
		for _, id := range list.ids {
			fmt.Fprintln(a.Out, id)
		}
	}
	fmt.Fprintln(a.Out, "Total reclaimed space: "+report.Size(freed+reclaimed))
	return errors.Join(errContainers, errNetworks, errImages, errCache)
}

// pruneCache removes what the cache of builds keeps, and gives ids and bytes.
func pruneCache(ctx context.Context, a *app, o pruneOptions) (ids []string, freed int64, err error) {
	policy := build.Policy{All: o.All}
	for _, f := range o.Filters {
		if !strings.HasPrefix(f, "until=") {
			continue // an entry has no labels
		}
		filter, err := build.ParseFilter(f)
		if err != nil {
			return nil, 0, err
		}
		policy.Filters = append(policy.Filters, filter)
	}
	b, err := a.builder(ctx)
	if err != nil {
		return nil, 0, err
	}
	removed, err := b.Prune(ctx, policy)
	for _, e := range removed {
		ids, freed = append(ids, e.ID), freed+e.Size
	}
	return ids, freed, err
}

// pruneContainers removes the containers that do not run, and gives their ids and the bytes of their files.
func pruneContainers(ctx context.Context, e *engine.Engine, filters []string) (removed []string, freed int64, err error) {
	match, err := matching(ctx, e, filters, time.Now())
	if err != nil {
		return nil, 0, err
	}
	list, err := e.List(ctx)
	if err != nil {
		return nil, 0, err
	}
	e.Settle(ctx, list)
	var errs []error
	for _, c := range list {
		switch c.State.Status {
		case container.StatusCreated, container.StatusExited, container.StatusDamaged:
		default:
			continue
		}
		if !match(c.Config, c.State) {
			continue
		}
		size, err := treeSize(writableDir(e, c))
		if err == nil {
			err = e.Remove(ctx, c.Config.ID, engine.RemoveOptions{})
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		removed, freed = append(removed, c.Config.ID), freed+size
	}
	return removed, freed, errors.Join(errs...)
}
