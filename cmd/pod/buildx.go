package main

import (
	"context"
	"fmt"
	"os"

	"github.com/pod-engine/pod/pkg/build"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// What docker's tools and scripts find out about a builder before they use it: the release of buildx whose commands are there, and that of BuildKit
// whose Dockerfiles are understood. A test compares them with the modules.
const (
	buildxVersion   = "v0.38.2"
	buildkitVersion = "v0.34.2"
)

// newBuildxCommands are what scripts ask docker buildx about itself: there is one builder, which is pod, and it can have names.
func newBuildxCommands(a *app, name string) []*cobra.Command {
	say := &cobra.Command{
		Use: "version", Short: "Show the version of the builder", Args: takesNone,
		Long:    "Show the version of the builder: the name of pod, the release of docker buildx whose commands it has, and its own version.",
		Example: a.example(name + " version"),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.Out, "github.com/pod-engine/pod %s %s\n", buildxVersion, version)
			return err
		},
	}
	return []*cobra.Command{
		say, newBuilderCreateCommand(a, name), newBuilderUseCommand(a, name), newBuilderRmCommand(a, name), newBuilderStopCommand(a, name),
		newBuilderLsCommand(a, name), newBuilderInspectCommand(a, name), newImagetoolsCommand(a, name),
		newAlreadyInstalled(a, name, "install"), newAlreadyInstalled(a, name, "uninstall"),
	}
}

// newAlreadyInstalled is a command that makes "docker build" mean "docker buildx build", or takes that back.
func newAlreadyInstalled(a *app, name, verb string) *cobra.Command {
	return &cobra.Command{
		Use: verb, Hidden: true, Short: "Say that build and buildx build are the same", Example: a.example(name + " " + verb), Args: takesNone,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.Err, "%[1]s build and %[1]s buildx build are the same: there is nothing to %[2]s\n", a.name, verb)
			return err
		},
	}
}

// addBuilderFlag lets a command be told which builder is meant.
func (a *app) addBuilderFlag(f *pflag.FlagSet) {
	f.StringVar(&a.builderName, "builder", "", "which builder, of those that create has made; all are pod itself (as docker, default $BUILDX_BUILDER)")
}

// builders are the names of the builder.
func (a *app) builders(ctx context.Context) (build.Builders, error) {
	user, err := a.enter(ctx)
	return build.Builders{Path: user.DataDir + "/build/builders"}, err
}

// checkBuilder finds a builder that is asked for and does not exist.
func (a *app) checkBuilder(ctx context.Context) error {
	name := a.builderName
	if name == "" && a.name == "docker" {
		name = os.Getenv("BUILDX_BUILDER")
	}
	if name == "" || name == build.DefaultBuilder {
		return nil
	}
	b, err := a.builders(ctx)
	if err == nil {
		_, err = b.Lookup(name)
	}
	return builderError(a, err)
}
