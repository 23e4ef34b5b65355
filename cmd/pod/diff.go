package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

type diffOptions struct {
	format string
	latest bool
	// of says what names mean: containers, images, or both.
	of string
}

func newDiffCommand(a *app) *cobra.Command {
	opts := diffOptions{of: inspectAll}
	cmd := &cobra.Command{
		Use:   "diff [flags] CONTAINER|IMAGE [CONTAINER|IMAGE]",
		Short: "Show what has changed in a container or image",
		Long: "Show the files that a container has added (A), changed (C) or deleted (D), as against its image; of an image, what its newest layer\n" +
			"does; of two, how the first differs from the second. A name that both have means the container.",
		Example: a.example("diff web", "diff --format json web", "diff app:2 app:1"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDiff(cmd.Context(), a, args, opts)
		},
	}
	addDiffFlags(cmd, &opts)
	cmd.Flags().BoolVarP(&opts.latest, "latest", "l", false, "the container made last")
	return cmd
}

// newContainerDiffCommand is diff below "container".
func newContainerDiffCommand(a *app) *cobra.Command {
	opts := diffOptions{of: inspectContainer}
	cmd := &cobra.Command{
		Use:     "diff [flags] CONTAINER",
		Short:   "Show what a container has changed",
		Example: a.example("container diff web"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDiff(cmd.Context(), a, args, opts)
		},
	}
	addDiffFlags(cmd, &opts)
	cmd.Flags().BoolVarP(&opts.latest, "latest", "l", false, "the container made last")
	return cmd
}

// newImageDiffCommand is diff below "image".
func newImageDiffCommand(a *app) *cobra.Command {
	opts := diffOptions{of: inspectImage}
	cmd := &cobra.Command{
		Use:     "diff [flags] IMAGE [IMAGE]",
		Short:   "Show what the newest layer of an image does, or how two images differ",
		Example: a.example("image diff app:2", "image diff app:2 app:1"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDiff(cmd.Context(), a, args, opts)
		},
	}
	addDiffFlags(cmd, &opts)
	return cmd
}

func addDiffFlags(cmd *cobra.Command, o *diffOptions) {
	cmd.Flags().StringVar(&o.format, "format", "", "print as \"json\"")
}

func (o diffOptions) check(args []string) error {
	switch {
	case o.format != "" && !report.IsJSON(o.format):
		return usageError{fmt.Errorf("--format %q: diff knows only json", o.format)}
	case o.latest && len(args) > 0:
		return usageError{errors.New("--latest says which container: leave out the names")}
	case !o.latest && len(args) == 0:
		return usageError{errors.New("nothing to compare: give a name or id")}
	case len(args) > 2, len(args) > 1 && o.of == inspectContainer:
		return usageError{errors.New("too many names: one is compared with what it is made of, two with each other")}
	}
	return nil
}

func runDiff(ctx context.Context, a *app, args []string, o diffOptions) error {
	if err := o.check(args); err != nil {
		return err
	}
	if o.latest {
		args = []string{""}
	}
	subject, err := a.diffSubject(ctx, args[0], o)
	if err != nil {
		return err
	}
	var found []image.Difference
	if len(args) == 1 {
		found, err = subject.own(ctx)
	} else {
		found, err = a.diffOf(ctx, subject, args[1], o)
	}
	if err != nil {
		return err
	}
	return writeDifferences(a, found, o)
}

// diffSubject is what is compared.
type diffSubject struct {
	own    func(context.Context) ([]image.Difference, error)
	layers func(context.Context) ([]string, error)
}

// diffSubject finds what a name means; the empty name is the container made last.
func (a *app) diffSubject(ctx context.Context, name string, o diffOptions) (diffSubject, error) {
	if o.of != inspectImage {
		e, err := a.engine(ctx)
		if err != nil {
			return diffSubject{}, err
		}
		var c engine.Container
		if name == "" {
			c, err = newest(ctx, e)
		} else {
			c, err = e.Find(ctx, name)
		}
		if err == nil {
			return diffSubject{
				own:    func(ctx context.Context) ([]image.Difference, error) { return e.Differences(ctx, c) },
				layers: func(ctx context.Context) ([]string, error) { return e.Layers(ctx, c) },
			}, nil
		}
		if o.of == inspectContainer || name == "" || !errors.Is(err, engine.ErrNotFound) {
			return diffSubject{}, err
		}
	}
	store, err := a.images(ctx)
	if err != nil {
		return diffSubject{}, err
	}
	img, err := store.Lookup(ctx, name)
	if errors.Is(err, image.ErrNotFound) && o.of == inspectAll {
		err = fmt.Errorf("no such object: %q", name)
	}
	return diffSubject{
		own: func(ctx context.Context) ([]image.Difference, error) { return store.ImageDifferences(ctx, img) },
		layers: func(context.Context) ([]string, error) {
			l, err := store.LayersOf(img)
			return l.Dirs, err
		},
	}, err
}

// diffOf compares with something else.
func (a *app) diffOf(ctx context.Context, subject diffSubject, other string, o diffOptions) ([]image.Difference, error) {
	against, err := a.diffSubject(ctx, other, o)
	if err != nil {
		return nil, err
	}
	before, err := against.layers(ctx)
	if err != nil {
		return nil, err
	}
	after, err := subject.layers(ctx)
	if err != nil {
		return nil, err
	}
	return image.Differences(ctx, before, after)
}

func writeDifferences(a *app, found []image.Difference, o diffOptions) error {
	if report.IsJSON(o.format) {
		lists := struct {
			Changed []string `json:"changed,omitempty"`
			Added   []string `json:"added,omitempty"`
			Deleted []string `json:"deleted,omitempty"`
		}{}
		for _, d := range found {
			list := map[image.DifferenceKind]*[]string{image.Changed: &lists.Changed, image.Added: &lists.Added, image.Deleted: &lists.Deleted}[d.Kind]
			*list = append(*list, d.Path)
		}
		return report.WriteJSON(a.Out, lists, "  ")
	}
	out := bufio.NewWriter(a.Out)
	for _, d := range found {
		fmt.Fprintf(out, "%c %s\n", d.Kind, report.Escape(d.Path))
	}
	return out.Flush()
}
