package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
)

func newRmCommand(a *app) *cobra.Command {
	var (
		chosen  targets
		opts    engine.RemoveOptions
		seconds int
		depend  bool
		link    bool
	)
	cmd := &cobra.Command{
		Use:   "rm [flags] CONTAINER [CONTAINER...]",
		Short: "Remove one or more containers",
		Long: "Remove containers with their writable layers. A container that runs is refused unless --force is\n" +
			"given. Exit status: 0 all were removed, 1 one does not exist, 2 one runs, 125 another error.",
		Example: a.example("rm web", "rm -f web", "rm --all"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if link {
				return usageError{hint.Wrap(errors.New("--link: there are no links between containers to remove"), a.name+" run --network container:NAME IMAGE")}
			}
			if cmd.Flags().Changed("time") {
				if !opts.Force {
					return usageError{errors.New("--time needs --force: without it nothing is stopped")}
				}
				timeout := time.Duration(seconds) * time.Second
				opts.Timeout = &timeout
			}
			chosen.ignore = chosen.ignore || opts.Force
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			e.Sweep(cmd.Context())
			found, errs, err := chosen.find(cmd.Context(), e, args)
			if err != nil {
				return err
			}
			if depend {
				if found, err = withDependents(cmd.Context(), e, found); err != nil {
					return err
				}
			}
			err = a.forEach(found, errs, func(t target) error { return e.Remove(cmd.Context(), t.Config.ID, opts) })
			return rmExit(err)
		},
	}
	chosen.add(cmd.Flags(), "remove", targetFlags{all: true, ignore: true, cidFile: true, filter: true, long: true})
	cmd.Flags().Lookup("ignore").Shorthand = "i"
	cmd.Flags().BoolVarP(&opts.Force, "force", "f", false, "stop and remove also what runs; say nothing of what does not exist")
	cmd.Flags().IntVarP(&seconds, "time", "t", 10, "seconds to wait before a running container is killed; -1 waits for ever")
	cmd.Flags().BoolVar(&depend, "depend", false, "also remove the containers that share a namespace with it")
	cmd.Flags().BoolP("volumes", "v", false, "also remove the container's anonymous volumes (they are part of its layer and always go with it)")
	cmd.Flags().BoolVar(&link, "link", false, "docker's removal of a link; refused, since there are none")
	cmd.Flags().Lookup("link").Hidden = true
	aliasFlag(cmd, "timeout", "time")
	return cmd
}

// withDependents puts before each target the containers that use its namespaces, and theirs.
func withDependents(ctx context.Context, e *engine.Engine, found []target) ([]target, error) {
	list, err := e.List(ctx)
	if err != nil {
		return nil, err
	}
	var all []target
	seen := map[string]bool{}
	var add func(target)
	add = func(t target) {
		if seen[t.Config.ID] {
			return
		}
		seen[t.Config.ID] = true
		for _, c := range list {
			if slices.Contains(c.Config.Dependencies(), t.Config.ID) {
				add(target{c.Config.ID, c})
			}
		}
		all = append(all, t)
	}
	for _, t := range found {
		add(t)
	}
	return all, nil
}

// rmExit gives the exit codes of podman-rm(1).
func rmExit(err error) error {
	switch {
	case errors.Is(err, engine.ErrState):
		return exitError{2, err}
	case errors.Is(err, engine.ErrNotFound):
		return exitError{1, err}
	}
	return err
}
