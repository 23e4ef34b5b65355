package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/internal/timespec"
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
	cmd.AddCommand(newBuildCommand(a), newBuilderDuCommand(a, name), newBuilderPruneCommand(a, name))
	return cmd
}

func newBuilderDuCommand(a *app, name string) *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use:     "du [flags]",
		Short:   "Show what the cache of builds keeps",
		Example: a.example(name+" du", name+" du --verbose"),
		Args:    takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBuilderDu(cmd.Context(), a, verbose)
		},
	}
	cmd.Flags().BoolVar(&verbose, "verbose", false, "show what each entry is")
	return cmd
}

func runBuilderDu(ctx context.Context, a *app, verbose bool) error {
	b, err := a.builder(ctx)
	if err != nil {
		return err
	}
	entries, err := b.Entries()
	if err != nil {
		return err
	}
	var total int64
	for _, e := range entries {
		total += e.Size
		if verbose {
			fmt.Fprintf(a.Out, "ID:          %s\nType:        %s\nSize:        %s\nCreated at:  %s\nLast used:   %s\nDescription: %s\n\n",
				e.ID, e.Kind, report.Size(e.Size), e.Created.Format(time.RFC3339), e.Used.Format(time.RFC3339), report.Escape(e.Text))
		}
	}
	if !verbose {
		rows := [][]string{{"ID", "TYPE", "SIZE", "LAST USED"}}
		for _, e := range entries {
			rows = append(rows, []string{image.ShortID(e.ID), string(e.Kind), report.Size(e.Size), report.Duration(e.Used, time.Now()) + " ago"})
		}
		if err := report.Table(a.Out, rows, report.Docker); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.Out, "Total: %s\n", report.Size(total))
	return nil
}

// cachePruneOptions say which entries of the cache go.
type cachePruneOptions struct {
	force   bool
	all     bool
	filters []string
	most    int64
}

func newBuilderPruneCommand(a *app, name string) *cobra.Command {
	var opts cachePruneOptions
	cmd := &cobra.Command{
		Use:   "prune [flags]",
		Short: "Remove what the cache of builds keeps",
		Long: "Remove entries of the cache of builds. Images stay, and with them the layers that they have. Without flags all goes\n" +
			"but what was used in the last 48 hours; what was used last goes last.",
		Example: a.example(name+" prune --all --force", name+" prune --filter until=24h", name+" prune --max-used-space 10g"),
		Args:    takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBuilderPrune(cmd.Context(), a, opts)
		},
	}
	cmd.Flags().BoolVarP(&opts.all, "all", "a", false, "remove all entries")
	cmd.Flags().BoolVarP(&opts.force, "force", "f", false, "do not ask")
	cmd.Flags().StringArrayVar(&opts.filters, "filter", nil, "remove what matches: until=DURATION (not used since), type=TYPE, id=ID")
	cmd.Flags().Var(into("bytes", &opts.most, parseSpace), "max-used-space", "keep at most this much")
	return cmd
}

func runBuilderPrune(ctx context.Context, a *app, opts cachePruneOptions) error {
	keep, err := opts.keep()
	if err != nil {
		return usageError{err}
	}
	if !opts.force && !a.confirm("This removes entries of the cache of builds.") {
		return nil
	}
	b, err := a.builder(ctx)
	if err != nil {
		return err
	}
	entries, err := b.Entries()
	if err != nil {
		return err
	}
	removed, err := b.Prune(ctx, slices.DeleteFunc(entries, keep))
	var total int64
	for _, e := range removed {
		total += e.Size
		fmt.Fprintln(a.Out, e.ID)
	}
	fmt.Fprintf(a.Out, "Total: %s\n", report.Size(total))
	return err
}

// keep says which entries stay. It is asked from what was used last to what was used first.
func (o cachePruneOptions) keep() (func(build.Entry) bool, error) {
	until := time.Now().Add(-48 * time.Hour)
	if o.all || o.most > 0 || len(o.filters) > 0 {
		until = time.Now()
	}
	kinds, ids := []string{}, []string{}
	for _, f := range o.filters {
		key, value, ok := strings.Cut(f, "=")
		switch {
		case !ok:
			return nil, fmt.Errorf("--filter %q is not KEY=VALUE", f)
		case key == "until":
			t, err := timespec.Ago(value, time.Now())
			if err != nil {
				return nil, fmt.Errorf("--filter until=%s: %w", value, err)
			}
			until = t
		case key == "type":
			kinds = append(kinds, value)
		case key == "id":
			ids = append(ids, value)
		default:
			return nil, fmt.Errorf("--filter %q: it is until, type or id", f)
		}
	}
	var kept int64
	return func(e build.Entry) bool {
		if e.Used.After(until) || len(kinds) > 0 && !slices.Contains(kinds, string(e.Kind)) ||
			len(ids) > 0 && !slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(e.ID, id) }) {
			return true
		}
		kept += e.Size
		return o.most > 0 && kept <= o.most
	}, nil
}

func parseSpace(s string) (int64, error) {
	n, err := container.ParseSize(s)
	if err == nil && n <= 0 {
		err = errors.New("it is more than nothing")
	}
	return n, err
}
