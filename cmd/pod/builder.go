package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

// newBuilderCommand holds what is about the cache of builds; docker has the same under two names.
func newBuilderCommand(a *app, name string) *cobra.Command {
	cmd := onlyCommands(&cobra.Command{
		Use: name, Short: "Build images and look after the cache of builds", Example: a.example(name+" du", name+" prune --filter until=24h"),
	})
	a.addBuilderFlag(cmd.PersistentFlags())
	build, bake := newBuildCommand(a), newBakeCommand(a, name)
	build.Aliases, bake.Aliases = []string{"b"}, []string{"f"} // docker buildx's
	cmd.AddCommand(build, bake, newBuilderDuCommand(a, name), newBuilderPruneCommand(a, name))
	cmd.AddCommand(newBuildxCommands(a, name)...)
	return cmd
}

// filterHelp says which filters there are.
const filterHelp = "until=DURATION (not used since), type=TYPE, id=ID, description~=TEXT, shared, private"

func newBuilderDuCommand(a *app, name string) *cobra.Command {
	var verbose bool
	var chosen build.Policy
	cmd := &cobra.Command{
		Use:     "du [flags]",
		Short:   "Show what the cache of builds keeps",
		Long:    "Show what the cache of builds keeps, what was used last first. RECLAIMABLE is false for layers that an image has, too.",
		Example: a.example(name+" du", name+" du --verbose --filter type=exec.cachemount"),
		Args:    takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			chosen.All = true
			return runBuilderDu(cmd.Context(), a, chosen, verbose)
		},
	}
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show what each entry is")
	cmd.Flags().Var(appendTo(&chosen.Filters, build.ParseFilter), "filter", "show only what matches: "+filterHelp)
	return cmd
}

func runBuilderDu(ctx context.Context, a *app, chosen build.Policy, verbose bool) error {
	b, err := a.builder(ctx)
	if err != nil {
		return err
	}
	entries, err := b.Entries()
	if err != nil {
		return err
	}
	list := chosen.Choose(entries, 0)
	slices.Reverse(list)
	var total, shared int64
	for _, e := range list {
		total += e.Size
		if e.Shared {
			shared += e.Size
		}
	}
	if err := writeEntries(a, list, verbose); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Out, "Shared: %s\nPrivate: %s\nReclaimable: %s\nTotal: %s\n",
		report.Size(shared), report.Size(total-shared), report.Size(total-shared), report.Size(total))
	return err
}

func writeEntries(a *app, entries []build.Entry, verbose bool) error {
	if !verbose {
		rows := [][]string{{"ID", "RECLAIMABLE", "TYPE", "SIZE", "LAST USED"}}
		for _, e := range entries {
			rows = append(rows, []string{
				image.ShortID(e.ID), fmt.Sprint(!e.Shared), string(e.Kind), report.Size(e.Size), report.Duration(e.Used, time.Now()) + " ago",
			})
		}
		return report.Table(a.Out, rows, report.Docker)
	}
	for _, e := range entries {
		_, err := fmt.Fprintf(a.Out, "ID:          %s\nType:        %s\nShared:      %t\nReclaimable: %t\nSize:        %s\nCreated at:  %s\nLast used:   %s\nDescription: %s\n\n",
			e.ID, e.Kind, e.Shared, !e.Shared, report.Size(e.Size), e.Created.Format(time.RFC3339), e.Used.Format(time.RFC3339), report.Escape(e.Text))
		if err != nil {
			return err
		}
	}
	return nil
}

func newBuilderPruneCommand(a *app, name string) *cobra.Command {
	var force, verbose bool
	var p build.Policy
	cmd := &cobra.Command{
		Use:   "prune [flags]",
		Short: "Remove what the cache of builds keeps",
		Long: "Remove entries of the cache of builds: those whose layers no image has, with --all the others as well; images stay in any case. With\n" +
			"--max-used-space or --min-free-space no more goes than is needed, what was used longest ago first. What a build that runs has used stays.",
		Example: a.example(name+" prune --all --force", name+" prune --filter until=24h", name+" prune --max-used-space 10g --reserved-space 1g"),
		Args:    takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !force && !a.confirm("This removes entries of the cache of builds.") {
				return nil
			}
			return runBuilderPrune(cmd.Context(), a, p, verbose)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&p.All, "all", "a", false, "remove also entries whose layers an image has")
	f.BoolVarP(&force, "force", "f", false, "do not ask")
	f.BoolVar(&verbose, "verbose", false, "show what each entry was")
	f.Var(appendTo(&p.Filters, build.ParseFilter), "filter", "remove only what matches: "+filterHelp)
	f.Var(into("bytes", &p.MaxUsed, parseSpace), "max-used-space", "keep at most this much: bytes, or a number with k, m or g")
	f.Var(into("bytes", &p.MinFree, parseSpace), "min-free-space", "remove until the file system has this much left: bytes, or a number with k, m or g")
	f.Var(into("bytes", &p.Reserved, parseSpace), "reserved-space", "always keep this much: bytes, or a number with k, m or g")
	f.Var(into("bytes", &p.Reserved, parseSpace), "keep-storage", "the same as --reserved-space")
	return cmd
}

func runBuilderPrune(ctx context.Context, a *app, p build.Policy, verbose bool) error {
	b, err := a.builder(ctx)
	if err != nil {
		return err
	}
	removed, err := b.Prune(ctx, p)
	var total int64
	for _, e := range removed {
		total += e.Size
		if !verbose {
			fmt.Fprintln(a.Out, e.ID)
		}
	}
	if verbose {
		err = errors.Join(err, writeEntries(a, removed, verbose))
	}
	fmt.Fprintf(a.Out, "Total: %s\n", report.Size(total))
	return err
}

func parseSpace(s string) (int64, error) {
	n, err := container.ParseSize(s)
	if err == nil && n <= 0 {
		err = errors.New("it is more than nothing")
	}
	return n, err
}
