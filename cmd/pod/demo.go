package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/demoimage"
)

func newDemoCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "demo",
		Short:   "Run a container from an image that is inside pod",
		Long:    "Run a container from an image that is inside pod itself: it needs no registry and no network, and shows whether containers run here. The image stays in the store.",
		Example: a.example("demo"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			archive, err := demoimage.Archive()
			if err != nil {
				return err
			}
			return runDemo(cmd.Context(), a, cmd.Root().PersistentFlags(), archive)
		},
	}
}

// runDemo does what a person would type, and shows it: load, then run.
func runDemo(ctx context.Context, a *app, global *pflag.FlagSet, archive []byte) error {
	// The first command of a user starts the program again, which would show the first step twice.
	if _, err := a.enter(ctx); err != nil {
		return err
	}
	file, err := memoryFile("image.tar", archive)
	if err != nil {
		return err
	}
	defer file.Close()
	path := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), file.Fd())
	for _, step := range []struct {
		shown string
		args  []string
	}{
		{"load -i image.tar", []string{"load", "--quiet", "--input", path}},
		{"run --rm --network none " + demoimage.Name, []string{"run", "--rm", "--network=none", demoimage.Name}},
	} {
		fmt.Fprintf(a.Err, "$ %s %s\n", a.name, step.shown)
		root := newRootCommand(a)
		root.SetArgs(append(given(global), step.args...))
		if err := root.ExecuteContext(ctx); err != nil {
			return err
		}
	}
	return nil
}

// given are the flags of f that were set, as arguments.
func given(f *pflag.FlagSet) []string {
	var args []string
	f.Visit(func(flag *pflag.Flag) {
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			for _, v := range list.GetSlice() {
				args = append(args, "--"+flag.Name+"="+v)
			}
			return
		}
		args = append(args, "--"+flag.Name+"="+flag.Value.String())
	})
	return args
}

// memoryFile is an open file with this content that no directory has.
func memoryFile(name string, content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(content); err != nil {
		f.Close()
		return nil, fmt.Errorf("write %q: %w", name, err)
	}
	return f, nil
}
