package main

import (
	"github.com/pod-engine/pod/pkg/container"
	"github.com/spf13/cobra"
)

func newKillCommand(a *app) *cobra.Command {
	var (
		chosen targets
		signal string
	)
	cmd := &cobra.Command{
		Use:     "kill [flags] CONTAINER [CONTAINER...]",
		Short:   "Send a signal to one or more running containers",
		Example: a.example("kill web", "kill --signal HUP web"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := container.ParseSignal(signal); err != nil {
				return usageError{err}
			}
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			found, errs, err := chosen.find(cmd.Context(), e, args)
			if err != nil {
				return err
			}
			if chosen.all {
				found = running(found)
			}
			return a.forEach(found, errs, func(t target) error { return e.Kill(cmd.Context(), t.Config.ID, signal) })
		},
	}
	chosen.add(cmd.Flags(), "signal", targetFlags{all: true, cidFile: true})
	cmd.Flags().StringVarP(&signal, "signal", "s", "KILL", "signal to send, by name or number")
	return cmd
}

// running is what of the targets has a process.
func running(found []target) []target {
	var alive []target
	for _, t := range found {
		if t.State.Alive() {
			alive = append(alive, t)
		}
	}
	return alive
}
