package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/spf13/cobra"
)

func newBuilderUseCommand(a *app, name string) *cobra.Command {
	cmd := &cobra.Command{
		Use: "use [flags] NAME", Short: "Use a builder from now on", Example: a.example(name+" use ci", name+" use default"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := a.builders(cmd.Context())
			if err == nil {
				err = b.Use(cmd.Context(), args[0])
			}
			return builderError(a, err)
		},
	}
	// docker keeps a builder for each of its contexts, of which there is one here.
	for _, name := range []string{"global", "default"} {
		addSwitch(cmd.Flags(), name, true, "use it in every context of docker, of which there is one", "there is one context")
	}
	return cmd
}

type builderRmOptions struct{ all, force bool }

func newBuilderRmCommand(a *app, name string) *cobra.Command {
	var o builderRmOptions
	cmd := &cobra.Command{
		Use: "rm [flags] [NAME...]", Short: "Forget names of the builder", Example: a.example(name+" rm ci", name+" rm --all-inactive --force"),
		Long: "Forget names of the builder, by default the one that is used. The cache of builds is that of all names, and stays; prune removes it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return runBuilderRm(cmd.Context(), a, args, o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.all, "all-inactive", false, "forget all names: no builder of pod is ever active without a build")
	f.BoolVarP(&o.force, "force", "f", false, "do not ask")
	addSwitch(f, "keep-state", true, "keep the cache of builds", "the cache is that of all names; prune removes it")
	addSwitch(f, "keep-daemon", true, "end nothing that runs", "there is no daemon that could be ended")
	return cmd
}

func runBuilderRm(ctx context.Context, a *app, names []string, o builderRmOptions) error {
	b, err := a.builders(ctx)
	if err != nil {
		return err
	}
	all, current, err := b.List()
	switch {
	case err != nil:
		return err
	case o.all && len(names) > 0:
		return usageError{errors.New("--all-inactive means all builders; name none")}
	case o.all:
		if !o.force && !a.confirm("This forgets all names of the builder.") {
			return nil
		}
		for _, n := range all[1:] {
			names = append(names, n.Name)
		}
	case len(names) == 0:
		names = []string{current}
		if a.builderName != "" {
			names = []string{a.builderName}
		}
	}
	var failed []error
	for _, name := range names {
		if err := b.Remove(ctx, name); err != nil {
			failed = append(failed, builderError(a, err))
			continue
		}
		fmt.Fprintf(a.Err, "%s removed\n", name)
	}
	return errors.Join(failed...)
}

func newBuilderStopCommand(a *app, name string) *cobra.Command {
	return &cobra.Command{
		Use: "stop [NAME]", Short: "See that nothing of a builder runs", Example: a.example(name + " stop ci"), Args: cobra.MaximumNArgs(1),
		Long: "See that nothing of a builder runs: between builds nothing does, and a build ends with its command.",
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := a.namedBuilder(cmd.Context(), args)
			return err
		},
	}
}

// namedBuilder is the builder that a command is about: an argument, --builder, or the one that is used.
func (a *app) namedBuilder(ctx context.Context, args []string) (build.NamedBuilder, error) {
	name := a.builderName
	if len(args) > 0 {
		name = args[0]
	}
	b, err := a.builders(ctx)
	if err != nil {
		return build.NamedBuilder{}, err
	}
	n, err := b.Lookup(name)
	return n, builderError(a, err)
}

// buildPlatforms are those that RUN can be carried out for.
func (a *app) buildPlatforms(ctx context.Context) ([]string, error) {
	e, err := a.engine(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, arch := range e.Archs() {
		out = append(out, plan.Platform{OS: "linux", Arch: arch}.String())
	}
	return out, nil
}

// builderRow is a builder, or its node, in the list.
type builderRow struct {
	build.NamedBuilder
	current, node bool
	platforms     []string
}

func (r builderRow) Name() string {
	switch {
	case r.node:
		return r.Node
	case r.current:
		return r.NamedBuilder.Name + "*"
	}
	return r.NamedBuilder.Name
}

func (r builderRow) DriverEndpoint() string {
	if r.node {
		return "pod"
	}
	return r.Driver
}

func (r builderRow) ofNode(s string) string {
	if r.node {
		return s
	}
	return ""
}

func (r builderRow) Status() string       { return r.ofNode("running") }
func (r builderRow) Buildkit() string     { return r.ofNode(buildkitVersion) }
func (r builderRow) Platforms() string    { return r.ofNode(strings.Join(r.platforms, ", ")) }
func (r builderRow) LastActivity() string { return "" }
func (r builderRow) Error() string        { return "" }

// MarshalJSON has the fields of docker's.
func (r builderRow) MarshalJSON() ([]byte, error) {
	type node struct {
		Name, Endpoint, Status, Version string
		DriverOpts                      []string `json:",omitempty"`
		Platforms                       []string
	}
	return json.Marshal(struct {
		Name, Driver string
		Nodes        []node
		Dynamic      bool
		Current      bool
	}{r.NamedBuilder.Name, r.Driver, []node{{r.Node, "pod", "running", buildkitVersion, r.DriverOpts, r.platforms}}, false, r.current})
}

func newBuilderLsCommand(a *app, name string) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "ls [flags]", Short: "List builders", Example: a.example(name+" ls", name+" ls --format '{{.Name}}'"), Args: takesNone,
		Long: "List builders: default, which is pod itself, and further names of it that create has made. The one that is used has a star.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBuilderLs(cmd.Context(), a, format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "print as \"json\", or with a Go template, or with \"table TEMPLATE\"")
	addSwitch(cmd.Flags(), "no-trunc", true, "show all platforms", "all platforms are always shown")
	return cmd
}

func runBuilderLs(ctx context.Context, a *app, format string) error {
	b, err := a.builders(ctx)
	if err != nil {
		return err
	}
	all, current, err := b.List()
	if err != nil {
		return err
	}
	asTable := format == "" || strings.HasPrefix(format, "table")
	platforms, err := a.buildPlatforms(ctx)
	if err != nil {
		return err
	}
	var rows []builderRow
	for _, n := range all {
		rows = append(rows, builderRow{NamedBuilder: n, current: n.Name == current, platforms: platforms})
		if format != "json" && format != "{{json .}}" {
			rows = append(rows, builderRow{NamedBuilder: n, node: true, platforms: platforms})
		}
	}
	indent := func(cell func(builderRow) string) func(builderRow) string {
		return func(r builderRow) string {
			if r.node && asTable {
				return " \\_ " + cell(r)
			}
			return cell(r)
		}
	}
	list := report.List[builderRow]{Columns: []report.Column[builderRow]{
		{Header: "NAME/NODE", Cell: indent(builderRow.Name)},
		{Header: "DRIVER/ENDPOINT", Cell: indent(builderRow.DriverEndpoint)},
		{Header: "STATUS", Cell: builderRow.Status},
		{Header: "BUILDKIT", Cell: builderRow.Buildkit},
		{Header: "PLATFORMS", Cell: builderRow.Platforms},
	}, ID: builderRow.Name, Headers: map[string]string{"Name": "NAME/NODE", "DriverEndpoint": "DRIVER/ENDPOINT"}}
	return list.Write(a.Out, rows, report.Options{Format: format, Style: report.Docker})
}

func newBuilderInspectCommand(a *app, name string) *cobra.Command {
	var bootstrap bool
	cmd := &cobra.Command{
		Use: "inspect [flags] [NAME]", Short: "Show a builder", Example: a.example(name+" inspect", name+" inspect --bootstrap ci"), Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := a.namedBuilder(cmd.Context(), args)
			if err == nil && bootstrap {
				_, err = a.builder(cmd.Context())
			}
			if err != nil {
				return err
			}
			platforms, err := a.buildPlatforms(cmd.Context())
			if err != nil {
				return err
			}
			return printBuilder(a, n, platforms)
		},
	}
	cmd.Flags().BoolVar(&bootstrap, "bootstrap", false, "see that it can build")
	return cmd
}

func printBuilder(a *app, n build.NamedBuilder, platforms []string) error {
	w := tabwriter.NewWriter(a.Out, 0, 0, 1, ' ', 0)
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s:\t%s\n", key, report.Escape(value))
		}
	}
	line("Name", n.Name)
	line("Driver", n.Driver)
	fmt.Fprint(w, "\nNodes:\n")
	line("Name", n.Node)
	line("Endpoint", "pod")
	opts := slices.Clone(n.DriverOpts)
	for i, o := range opts {
		key, value, _ := strings.Cut(o, "=")
		opts[i] = fmt.Sprintf("%s=%q", key, value)
	}
	line("Driver Options", strings.Join(opts, " "))
	line("Status", "running")
	line("BuildKit daemon flags", n.Flags)
	line("BuildKit version", buildkitVersion)
	line("Platforms", strings.Join(platforms, ", "))
	return w.Flush()
}
