package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pod-engine/pod/internal/hint"
)

func newUnshareCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unshare [COMMAND [ARG...]]",
		Short: "Run a command in the user's namespaces, as root over the subordinate ids",
		Long: `Run a command, or a shell, in the user and mount namespace that containers are made in. There, files of
containers have the owners that the containers see, and can be changed and removed. Exit status: the command's own; 125 when pod itself failed, 126 when the command cannot be
executed, 127 when it is not there.`,
		Example: a.example("unshare", "unshare rm -r ~/volume", "unshare cat /proc/self/uid_map"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runUnshare(cmd.Context(), a, args)
		},
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// runUnshare replaces this process by the command, so that signals, the terminal and the exit code are the command's own. It
// returns only an error.
func runUnshare(ctx context.Context, a *app, argv []string) error {
	info, err := enter(ctx, a)
	if err != nil {
		return err
	}
	if !info.Rootless {
		return hint.Wrap(errors.New("please use unshare with rootless"), "run it as an ordinary user")
	}
	if len(argv) == 0 {
		argv = []string{shell()}
	}
	path, err := exec.LookPath(argv[0])
	if err == nil {
		err = syscall.Exec(path, argv, os.Environ())
	}
	return startError(argv[0], err)
}

func shell() string {
	if sh := os.Getenv("SHELL"); sh != "" {
		return sh
	}
	return "/bin/sh"
}

// startError gives a command that could not be started the exit code a shell would give.
func startError(name string, err error) error {
	code := exitNotExecutable
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		code = exitNotFound
	}
	var look *exec.Error
	if errors.As(err, &look) {
		err = look.Err
	}
	return exitError{code, fmt.Errorf("run %q: %w", name, err)}
}
