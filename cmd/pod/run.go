package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// runOptions are about one call of run, not about the container.
type runOptions struct {
	creation
	detach   bool
	sigProxy bool
}

func (o *runOptions) add(f *pflag.FlagSet) {
	o.creation.add(f)
	f.BoolVarP(&o.detach, "detach", "d", false, "run in the background and print the id")
	f.BoolVar(&o.sigProxy, "sig-proxy", true, "pass signals on to the container")
	f.String("detach-keys", terminal.DefaultDetachKeys, "keys that detach from the container")
}

func newRunCommand(a *app) *cobra.Command {
	var opts runOptions
	cfg := container.NewConfig()
	cmd := &cobra.Command{
		Use:   "run [flags] IMAGE [COMMAND [ARG...]]",
		Short: "Create and start a container",
		Long: "Create a container and start it. Exit status: the container's own; 125 when pod itself failed, 126 when\n" +
			"the command cannot be executed, 127 when it is not in the image, 128+n when signal n ended it.",
		Example: a.example("run --rm -it alpine sh", "run -d --name web -p 8080:80 nginx"),
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg.Image.Name, cfg.Process.Args = args[0], args[1:]
			keys, err := detachKeys(cmd)
			if err != nil {
				return err
			}
			return a.run(cmd.Context(), cfg, &opts, keys)
		},
	}
	cmd.Flags().SetInterspersed(false)
	a.addConfigFlags(cmd.Flags(), cfg)
	opts.add(cmd.Flags())
	return cmd
}

func (a *app) run(ctx context.Context, cfg *container.Config, opts *runOptions, keys []byte) error {
	if err := opts.check(); err != nil {
		return usageError{err}
	}
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	if err := a.create(ctx, e, cfg, &opts.creation); err != nil {
		return err
	}
	if opts.detach {
		return a.runDetached(ctx, e, cfg)
	}
	return a.runAttached(ctx, e, cfg, sessionOptions{
		keys: keys, sigProxy: opts.sigProxy && !cfg.Process.Terminal,
		stdin: opts.wants("stdin"), stdout: opts.wants("stdout"), stderr: opts.wants("stderr"),
	})
}

func (o *runOptions) check() error {
	if o.detach && len(o.attach) > 0 {
		return errors.New("--detach and --attach exclude each other")
	}
	return nil
}

func (a *app) runDetached(ctx context.Context, e *engine.Engine, cfg *container.Config) error {
	run, err := e.Start(ctx, cfg.ID, engine.StartOptions{Stdio: a.passthrough(cfg)})
	if err != nil {
		return a.undoRun(ctx, e, cfg, err)
	}
	if err := run.Detach(); err != nil {
		return err
	}
	fmt.Fprintln(a.Out, cfg.ID)
	return nil
}

func (a *app) runAttached(ctx context.Context, e *engine.Engine, cfg *container.Config, opts sessionOptions) error {
	run, err := e.Start(ctx, cfg.ID, engine.StartOptions{
		Attach: true, Streams: opts.streamSet(cfg), Size: a.firstSize(cfg), Stdio: a.passthrough(cfg),
	})
	if err != nil {
		return a.undoRun(ctx, e, cfg, err)
	}
	return a.session(ctx, cfg, run, opts)
}

// undoRun removes the container of a run that could not be started when it was to be removed anyway (--rm), as docker
// does; another stays for inspection.
func (a *app) undoRun(ctx context.Context, e *engine.Engine, cfg *container.Config, cause error) error {
	if !cfg.Remove {
		return cause
	}
	if err := e.Remove(context.WithoutCancel(ctx), cfg.ID, engine.RemoveOptions{Force: true}); err != nil {
		return errors.Join(cause, err)
	}
	return cause
}
