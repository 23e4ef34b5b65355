package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/pflag"
)

// argOn reads an argument of BuildKit's frontend that switches something on (docs.docker.com/reference/dockerfile, "BuildKit built-in build args").
func (o *buildOptions) argOn(name string) bool {
	on, err := strconv.ParseBool(o.job.Request.Args[name])
	return err == nil && on
}

// readBuildah takes what variables of buildah say in place of flags that are not given; docker does not know them.
func (o *buildOptions) readBuildah(f *pflag.FlagSet, a *app) error {
	if a.name == "docker" {
		return nil
	}
	if layers := os.Getenv("BUILDAH_LAYERS"); layers == "false" || layers == "0" {
		o.layers = o.layers && f.Changed("layers")
	}
	if format := os.Getenv("BUILDAH_FORMAT"); format != "" && !f.Changed("format") {
		docker, err := parseManifestFormat(format)
		if err != nil {
			return usageError{fmt.Errorf("BUILDAH_FORMAT: %w", err)}
		}
		o.job.Docker = o.job.Docker || docker
	}
	if isolation := os.Getenv("BUILDAH_ISOLATION"); isolation != "" && !f.Changed("isolation") {
		if err := checkIsolation(isolation); err != nil {
			a.warn(fmt.Sprintf("BUILDAH_ISOLATION: %s", err))
		}
	}
	return nil
}
