package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// example writes example lines under the name the program was started by.
func (a *app) example(lines ...string) string {
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("  " + a.name + " " + line)
	}
	return b.String()
}

// aliasFlag lets a flag be given under a second name, as docker and podman do, without showing it twice in help.
func aliasFlag(cmd *cobra.Command, alias, name string) {
	before := cmd.Flags().GetNormalizeFunc()
	cmd.Flags().SetNormalizeFunc(func(f *pflag.FlagSet, given string) pflag.NormalizedName {
		if given == alias {
			given = name
		}
		return before(f, given)
	})
}
