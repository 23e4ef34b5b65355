package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/image"
)

// Exit codes of podman and docker (podman-run(1), EXIT STATUS).
const (
	exitDocker        = 1   // docker: the engine failed, but for run
	exitFailure       = 125 // pod itself failed
	exitNotExecutable = 126
	exitNotFound      = 127
)

// asDocker reports whether the program was invoked as docker and speaks like it.
func (a *app) asDocker() bool { return a.style() == report.Docker }

// defaultPlatform is the variable in which docker looks for what --platform does not say.
const defaultPlatform = "DOCKER_DEFAULT_PLATFORM"

// defaultPlatform is the platform that is meant where none is given; empty: this machine's.
func (a *app) defaultPlatform() string {
	if !a.asDocker() {
		return ""
	}
	return os.Getenv(defaultPlatform)
}

// orDefaultPlatform sets a platform that was not given.
func (a *app) orDefaultPlatform(p *image.Platform) (err error) {
	if usual := a.defaultPlatform(); usual != "" && *p == (image.Platform{}) {
		if *p, err = image.ParsePlatform(usual); err != nil {
			err = usageError{fmt.Errorf("%s: %w", defaultPlatform, err)}
		}
	}
	return err
}

// status is the exit code for an error of a verb: docker's when the program was invoked as docker, else podman's. Here it is
// decided, and nowhere else.
func (a *app) status(verb string, err error) int {
	if a.asDocker() {
		return dockerStatus(verb, err)
	}
	return podmanStatus(verb, err)
}

// podmanStatus is 125 but for commands that could not be executed and codes that a command says itself, also a RUN of build.
func podmanStatus(verb string, err error) int {
	var exit exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	var step *build.ExitError
	if verb == "build" && errors.As(err, &step) {
		return step.Code
	}
	return startStatus(err, exitFailure)
}

// dockerStatus is 1 but for a flag that cannot be read and whatever fails in run, which are 125, and for commands that run and exec
// could not execute.
func dockerStatus(verb string, err error) int {
	var exit exitError
	var usage usageError
	var arguments wrongArguments
	switch {
	case errors.As(err, &exit) && verb != "rm" && verb != "rmi": // the codes of those two are podman's
		return exit.code
	case errors.As(err, &arguments):
		return exitDocker
	case errors.As(err, &usage):
		return exitFailure
	case verb == "run":
		return startStatus(err, exitFailure)
	case verb == "exec":
		return startStatus(err, exitDocker)
	}
	return exitDocker
}

// startStatus is the code of a command that could not be executed in a container, or otherwise.
func startStatus(err error, otherwise int) int {
	var start *engine.StartError
	switch {
	case !errors.As(err, &start):
		return otherwise
	case start.Kind == engine.StartNotFound:
		return exitNotFound
	case start.Kind == engine.StartNotExecutable:
		return exitNotExecutable
	}
	return otherwise
}
