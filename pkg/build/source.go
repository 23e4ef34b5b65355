package build

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// SourceError is an error with its place in a Dockerfile.
type SourceError struct {
	Problem plan.Problem
	EndLine int // zero: the line of Problem alone
	File    Dockerfile
	Err     error
	// Output is what the failed step wrote; nil: no step failed.
	Output *Output
}

func (e *SourceError) Error() string {
	if e.Problem.Line == 0 {
		return e.File.Name + ": " + e.Problem.Text
	}
	return fmt.Sprintf("%s:%d: %s", e.File.Name, e.Problem.Line, e.Problem.Text)
}

func (e *SourceError) Unwrap() error { return e.Err }

// sourceError is the mistake p in the file.
func sourceError(file Dockerfile, p plan.Problem) error {
	return &SourceError{Problem: p, File: file, Err: hint.Wrap(errors.New(p.Text), p.Hint)}
}

// Excerpt shows the lines around the place, the ones meant marked.
func (e *SourceError) Excerpt() string { return e.File.Excerpt(e.Problem.Line, e.EndLine) }

// Excerpt shows the lines from first to last, marked, and some around them; last may be zero.
func (d Dockerfile) Excerpt(first, last int) string {
	last = max(first, last)
	if first == 0 {
		return ""
	}
	const around = 2
	lines := bytes.Split(d.Text, []byte("\n"))
	var b strings.Builder
	for n := max(1, first-around); n <= min(len(lines), last+around); n++ {
		mark := "   "
		if n >= first && n <= last {
			mark = ">>>"
		}
		fmt.Fprintf(&b, "%4d | %s %s\n", n, mark, strings.TrimRight(string(lines[n-1]), "\r"))
	}
	return b.String()
}

// firstLine is a text's first line, shortened for a message.
func firstLine(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	text = strings.ReplaceAll(text, "\t", " ")
	if len(text) > 120 {
		text = strings.ToValidUTF8(text[:117], "") + "..." // a character may be cut
	}
	return text
}
