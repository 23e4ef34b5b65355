package main

import (
	"errors"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/engine"
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

// status is the exit code for an error of a verb: docker's when the program was invoked as docker, else podman's. Here it is
// decided, and nowhere else.
func (a *app) status(verb string, err error) int {
	if a.asDocker() {
		return dockerStatus(verb, err)
	}
	return podmanStatus(err)
}

// podmanStatus is 125 but for commands that could not be executed and codes that a command says itself.
func podmanStatus(err error) int {
	var exit exitError
	if errors.As(err, &exit) {
		return exit.code
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
