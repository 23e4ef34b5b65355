package main

import (
	"time"

	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
)

func newRestartCommand(a *app) *cobra.Command {
	var (
		chosen  targets
		only    bool
		seconds int
		signal  string
	)
	cmd := &cobra.Command{
		Use:     "restart [flags] CONTAINER [CONTAINER...]",
		Short:   "Stop and start one or more containers",
		Example: a.example("restart web", "restart -t 0 --running --all"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts := engine.StopOptions{Signal: signal}
			if cmd.Flags().Changed("time") {
				timeout := time.Duration(seconds) * time.Second
				opts.Timeout = &timeout
			}
			if only && len(args) == 0 && !chosen.latest && len(chosen.filters) == 0 {
				chosen.all = true
			}
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			found, errs, err := chosen.find(cmd.Context(), e, args)
			if err != nil {
				return err
			}
			if only {
				found = running(found)
			}
			return a.forEach(found, errs, func(t target) error { return e.Restart(cmd.Context(), t.Config.ID, opts) })
		},
	}
	chosen.add(cmd.Flags(), "restart", targetFlags{all: true, cidFile: true, filter: true})
	cmd.Flags().BoolVar(&only, "running", false, "restart only containers that run")
	cmd.Flags().IntVarP(&seconds, "time", "t", 10, "seconds to wait before the container is killed; -1 waits for ever")
	cmd.Flags().StringVarP(&signal, "signal", "s", "", "signal to stop with (default the container's stop signal)")
	aliasFlag(cmd, "timeout", "time")
	return cmd
}
