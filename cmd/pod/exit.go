package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/engine"
)

// Exit codes as podman and docker give them (podman-run(1), EXIT STATUS).
const (
	exitFailure       = 125 // pod itself failed
	exitNotExecutable = 126
	exitNotFound      = 127
)

// usageError is a mistake in how the command was called.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// exitError ends the command with a code of its own; a nil error inside prints nothing.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// finish prints err with its hint, as the only place that does, and gives the exit code.
func (a *app) finish(err error) int {
	if err == nil {
		return 0
	}
	var exit exitError
	if errors.As(err, &exit) && exit.err == nil {
		return exit.code
	}
	if errors.Is(err, context.Canceled) {
		return 130
	}
	fmt.Fprintf(a.Err, "%s: %s\n", a.name, err)
	if h := hint.Of(err); h != "" {
		fmt.Fprintf(a.Err, "hint: %s\n", h)
	}
	return exitCode(err)
}

func exitCode(err error) int {
	var exit exitError
	var start *engine.StartError
	switch {
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &start) && start.Kind == engine.StartNotFound:
		return exitNotFound
	case errors.As(err, &start) && start.Kind == engine.StartNotExecutable:
		return exitNotExecutable
	}
	return exitFailure
}
