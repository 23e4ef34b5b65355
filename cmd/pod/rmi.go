package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

type rmiOptions struct {
	image.RemoveOptions
	all, ignore bool
}

func newRmiCommand(a *app) *cobra.Command {
	var opts rmiOptions
	cmd := &cobra.Command{
		Use:   "rmi [flags] IMAGE [IMAGE...]",
		Short: "Remove images",
		Long: "Remove images. An image given by a name loses that name, and goes with its last one. Exit status: 0 all were\n" +
			"removed, 1 one does not exist and nothing else failed, 2 one is in use, 125 another error.",
		Example: a.example("rmi alpine", "rmi -f 4f5a", "rmi --all"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case opts.all && len(args) > 0:
				return usageError{errors.New("--all means every image: leave out the names")}
			case !opts.all && len(args) == 0:
				return usageError{errors.New("nothing to remove: give names or ids, or --all")}
			}
			return runRmi(cmd.Context(), a, args, opts)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&opts.all, "all", "a", false, "remove all images that are not in use")
	f.BoolVarP(&opts.Force, "force", "f", false, "remove also the containers that use the image, and all its names; say nothing of what does not exist")
	f.BoolVarP(&opts.ignore, "ignore", "i", false, "say nothing of images that do not exist")
	f.BoolVar(&opts.NoPrune, "no-prune", false, "keep unnamed images that the removed one was built on")
	return cmd
}

func runRmi(ctx context.Context, a *app, names []string, o rmiOptions) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	if o.all {
		return removeAll(ctx, a, store, o)
	}
	var failures []error
	for _, name := range names {
		done, err := store.Remove(ctx, name, o.RemoveOptions)
		a.tellRemoved(done)
		if errors.Is(err, image.ErrNotFound) && (o.ignore || o.Force) {
			continue
		}
		if err != nil {
			failures = append(failures, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return worstOf(failures)
}

// removeAll removes every image that may be. It makes rounds, because the removal of an image lets those go that it was built on.
func removeAll(ctx context.Context, a *app, store *image.Store, o rmiOptions) error {
	o.AllNames = true
	for {
		list, err := store.List(ctx, image.ListOptions{All: true})
		if err != nil {
			return err
		}
		var failures []error
		removed := false
		for _, l := range list {
			if l.Image.ReadOnly {
				continue
			}
			done, err := store.Remove(ctx, l.ID, o.RemoveOptions)
			a.tellRemoved(done)
			removed = removed || len(done.Deleted) > 0
			// Gone meanwhile, with an image that was built on it.
			if err != nil && !errors.Is(err, image.ErrNotFound) {
				failures = append(failures, err)
			}
		}
		if len(failures) == 0 || !removed || ctx.Err() != nil {
			return worstOf(failures)
		}
	}
}

func (a *app) tellRemoved(done image.Removed) {
	for _, name := range done.Untagged {
		fmt.Fprintln(a.Out, "Untagged: "+name)
	}
	for _, id := range done.Deleted {
		fmt.Fprintln(a.Out, "Deleted: "+id)
	}
}

// worstOf joins what failed; the exit status is 1 only when all that failed did not exist.
func worstOf(failures []error) error {
	err := errors.Join(failures...)
	missing := 0
	for _, f := range failures {
		switch {
		case errors.Is(f, image.ErrInUse):
			return exitError{2, err}
		case errors.Is(f, image.ErrNotFound):
			missing++
		}
	}
	if len(failures) > 0 && missing == len(failures) {
		return exitError{1, err}
	}
	return err
}
