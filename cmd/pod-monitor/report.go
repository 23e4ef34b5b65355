package main

import (
	"os"
	"time"
)

// report writes one line about trouble to stderr, which is monitor.log in the run directory.
func report(text string) {
	os.Stderr.WriteString(time.Now().UTC().Format(time.RFC3339) + " " + text + "\n")
}

// wrapped is an error with the attempt that it ended: what fmt.Errorf("%s: %w") makes, without package fmt, whose tables
// every monitor would carry.
type wrapped struct {
	attempt string
	err     error
}

func (w *wrapped) Error() string { return w.attempt + ": " + w.err.Error() }
func (w *wrapped) Unwrap() error { return w.err }

// wrap says what was attempted when err came.
func wrap(attempt string, err error) error {
	if err == nil {
		return nil
	}
	return &wrapped{attempt, err}
}
