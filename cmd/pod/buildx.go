package main

import (
	"fmt"

	"github.com/pod-engine/pod/internal/report"
	"github.com/spf13/cobra"
)

// newBuildxCommands are what scripts ask docker buildx about itself: there is one builder, which is pod.
func newBuildxCommands(a *app, name string) []*cobra.Command {
	say := &cobra.Command{
		Use: "version", Short: "Show the version of the builder", Example: a.example(name + " version"), Args: takesNone,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.Out, "pod %s\n", version)
			return err
		},
	}
	ls := &cobra.Command{
		Use: "ls", Short: "List builders", Long: "List builders. There is one, default, which is pod itself.", Example: a.example(name + " ls"), Args: takesNone,
		RunE: func(*cobra.Command, []string) error {
			return report.Table(a.Out, [][]string{
				{"NAME/NODE", "DRIVER/ENDPOINT", "STATUS", "BUILDKIT", "PLATFORMS"},
				{"default*", "pod", "", "", ""},
				{" \\_ default", " \\_ default", "running", version, hostPlatform().String()},
			}, report.Docker)
		},
	}
	inspect := &cobra.Command{
		Use: "inspect [NAME]", Short: "Show a builder", Example: a.example(name + " inspect"), Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 && args[0] != "default" {
				return fmt.Errorf("there is no builder %q; there is one, default", args[0])
			}
			_, err := fmt.Fprintf(a.Out, "Name:   default\nDriver: pod\n\nNodes:\nName:      default\nEndpoint:  default\nStatus:    running\nPlatforms: %s\n", hostPlatform())
			return err
		},
	}
	return []*cobra.Command{say, ls, inspect, newImagetoolsCommand(a, name)}
}
