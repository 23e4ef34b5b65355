package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/spf13/cobra"
)

type builderCreateOptions struct {
	build.NamedBuilder
	config                        string
	use, bootstrap, append, leave bool
}

func newBuilderCreateCommand(a *app, name string) *cobra.Command {
	o := builderCreateOptions{NamedBuilder: build.NamedBuilder{Driver: "docker-container"}}
	cmd := &cobra.Command{
		Use:   "create [flags] [CONTEXT]",
		Short: "Give the builder a further name",
		Long: "Give the builder a further name, and print it. Scripts for docker buildx make a builder before they build; here it is pod itself, whatever its driver:\n" +
			"no container and no daemon is started, and what would configure one is remembered and said to have no effect. A builder on another machine\n" +
			"(--driver remote or kubernetes, CONTEXT) is refused.",
		Example: a.example(name+" create --name ci --use", name+" create --driver docker-container --bootstrap"),
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && args[0] != build.DefaultBuilder {
				return usageError{fmt.Errorf("the builder cannot be at %q: it is pod, on this machine", args[0])}
			}
			return runBuilderCreate(cmd.Context(), a, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Name, "name", "", "name of the builder (default one that is made up)")
	f.StringVar(&o.Node, "node", "", "name of its node")
	f.Var(into("driver", &o.Driver, parseBuilderDriver).withDefault("docker-container"), "driver", "what docker would build in: docker-container or docker, which make no difference")
	f.StringArrayVar(&o.DriverOpts, "driver-opt", nil, "option of the driver, which is remembered")
	f.StringVar(&o.Flags, "buildkitd-flags", "", "flags of a daemon that there is not, which are remembered")
	f.StringVar(&o.config, "buildkitd-config", "", "configuration of a daemon that there is not; the registries of pod are in registries.conf")
	f.StringVar(&o.config, "config", "", "the same as --buildkitd-config")
	f.Lookup("config").Hidden = true
	f.Var(splitTo(&o.Platforms), "platform", "platforms of the builder, which are remembered")
	f.BoolVar(&o.use, "use", false, "use it from now on")
	f.BoolVar(&o.bootstrap, "bootstrap", false, "see that it can build")
	f.BoolVar(&o.append, "append", false, "add a node, which is not possible")
	f.BoolVar(&o.leave, "leave", false, "take a node away, which is not possible")
	for _, name := range []string{"append", "leave"} {
		f.Lookup(name).Hidden = true
	}
	return cmd
}

// parseBuilderDriver takes drivers that mean this machine.
func parseBuilderDriver(s string) (string, error) {
	switch s {
	case "docker-container", "docker", "pod":
		return s, nil
	case "remote", "kubernetes", "cloud":
		return "", fmt.Errorf("%q builds with a daemon elsewhere, and pod builds where it runs", s)
	}
	return "", fmt.Errorf("%q: it is docker-container or docker", s)
}

func runBuilderCreate(ctx context.Context, a *app, o builderCreateOptions) error {
	if o.append || o.leave {
		return usageError{errors.New("a builder has one node, which is this machine: nothing can be appended to it, and nothing can leave it")}
	}
	b, err := a.builders(ctx)
	if err != nil {
		return err
	}
	if o.Name == "" {
		o.Name = "builder-" + strings.ToLower(rand.Text())[:8]
	}
	if o.Node == "" {
		o.Node = o.Name + "0"
	}
	o.Created = time.Now().UTC()
	if err := b.Create(ctx, o.NamedBuilder, o.use); err != nil {
		return err
	}
	if idle := o.withoutEffect(); len(idle) > 0 {
		fmt.Fprintf(a.Err, "%s is pod itself, not a container: %s has no effect\n", report.Escape(o.Name), strings.Join(idle, ", "))
	}
	if o.bootstrap {
		if _, err := a.builder(ctx); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(a.Out, o.Name)
	return err
}

// withoutEffect are the flags given that would configure a daemon. Leave to ask for more is given to each build (--allow).
func (o builderCreateOptions) withoutEffect() []string {
	var idle []string
	if len(o.DriverOpts) > 0 {
		idle = append(idle, "--driver-opt")
	}
	if o.Flags != "" {
		idle = append(idle, "--buildkitd-flags")
	}
	if o.config != "" {
		idle = append(idle, "--buildkitd-config")
	}
	if len(o.Platforms) > 0 {
		idle = append(idle, "--platform")
	}
	return idle
}

// builderError says what to do about a builder that does not exist.
func builderError(a *app, err error) error {
	if errors.Is(err, build.ErrNoBuilder) {
		return hint.Wrap(err, a.name+" buildx ls shows which there are, "+a.name+" buildx create --name NAME makes one")
	}
	return err
}
