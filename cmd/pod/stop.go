package main

import (
	"time"

	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
)

func newStopCommand(a *app) *cobra.Command {
	var (
		chosen  targets
		seconds int
		signal  string
	)
	cmd := &cobra.Command{
		Use:   "stop [flags] CONTAINER [CONTAINER...]",
		Short: "Stop one or more containers",
		Long: "Send each container its stop signal, wait, and kill it when it has not ended in time. Stopping a\n" +
			"container that does not run is no error.",
		Example: a.example("stop web", "stop -t 2 web db", "stop --all"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts := engine.StopOptions{Signal: signal}
			if cmd.Flags().Changed("time") {
				timeout := time.Duration(seconds) * time.Second
				opts.Timeout = &timeout
			}
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			found, errs, err := chosen.find(cmd.Context(), e, args)
			if err != nil {
				return err
			}
			return a.forEach(found, errs, func(t target) error { return e.Stop(cmd.Context(), t.Config.ID, opts) })
		},
	}
	chosen.add(cmd.Flags(), "stop", targetFlags{all: true, ignore: true, cidFile: true, filter: true})
	cmd.Flags().IntVarP(&seconds, "time", "t", 10, "seconds to wait before the container is killed; -1 waits for ever")
	cmd.Flags().StringVarP(&signal, "signal", "s", "", "signal to send (default the container's stop signal)")
	aliasFlag(cmd, "timeout", "time")
	return cmd
}
