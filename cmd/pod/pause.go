package main

import (
	"context"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
)

func newPauseCommand(a *app) *cobra.Command {
	return newFreezeCommand(a, "pause", "Pause all processes of one or more containers", container.StatusRunning,
		(*engine.Engine).Pause)
}

func newUnpauseCommand(a *app) *cobra.Command {
	return newFreezeCommand(a, "unpause", "Let paused containers go on", container.StatusPaused,
		(*engine.Engine).Unpause)
}

// newFreezeCommand makes pause or unpause; with --all it acts on the containers in the status from.
func newFreezeCommand(a *app, verb, short string, from container.Status, act func(*engine.Engine, context.Context, string) error) *cobra.Command {
	var chosen targets
	cmd := &cobra.Command{
		Use:     verb + " [flags] CONTAINER [CONTAINER...]",
		Short:   short,
		Example: a.example(verb+" web", verb+" --all"),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			found, errs, err := chosen.find(cmd.Context(), e, args)
			if err != nil {
				return err
			}
			if chosen.all || len(chosen.filters) > 0 {
				all := found
				found = nil
				for _, t := range all {
					if t.State.Status == from {
						found = append(found, t)
					}
				}
			}
			return a.forEach(found, errs, func(t target) error { return act(e, cmd.Context(), t.Config.ID) })
		},
	}
	chosen.add(cmd.Flags(), verb, targetFlags{all: true, cidFile: true, filter: true})
	return cmd
}
