package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// run is main as a function: it gives the exit code.
func run(args []string, s streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	a := &app{streams: s, name: nameFromArgv(args[0]), args: args}
	root := newRootCommand(a)
	root.SetArgs(args[1:])
	return a.finish(root.ExecuteContext(ctx))
}

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           a.name,
		Short:         "Run containers without root and without a daemon",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q", args[0])}
			}
			return cmd.Help()
		},
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	a.global.add(root.PersistentFlags())
	root.AddCommand(containerCommands(a)...)
	root.AddCommand(newContainerCommand(a))
	root.AddCommand(newDemoCommand(a))
	return root
}

// containerCommands are the verbs on containers; each is there twice, at the top and below "container".
func containerCommands(a *app) []*cobra.Command {
	return []*cobra.Command{}
}

func newContainerCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "container", Short: "Manage containers"}
	cmd.AddCommand(containerCommands(a)...)
	return cmd
}
