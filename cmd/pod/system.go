package main

import "github.com/spf13/cobra"

// newSystemCommand holds the verbs on all that pod keeps.
func newSystemCommand(a *app) *cobra.Command {
	cmd := onlyCommands(&cobra.Command{Use: "system", Short: "Manage all that pod keeps", Example: a.example("system df", "system prune")})
	cmd.AddCommand(newSystemCheckCommand(a), newSystemDfCommand(a), newEventsCommand(a), newInfoCommand(a, a.sources()),
		newSystemPruneCommand(a), newSystemResetCommand(a))
	return cmd
}
