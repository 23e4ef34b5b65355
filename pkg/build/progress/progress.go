// Package progress shows a person or a program what a build does: on a terminal (Live), in a pipe or a file (Plain), or as JSON (RawJSON).
//
// A build tells a Display of each of its steps; what a step writes is text of strangers, which displays make harmless.
package progress

import (
	"io"
	"strings"
)

// Display is told what a build does. Its methods are called from several goroutines.
type Display interface {
	// Vertex announces a step by its title: "[build 2/5] RUN make".
	Vertex(title string) Vertex
}

// Vertex is one step on a display. Calls come in the order of the methods, Write and Output any number of times.
type Vertex interface {
	Start() // it is done now, rather than found
	io.Writer
	End(cached bool, err error) // context.Canceled: it was ended because another failed, or the caller wants no more
}

// Titled is a display on which the steps of one of several jobs have its name in front: "[app build 2/5] RUN make".
type Titled struct {
	Display
	Name string
}

// Vertex is of Display.
func (t Titled) Vertex(title string) Vertex {
	if rest, ok := strings.CutPrefix(title, "["); ok {
		return t.Display.Vertex("[" + t.Name + " " + rest)
	}
	return t.Display.Vertex("[" + t.Name + "] " + title)
}

// Silent is a display that shows nothing.
type Silent struct{}

// Vertex is of Display.
func (Silent) Vertex(string) Vertex { return silentVertex{} }

type silentVertex struct{}

func (silentVertex) Start()                      {}
func (silentVertex) Write(b []byte) (int, error) { return len(b), nil }
func (silentVertex) End(bool, error)             {}
