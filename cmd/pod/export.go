package main

import (
	"context"
	"errors"
	"io"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/spf13/cobra"
)

func newExportCommand(a *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "export [flags] CONTAINER",
		Short: "Write the files of a container to a tar archive",
		Long: "Write the root file system of a container to a tar archive, without what is mounted in the container. A file appears when it\n" +
			"is complete.",
		Example: a.example("export -o web.tar web", "export web | tar -t"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output == "" && terminal.IsTerminal(a.Out) {
				return usageError{hint.Wrap(errors.New("the standard output is a terminal, where an archive does no good"), "give --output FILE, or redirect")}
			}
			return runExport(cmd.Context(), a, args[0], output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to this `file` instead of the standard output")
	return cmd
}

func runExport(ctx context.Context, a *app, name, output string) error {
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	c, err := e.Find(ctx, name)
	if err != nil {
		return err
	}
	if output == "" {
		return e.Export(ctx, c, a.Out)
	}
	return atomicfile.Stream(output, func(w io.Writer) error { return e.Export(ctx, c, w) })
}
