package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/report"
)

// usageError is a mistake in how the command was called.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// wrongArguments is a mistake in the words that are no flags: which command, how many arguments.
type wrongArguments struct{ error }

func (w wrongArguments) Unwrap() error { return w.error }

// tooFewOrMany is what is said about such a mistake.
func tooFewOrMany(err error) error { return usageError{wrongArguments{err}} }

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

// finish prints the error of a verb with its hint, as the only place that does, and gives the exit code.
func (a *app) finish(ctx context.Context, verb string, err error) int {
	if err == nil {
		return 0
	}
	var exit exitError
	if errors.As(err, &exit) && exit.err == nil {
		return exit.code
	}
	if errors.Is(err, context.Canceled) {
		by := endedBy{syscall.SIGINT}
		if !errors.As(err, &by) {
			errors.As(context.Cause(ctx), &by)
		}
		return 128 + int(by.Signal) // as a shell says it of a program that a signal ends
	}
	for _, one := range separate(err) {
		a.tell(one)
	}
	return a.status(verb, err)
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
