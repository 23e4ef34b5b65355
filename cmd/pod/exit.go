package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/report"
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
	for _, one := range separate(err) {
		a.tell(one)
	}
	return exitCode(err)
}

// tell prints one error, a line for each of its lines, and its hint. Names and texts in it may come from images and
// containers, so nothing in it may act on the terminal.
func (a *app) tell(err error) {
	for line := range strings.SplitSeq(strings.TrimRight(err.Error(), "\n"), "\n") {
		fmt.Fprintf(a.Err, "%s: %s\n", a.name, report.Escape(line))
	}
	if h := hint.Of(err); h != "" {
		fmt.Fprintf(a.Err, "hint: %s\n", report.Escape(h))
	}
}

// separate gives the errors that errors.Join put together, each with the hint that is its own.
func separate(err error) []error {
	var exit exitError
	if errors.As(err, &exit) && exit.err != nil && exit.Error() == err.Error() && hint.Of(err) == hint.Of(exit.err) {
		err = exit.err
	}
	several, ok := err.(interface{ Unwrap() []error })
	if !ok || errors.Join(several.Unwrap()...).Error() != err.Error() {
		return []error{err}
	}
	var all []error
	for _, one := range several.Unwrap() {
		all = append(all, separate(one)...)
	}
	return all
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
