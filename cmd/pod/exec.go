package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
)

// execFlags are the flags of exec that are not part of the process itself.
type execFlags struct {
	latest, interactive bool
	cidFile             string
}

func newExecCommand(a *app) *cobra.Command {
	var (
		opts  engine.ExecOptions
		flags execFlags
	)
	cmd := &cobra.Command{
		Use:   "exec [flags] CONTAINER COMMAND [ARG...]",
		Short: "Run a command in a running container",
		Long: "Run a further process in a running container. Exit status: the command's own; 125 when pod itself failed,\n" +
			"126 when the command cannot be executed, 127 when it is not in the container.",
		Example: a.example("exec -it web sh", "exec -u nobody -w /tmp web id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := detachKeys(cmd)
			if err != nil {
				return err
			}
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			c, command, err := flags.container(cmd.Context(), e, args)
			if err != nil {
				return err
			}
			opts.Args = command
			return a.exec(cmd.Context(), e, c, opts, flags.interactive, keys)
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.BoolVarP(&flags.latest, "latest", "l", false, "use the container made last")
	f.StringVar(&flags.cidFile, "cidfile", "", "read the container id from this file")
	f.String("detach-keys", terminal.DefaultDetachKeys, "keys that detach from the process")
	f.BoolVarP(&opts.Detach, "detach", "d", false, "run in the background and print the session's id")
	f.BoolVarP(&flags.interactive, "interactive", "i", false, "keep stdin open")
	f.BoolVarP(&opts.Terminal, "tty", "t", false, "give the process a terminal")
	f.BoolVar(&opts.Privileged, "privileged", false, "give the process all capabilities")
	f.StringVarP(&opts.As, "user", "u", "", "user[:group] of the process, by name or number")
	f.StringVarP(&opts.Workdir, "workdir", "w", "", "working directory inside the container")
	f.UintVar(&opts.PreserveFDs, "preserve-fds", 0, "pass on this many descriptors, from 3")
	f.VarP(extend(&opts.Env, parseEnv), "env", "e", "set a variable; without a value, take yours")
	f.Var(extend(&opts.Env, readEnvFile), "env-file", "read variables from a file, one per line")
	return cmd
}

// extend makes a flag that may be given several times and stands for several values each time.
func extend(dst *[]string, parse func(string) ([]string, error)) parsed {
	return parsed{kind: "list", set: func(s string) error {
		values, err := parse(s)
		*dst = append(*dst, values...)
		return err
	}}
}

func parseEnv(s string) ([]string, error) { return container.ParseEnv(s, os.Environ()) }

// readEnvFile reads a file of variables.
func readEnvFile(path string) ([]string, error) {
	text, err := readSmallFile(path)
	if err != nil {
		return nil, err
	}
	return container.ParseEnvFile(text, os.Environ())
}

// container gives the container and the command: the first argument names the container unless a flag does.
func (x *execFlags) container(ctx context.Context, e *engine.Engine, args []string) (engine.Container, []string, error) {
	chosen := targets{latest: x.latest}
	if x.cidFile != "" {
		chosen.cidFiles = []string{x.cidFile}
	}
	var names []string
	if !x.latest && x.cidFile == "" && len(args) > 0 {
		names, args = args[:1], args[1:]
	}
	found, errs, err := chosen.find(ctx, e, names)
	if err == nil {
		err = errors.Join(errs...)
	}
	if err != nil {
		return engine.Container{}, nil, err
	}
	if len(args) == 0 {
		return engine.Container{}, nil, tooFewOrMany(errors.New("no command is given: exec CONTAINER COMMAND [ARG...]"))
	}
	return found[0].Container, args, nil
}

func (a *app) exec(ctx context.Context, e *engine.Engine, c engine.Container, opts engine.ExecOptions, interactive bool, keys []byte) error {
	if opts.Detach {
		x, err := e.Exec(ctx, c, opts)
		if err != nil {
			return err
		}
		fmt.Fprintln(a.Out, x.ID)
		return nil
	}
	if opts.Terminal {
		return a.execTerminal(ctx, e, c, opts, interactive, keys)
	}
	streams, copied, err := a.execStreams(interactive)
	if err != nil {
		return err
	}
	opts.Stdio = streams
	x, err := e.Exec(ctx, c, opts)
	copied.begin(err == nil)
	if err != nil {
		return err
	}
	stop := a.proxySignals(x)
	defer stop()
	code, err := x.Wait(context.WithoutCancel(ctx))
	copied.wait()
	if err != nil || code == 0 {
		return err
	}
	return exitError{code: code}
}

// execTerminal runs a process with a terminal of its own, connected to the caller's.
func (a *app) execTerminal(ctx context.Context, e *engine.Engine, c engine.Container, opts engine.ExecOptions, interactive bool, keys []byte) error {
	x, err := e.Exec(ctx, c, opts)
	if err != nil {
		return err
	}
	restore := func() {}
	if interactive && terminal.IsTerminal(a.In) {
		if restore, err = a.raw(); err != nil {
			return err
		}
	}
	defer restore()
	if terminal.IsTerminal(a.Out) {
		go followSize(windowSizes(a.Out), x.Terminal)
	}
	detached := make(chan struct{})
	if interactive {
		go func() {
			if errors.Is(client.CopyInput(x.Terminal, a.In, keys), client.ErrDetached) {
				close(detached)
			}
		}()
	}
	output := make(chan struct{})
	go func() {
		io.Copy(a.Out, x.Terminal)
		close(output)
	}()
	ended := make(chan error, 1)
	var code int
	go func() {
		var err error
		code, err = x.Wait(context.WithoutCancel(ctx))
		ended <- err
	}()
	select {
	case <-detached:
		return x.Leave()
	case err = <-ended:
	}
	<-output
	if err != nil || code == 0 {
		return err
	}
	return exitError{code: code}
}

// followSize gives the process's terminal the size of the caller's.
func followSize(sizes <-chan monitor.Size, to *os.File) {
	for size := range sizes {
		unix.IoctlSetWinsize(int(to.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: size.Rows, Col: size.Columns})
	}
}
