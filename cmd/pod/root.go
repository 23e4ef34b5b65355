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
	var showVersion bool
	root := &cobra.Command{
		Use:           a.name,
		Short:         "Run containers without root and without a daemon",
		Example:       a.example("run --rm -it alpine sh", "ps --all"),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if showVersion {
				fmt.Fprintln(a.Out, versionLine(a.name))
				return nil
			}
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q; %s --help lists the commands", args[0], a.name)}
			}
			return cmd.Help()
		},
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	a.global.add(root.PersistentFlags())
	root.Flags().BoolVarP(&showVersion, "version", "v", false, "print the version")
	root.AddCommand(containerCommands(a)...)
	root.AddCommand(imageCommands(a)...)
	root.AddCommand(systemCommands(a)...)
	root.AddCommand(newContainerCommand(a), newImageCommand(a))
	return root
}

// containerCommands are the verbs on containers; each is there twice, at the top and below "container".
func containerCommands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newAttachCommand(a), newCreateCommand(a), newExecCommand(a), newInitCommand(a), newKillCommand(a), newLogsCommand(a),
		newPauseCommand(a), newPortCommand(a, a.sources()), newPsCommand(a, a.sources()), newRenameCommand(a), newRestartCommand(a),
		newRmCommand(a), newRunCommand(a), newStartCommand(a), newStopCommand(a), newUnpauseCommand(a), newWaitCommand(a),
	}
}

// newContainerCommand holds the verbs on containers and those that are only below it.
func newContainerCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "container", Short: "Manage containers", Example: a.example("container ls --all")}
	for _, verb := range containerCommands(a) {
		if verb.Name() != "ps" {
			cmd.AddCommand(verb)
		}
	}
	cmd.AddCommand(newContainerListCommand(a, a.sources()), newContainerInspectCommand(a, a.sources()),
		newContainerExistsCommand(a), newContainerPruneCommand(a), newContainerCleanupCommand(a))
	return cmd
}

// systemCommands are about the machine and the engine.
func systemCommands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newDemoCommand(a), newDoctorCommand(a), newEventsCommand(a), newInfoCommand(a, a.sources()),
		newInspectCommand(a, a.sources()), newUnshareCommand(a), newVersionCommand(a),
	}
}
