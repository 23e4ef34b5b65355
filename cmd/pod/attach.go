package main

import (
	"context"
	"errors"

	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
)

func newAttachCommand(a *app) *cobra.Command {
	var (
		chosen            targets
		noStdin, sigProxy bool
	)
	cmd := &cobra.Command{
		Use:   "attach [flags] CONTAINER",
		Short: "Attach to a running container",
		Long: "Connect the terminal to a running container. Exit status: the container's own, 0 after the detach keys,\n" +
			"125 when pod itself failed.",
		Example: a.example("attach web", "attach --no-stdin web"),
		Args:    cobra.MaximumNArgs(1),
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
			if err == nil {
				err = errors.Join(errs...)
			}
			if err != nil {
				return err
			}
			return a.attach(cmd.Context(), e, found[0].Container, sessionOptions{
				keys: keys, stdin: !noStdin, stdout: true, stderr: true,
				sigProxy: sigProxy && !found[0].Config.Process.Terminal,
			})
		},
	}
	chosen.add(cmd.Flags(), "attach to", targetFlags{})
	cmd.Flags().BoolVar(&noStdin, "no-stdin", false, "do not attach stdin")
	cmd.Flags().BoolVar(&sigProxy, "sig-proxy", true, "pass signals on to the container")
	cmd.Flags().String("detach-keys", terminal.DefaultDetachKeys, "keys that detach from the container")
	return cmd
}

// attach joins a container that runs already.
func (a *app) attach(ctx context.Context, e *engine.Engine, c engine.Container, opts sessionOptions) error {
	run, err := e.Attach(ctx, c)
	if err != nil {
		return err
	}
	return a.session(ctx, c.Config, run, opts)
}
