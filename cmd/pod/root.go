package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/spelling"
	"github.com/pod-engine/pod/pkg/container"
)

// run is main as a function: it gives the exit code.
func run(args []string, s streams) int {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	a := &app{streams: s, name: nameFromArgv(args[0]), args: args}
	root := newRootCommand(a)
	root.SetArgs(args[1:])
	cmd, err := root.ExecuteContextC(ctx)
	return a.finish(ctx, cmd.Name(), withUsageHint(cmd, err))
}

// endedBy is why a context is done that a signal has ended.
type endedBy struct{ syscall.Signal }

func (e endedBy) Error() string { return "ended by signal " + e.Signal.String() }

// Is makes it a context.Canceled for who asks.
func (e endedBy) Is(target error) bool { return target == context.Canceled }

// untilSignal gives a context that SIGINT and SIGTERM end, until stop is called.
func untilSignal(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			cancel(endedBy{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}

// withUsageHint points from a mistake in the command line to the help of the command, unless something better is known.
func withUsageHint(cmd *cobra.Command, err error) error {
	var usage usageError
	if errors.As(err, &usage) && hint.Of(err) == "" {
		return hint.Wrap(err, cmd.CommandPath()+" --help")
	}
	return err
}

// markArgumentErrors makes what cobra says about the number of arguments a mistake in the command line like all others.
func markArgumentErrors(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return tooFewOrMany(wrongCount(cmd, args, err))
			}
			return nil
		}
	}
	for _, child := range cmd.Commands() {
		markArgumentErrors(child)
	}
}

// wrongCount says in a sentence what cobra says of a number of arguments; what a command itself says stays.
func wrongCount(cmd *cobra.Command, args []string, err error) error {
	if text := err.Error(); !strings.Contains(text, "arg(s)") && !strings.HasPrefix(text, "unknown command") {
		return err
	}
	count := "no argument"
	switch n := len(args); {
	case n == 1:
		count = fmt.Sprintf("one argument (%q)", args[0])
	case n > 1:
		count = fmt.Sprintf("%d arguments", n)
	}
	return hint.Wrap(fmt.Errorf("%q cannot be used with %s", cmd.CommandPath(), count), cmd.UseLine())
}

// unknownCommand refuses a word that cmd has no command for, and names the one that may have been meant.
func unknownCommand(cmd *cobra.Command, word string) error {
	path := strings.TrimSpace(strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()) + " " + word)
	if why, hinted := commandLeftOut(path); why != "" {
		return tooFewOrMany(hint.Wrap(fmt.Errorf("%s is not possible: %s", path, why), hinted))
	}
	err := fmt.Errorf("unknown command %q", path)
	var known []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			known = append(append(known, c.Name()), c.Aliases...)
		}
	}
	if near := spelling.Nearest(word, known); near != "" {
		err = hint.Wrap(err, "did you mean "+cmd.CommandPath()+" "+near+"? "+cmd.CommandPath()+" --help lists all")
	}
	return tooFewOrMany(err)
}

// onlyCommands makes of cmd a command that shows its help when called alone and refuses words it has no command for.
func onlyCommands(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return cmd.Help()
	}
	return cmd
}

// flagError says why there is no flag of that name, or names the one that may have been meant, and leaves out what pflag adds to a message that is a whole sentence already.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		path := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
		if why := flagLeftOut(path, unknown.GetSpecifiedName()); why != "" {
			return fmt.Errorf("%s --%s is not possible: %s", path, unknown.GetSpecifiedName(), why)
		}
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if near := spelling.Nearest(unknown.GetSpecifiedName(), known); near != "" {
			return hint.Wrap(err, "did you mean --"+near+"? "+cmd.CommandPath()+" --help lists all")
		}
		return err
	}
	var value *pflag.InvalidValueError
	var invalid *container.InvalidError
	if errors.As(err, &value) && errors.As(err, &invalid) {
		return fmt.Errorf("--%s: %w", value.GetFlag().Name, invalid)
	}
	return err
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
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{flagError(cmd, err)}
	})
	a.global.add(root.PersistentFlags())
	root.Flags().BoolVarP(&showVersion, "version", "v", false, "print the version")
	root.SetUsageFunc(shortUsage(root.UsageFunc()))
	addGroup(root, "Containers", append(containerCommands(a), newContainerCommand(a))...)
	addGroup(root, "Images", append(imageCommands(a), newArtifactCommand(a), newBuilderCommand(a, "builder"), newBuilderCommand(a, "buildx"),
		newImageCommand(a), newManifestCommand(a))...)
	addGroup(root, "Networks", newNetworkCommand(a))
	addGroup(root, "System", systemCommands(a)...)
	markArgumentErrors(root)
	return root
}

// addGroup adds commands to root under a heading of its help.
func addGroup(root *cobra.Command, heading string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: heading, Title: heading + ":"})
	for _, c := range commands {
		c.GroupID = heading
	}
	root.AddCommand(commands...)
}

// shortUsage shows a switch by its name alone, without the "[=true|false]" that pflag puts behind it from version 1.1 on: docker
// and podman do not, and it hides what matters. Spaces in its place keep the columns.
func shortUsage(usage func(*cobra.Command) error) func(*cobra.Command) error {
	return func(c *cobra.Command) error {
		out := c.OutOrStderr()
		var text strings.Builder
		c.SetOut(&text)
		err := usage(c)
		c.SetOut(out)
		const values = "[=true|false]"
		_, printed := io.WriteString(out, strings.ReplaceAll(text.String(), values, strings.Repeat(" ", len(values))))
		return errors.Join(err, printed)
	}
}

// containerCommands are the verbs on containers; each is there twice, at the top and below "container".
func containerCommands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newAttachCommand(a), newCommitCommand(a), newCpCommand(a), newCreateCommand(a), newExecCommand(a), newExportCommand(a), newInitCommand(a), newKillCommand(a), newLogsCommand(a),
		newPauseCommand(a), newPortCommand(a, a.sources()), newPsCommand(a, a.sources()), newRenameCommand(a), newRestartCommand(a),
		newRmCommand(a), newRunCommand(a), newStartCommand(a), newStopCommand(a), newUnpauseCommand(a), newWaitCommand(a),
	}
}

// newContainerCommand holds the verbs on containers and those that are only below it.
func newContainerCommand(a *app) *cobra.Command {
	cmd := onlyCommands(&cobra.Command{Use: "container", Short: "Manage containers", Example: a.example("container ls --all")})
	for _, verb := range containerCommands(a) {
		if verb.Name() != "ps" {
			cmd.AddCommand(verb)
		}
	}
	cmd.AddCommand(newContainerDiffCommand(a), newContainerListCommand(a, a.sources()), newContainerInspectCommand(a, a.sources()),
		newContainerExistsCommand(a), newContainerPruneCommand(a), newContainerCleanupCommand(a))
	return cmd
}

// systemCommands are about the machine and the engine.
func systemCommands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newDemoCommand(a), newDiffCommand(a), newDoctorCommand(a), newEventsCommand(a), newInfoCommand(a, a.sources()),
		newInspectCommand(a, a.sources()), newSystemCommand(a), newUnshareCommand(a), newVersionCommand(a),
	}
}
