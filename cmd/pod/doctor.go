package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/pkg/rootless"
)

func newDoctorCommand(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "Say what this machine lacks for running containers, and how to fix it",
		Long: `Look at everything that containers of this user need and print one line for each: ok, warning (something
optional does not work) or failure. Below what is not ok stands the command that fixes it. Exit status: 0, or 1 when there is a failure.`,
		Example: a.example("doctor", "doctor --format json"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDoctor(cmd.Context(), a, format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "", `"json", or empty for lines`)
	return cmd
}

func runDoctor(ctx context.Context, a *app, format string) error {
	if format != "" && format != "json" {
		return usageError{fmt.Errorf("format %q is not known: use json or none", format)}
	}
	// --root moves the images elsewhere; the probe must look there.
	facts, err := rootless.HostFacts(a.global.root)
	if err != nil {
		return err
	}
	findings := rootless.Diagnose(ctx, facts)
	if format == "json" {
		err = printJSON(a.Out, findings)
	} else {
		err = printFindings(a.Out, findings, colours(a.Out))
	}
	if err != nil {
		return err
	}
	failed := func(f rootless.Finding) bool { return f.Status == rootless.Failure }
	if slices.ContainsFunc(findings, failed) {
		return exitError{code: 1}
	}
	return nil
}

func printJSON(w io.Writer, findings []rootless.Finding) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // fixes are commands with & and >
	return e.Encode(findings)
}

// printFindings aligns the three columns. Colour is outside of the padding, so that it does not count as width.
func printFindings(w io.Writer, findings []rootless.Finding, colour bool) error {
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Check))
	}
	for _, f := range findings {
		status := fmt.Sprintf("%-7s", f.Status)
		if colour {
			status = statusColour(f.Status) + status + "\x1b[0m"
		}
		if _, err := fmt.Fprintf(w, "%s  %-*s  %s\n", status, width, f.Check, f.Text); err != nil {
			return err
		}
		if f.Fix == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "    fix: %s\n", f.Fix); err != nil {
			return err
		}
	}
	return nil
}

func statusColour(s rootless.Status) string {
	switch s {
	case rootless.Failure:
		return "\x1b[31m"
	case rootless.Warning:
		return "\x1b[33m"
	}
	return "\x1b[32m"
}

// colours reports whether f is a terminal and its owner has not asked for no colour (no-color.org).
func colours(f *os.File) bool {
	if os.Getenv("NO_COLOR") != "" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
