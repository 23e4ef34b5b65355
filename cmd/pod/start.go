package main

import (
	"context"
	"errors"

	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
)

func newStartCommand(a *app) *cobra.Command {
	var (
		chosen                        targets
		attach, interactive, sigProxy bool
	)
	cmd := &cobra.Command{
		Use:   "start [flags] CONTAINER [CONTAINER...]",
		Short: "Start one or more containers",
		Long: "Start containers that do not run. Exit status: 0 all run, 125 one could not be started, 126 or 127 its command\n" +
			"cannot be executed or is not there; with --attach the container's own.",
		Example: a.example("start web", "start -ai shell"),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := detachKeys(cmd)
			if err != nil {
				return err
			}
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			found, errs, err := chosen.find(cmd.Context(), e, args)
			if err != nil {
				return err
			}
			if attach || interactive {
				if len(found)+len(errs) != 1 {
					return usageError{errors.New("only one container can be attached: name one, or leave out --attach and --interactive")}
				}
				if len(errs) == 1 {
					return errs[0]
				}
				return a.startAttached(cmd.Context(), e, found[0], sessionOptions{
					keys: keys, stdin: interactive, stdout: true, stderr: true,
					sigProxy: (sigProxy || !cmd.Flags().Changed("sig-proxy")) && !found[0].Config.Process.Terminal,
				})
			}
			return a.forEach(found, errs, func(t target) error { return a.startDetached(cmd.Context(), e, t) })
		},
	}
	chosen.add(cmd.Flags(), "start", targetFlags{filter: true})
	cmd.Flags().BoolVar(&chosen.all, "all", false, "start all containers")
	cmd.Flags().BoolVarP(&attach, "attach", "a", false, "attach stdout and stderr")
	cmd.Flags().BoolVarP(&interactive, "interactive", "i", false, "attach stdin too")
	cmd.Flags().BoolVar(&sigProxy, "sig-proxy", false, "pass signals on to the container (default true with --attach)")
	cmd.Flags().String("detach-keys", terminal.DefaultDetachKeys, "keys that detach from the container")
	return cmd
}

func (a *app) startDetached(ctx context.Context, e *engine.Engine, t target) error {
	run, err := e.Start(ctx, t.Config.ID, engine.StartOptions{Stdio: a.passthrough(t.Config)})
	if engine.IsRunning(err) {
		return nil // started is what it should be
	}
	if err != nil {
		return err
	}
	return run.Detach()
}

func (a *app) startAttached(ctx context.Context, e *engine.Engine, t target, opts sessionOptions) error {
	run, err := e.Start(ctx, t.Config.ID, engine.StartOptions{
		Attach: true, Streams: opts.streamSet(t.Config), Size: a.firstSize(t.Config), Stdio: a.passthrough(t.Config),
	})
	if engine.IsRunning(err) {
		return a.attach(ctx, e, t.Container, opts)
	}
	if err != nil {
		return err
	}
	return a.session(ctx, t.Config, run, opts)
}
