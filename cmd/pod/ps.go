package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

type psOptions struct {
	all, external, latest, noTrunc, noHeading bool
	namespaces, pod, quiet, size, sync        bool
	filters                                   []string
	format, sort                              string
	last                                      int
	watch                                     uint
}

func (o *psOptions) addFlags(f *pflag.FlagSet) {
	f.BoolVarP(&o.all, "all", "a", false, "show all containers, not only those that run")
	f.BoolVar(&o.external, "external", false, "refused: containers of other programs are not listed")
	f.StringArrayVarP(&o.filters, "filter", "f", nil, "show only containers that match KEY=VALUE")
	f.StringVar(&o.format, "format", "", "print as \"json\", or with a Go template, or with \"table TEMPLATE\"")
	f.IntVarP(&o.last, "last", "n", -1, "show the `N` containers made last, in any state")
	f.BoolVarP(&o.latest, "latest", "l", false, "show the container made last, in any state")
	f.BoolVar(&o.noTrunc, "no-trunc", false, "do not shorten ids and commands")
	f.BoolVar(&o.noHeading, "noheading", false, "leave out the row of column names")
	f.BoolVar(&o.namespaces, "ns", false, "show the namespaces of each container")
	f.BoolVarP(&o.pod, "pod", "p", false, "show the pod of each container")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print only ids")
	f.BoolVarP(&o.size, "size", "s", false, "show how much disk space each container takes")
	f.StringVar(&o.sort, "sort", "created", "sort by "+strings.Join(psSortKeys(), ", "))
	f.BoolVar(&o.sync, "sync", false, "ask what each container really does; this is so with and without the flag")
	f.UintVarP(&o.watch, "watch", "w", 0, "print again every so many `seconds`")
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		switch name {
		case "namespace":
			name = "ns"
		case "storage":
			name = "external"
		case "notruncate":
			name = "no-trunc"
		}
		return pflag.NormalizedName(name)
	})
}

// check refuses what cannot be done, before anything is read.
func (o *psOptions) check() error {
	switch {
	case o.external:
		return usageError{hint.Wrap(errors.New("--external is not possible: only containers made by pod are listed"), "podman ps --all --external")}
	case o.quiet && (o.size || o.namespaces):
		return usageError{errors.New("--quiet prints only ids: leave out --size and --ns")}
	case o.size && o.namespaces:
		return usageError{errors.New("--size and --ns are different tables: use one of them")}
	case o.latest && o.last >= 0:
		return usageError{errors.New("--latest is the same as --last 1: use one of them")}
	case o.latest && o.watch > 0:
		return usageError{errors.New("--latest cannot be watched: use --watch with --last 1")}
	}
	return nil
}

func newPsCommand(a *app, src sources) *cobra.Command {
	var opts psOptions
	cmd := &cobra.Command{
		Use:     "ps [flags]",
		Short:   "List containers",
		Example: a.example("ps -a", `ps --filter status=exited --format "{{.Names}} {{.Status}}"`, "ps --size --sort names"),
		Args:    takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runPs(cmd.Context(), a, src, opts)
		},
	}
	opts.addFlags(cmd.Flags())
	return cmd
}

// newContainerListCommand is ps below "container", where it has three names.
func newContainerListCommand(a *app, src sources) *cobra.Command {
	cmd := newPsCommand(a, src)
	cmd.Use = "ls [flags]"
	cmd.Aliases = []string{"list", "ps"}
	return cmd
}

// takesNone is cobra.NoArgs with a message about arguments rather than about commands.
func takesNone(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return tooFewOrMany(fmt.Errorf("%q takes no arguments", cmd.CommandPath()))
	}
	return nil
}

func runPs(ctx context.Context, a *app, src sources, o psOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	for {
		var page bytes.Buffer
		settle, err := printPs(ctx, &page, a, src, o)
		if err != nil {
			return err
		}
		if o.watch > 0 && isTerminal(a.Out.Fd()) {
			io.WriteString(a.Out, "\x1b[H\x1b[2J")
		}
		_, err = a.Out.Write(page.Bytes())
		settle()
		if err != nil || o.watch == 0 {
			return err
		}
		select {
		case <-time.After(time.Duration(o.watch) * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// printPs writes the list, and gives what finishes the work of processes that died, for which nobody should wait.
func printPs(ctx context.Context, w io.Writer, a *app, src sources, o psOptions) (settle func(), err error) {
	less, err := psOrder(o.sort, a.style())
	if err != nil {
		return nil, err
	}
	r, err := src.containers(ctx)
	if err != nil {
		return nil, err
	}
	now := src.now()
	match, err := matching(ctx, r, o.filters, now)
	if err != nil {
		return nil, err
	}
	list, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	// Docker computes sizes for a template that shows them; podman wants --size and prints nothing without.
	o.size = o.size || strings.Contains(o.format, ".Size")
	rows := make([]psRow, 0, len(list))
	for _, c := range choosePs(list, match, o) {
		row := psRow{c: c, opts: &o, now: now, style: a.style(), ports: src.ports(c)}
		if o.size {
			if row.writable, row.layers, err = src.size(ctx, c); err != nil {
				return nil, fmt.Errorf("measure the container %q: %w", c.Config.Name, err)
			}
		}
		rows = append(rows, row)
	}
	sortPs(rows, less)
	settle = func() { r.Settle(ctx, list) }
	return settle, psList(o).Write(w, rows, report.Options{Format: o.format, NoHeading: o.noHeading, Quiet: o.quiet, Style: a.style()})
}

// choosePs gives the containers to show: those that match, without --all or a filter on states only those that run, and
// of them the newest --last.
func choosePs(list []engine.Container, match container.Match, o psOptions) []engine.Container {
	if o.latest {
		o.last = 1
	}
	all := o.all || o.last > 0 || container.FiltersNameStates(o.filters)
	chosen := make([]engine.Container, 0, len(list))
	for _, c := range list {
		// One that waits for its next try counts as running, as in docker.
		runs := c.State.Alive() || c.State.Status == container.StatusRestarting
		if (all || runs) && match(c.Config, c.State) {
			chosen = append(chosen, c)
		}
	}
	if o.last > 0 && len(chosen) > o.last {
		sortNewest(chosen)
		chosen = chosen[:o.last]
	}
	return chosen
}

func isTerminal(fd uintptr) bool {
	_, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
	return err == nil
}
