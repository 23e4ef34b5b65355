package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

type checkOptions struct {
	image.CheckOptions
	quick bool
}

func newSystemCheckCommand(a *app) *cobra.Command {
	var opts checkOptions
	cmd := &cobra.Command{
		Use:   "check [flags]",
		Short: "Look for damage in the image store",
		Long: "Look for damaged images and layers, and for what crashes have left behind. Quickly: whether files are there and have their sizes; with --full\n" +
			"all is read and its digests compared. With --repair, images with the name of a registry are fetched again, into their\n" +
			"places, and leftovers are removed. Exit status: 0 nothing is damaged any more, 1 something is, 125 another error.",
		Example: a.example("system check", "system check --full --repair"),
		Args:    takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.quick && opts.Full {
				return usageError{errors.New("--quick and --full exclude each other")}
			}
			return runSystemCheck(cmd.Context(), a, opts.CheckOptions)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&opts.Full, "full", false, "read everything and compare digests")
	f.DurationVarP(&opts.Age, "max", "m", 24*time.Hour, "how old a layer must be that no image has, to be a leftover")
	f.BoolVarP(&opts.quick, "quick", "q", false, "look at names and sizes only; this is the default")
	f.BoolVarP(&opts.Repair, "repair", "r", false, "fetch damaged images again, and remove leftovers")
	return cmd
}

func runSystemCheck(ctx context.Context, a *app, o image.CheckOptions) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	o.Fetch, o.Told = a.courier(), func(text string) { fmt.Fprintln(a.Err, report.Escape(text)) }
	found, err := store.Check(ctx, o)
	damaged := tellDamages(a, found.Damages)
	tellLeftovers(a, found.Leftovers, o.Repair)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "%d images and %d layers looked at\n", found.Images, found.Layers)
	if damaged > 0 {
		text := fmt.Errorf("damaged: %d", damaged)
		if !o.Repair {
			return exitError{1, hint.Wrap(text, a.name+" system check --repair")}
		}
		return exitError{1, hint.Wrap(text, "what has no name of a registry must be removed (rmi -f) and loaded or built again")}
	}
	return nil
}

// tellDamages prints what is damaged, and gives how much still is.
func tellDamages(a *app, damages []image.Damage) int {
	n := 0
	for _, d := range damages {
		state := "damaged"
		if d.Repaired {
			state = "repaired"
		} else {
			n++
		}
		fmt.Fprintf(a.Out, "%s: %s\n", state, report.Escape(d.Problem))
	}
	return n
}

func tellLeftovers(a *app, leftovers []image.Leftover, repair bool) {
	for _, l := range leftovers {
		state := "leftover"
		if l.Removed {
			state = "removed"
		}
		fmt.Fprintf(a.Out, "%s: %s\n", state, report.Escape(l.What))
	}
	if len(leftovers) > 0 && !repair {
		fmt.Fprintf(a.Err, "hint: %s system check --repair removes leftovers\n", a.name)
	}
}
