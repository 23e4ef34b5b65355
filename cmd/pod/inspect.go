package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type inspectOptions struct {
	format, kind string
	latest, size bool
}

func (o *inspectOptions) addFlags(f *pflag.FlagSet) {
	f.StringVarP(&o.format, "format", "f", "", "print with a Go template, or as \"json\"")
	f.BoolVarP(&o.latest, "latest", "l", false, "inspect the container made last")
	f.BoolVarP(&o.size, "size", "s", false, "add how much disk space a container takes")
}

// The kinds of objects inspect knows.
const (
	inspectAll       = "all"
	inspectContainer = "container"
	inspectImage     = "image"
)

func newInspectCommand(a *app, src sources) *cobra.Command {
	var opts inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect [flags] NAME|ID...",
		Short: "Show everything known of containers and images",
		Long: "Show everything known of containers and images, as a JSON array or through a template. A name that both have\n" +
			"means the container.",
		Example: a.example("inspect web", `inspect --format "{{.State.Pid}}" web`, "inspect --type image img"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInspect(cmd.Context(), a, src, opts, args)
		},
	}
	opts.addFlags(cmd.Flags())
	cmd.Flags().StringVarP(&opts.kind, "type", "t", inspectAll, "what the names mean: container, image or all")
	return cmd
}

// newContainerInspectCommand is inspect below "container".
func newContainerInspectCommand(a *app, src sources) *cobra.Command {
	opts := inspectOptions{kind: inspectContainer}
	cmd := &cobra.Command{
		Use:     "inspect [flags] CONTAINER...",
		Short:   "Show everything known of containers",
		Example: a.example(`container inspect --format "{{.State.Status}}" web`),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInspect(cmd.Context(), a, src, opts, args)
		},
	}
	opts.addFlags(cmd.Flags())
	return cmd
}

func (o inspectOptions) check(args []string) error {
	switch {
	case o.kind != inspectAll && o.kind != inspectContainer && o.kind != inspectImage:
		return usageError{fmt.Errorf("cannot inspect a %q: --type is container, image or all", o.kind)}
	case o.latest && len(args) > 0:
		return usageError{errors.New("--latest says which container: leave out the names")}
	case o.latest && o.kind == inspectImage:
		return usageError{errors.New("--latest is about containers: leave out --type image")}
	case !o.latest && len(args) == 0:
		return tooFewOrMany(errors.New("nothing to inspect: give names or ids, or --latest"))
	}
	return nil
}

// runInspect prints what was found, also when something else was not; then the errors.
func runInspect(ctx context.Context, a *app, src sources, o inspectOptions, args []string) error {
	if err := o.check(args); err != nil {
		return err
	}
	i := inspection{src: src, o: o, style: a.style()}
	var found []any
	var errs []error
	if o.latest {
		args = []string{""}
	}
	for _, name := range args {
		v, err := i.object(ctx, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, v)
	}
	// A template about nothing is not executed: it could only add an error of its own.
	if len(found) > 0 || o.format == "" || report.IsJSON(o.format) {
		if err := report.Inspect(a.Out, found, o.format, i.style); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// inspection is one run of inspect.
type inspection struct {
	src   sources
	o     inspectOptions
	style report.Style
}

// object gives what is printed of name; the empty name is the container made last.
func (i inspection) object(ctx context.Context, name string) (any, error) {
	if i.o.kind != inspectImage {
		v, err := i.container(ctx, name)
		if i.o.kind == inspectContainer || !errors.Is(err, engine.ErrNotFound) {
			return v, err
		}
	}
	images, err := i.src.images(ctx)
	if err != nil {
		return nil, err
	}
	v, err := images.ImageInspect(ctx, name)
	switch {
	case !errors.Is(err, errNoSuchImage):
		return v, err
	case i.o.kind == inspectAll:
		return nil, fmt.Errorf("no such object: %q", name)
	}
	return nil, fmt.Errorf("no such image: %q", name)
}

func (i inspection) container(ctx context.Context, name string) (any, error) {
	r, err := i.src.containers(ctx)
	if err != nil {
		return nil, err
	}
	var c engine.Container
	if i.o.latest {
		c, err = newest(ctx, r)
	} else {
		c, err = r.Find(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	facts, err := i.src.facts(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("inspect the container %q: %w", c.Config.Name, err)
	}
	facts.Docker = i.style == report.Docker
	facts.Ports = i.src.ports(c)
	if i.o.size {
		writable, all, err := i.src.size(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("measure the container %q: %w", c.Config.Name, err)
		}
		facts.SizeRw, facts.SizeRootFs = &writable, all
	}
	return container.Inspect(c.Config, c.State, facts), nil
}
