package build

import (
	"io"

	"github.com/pod-engine/pod/pkg/build/plan"
)

// Display is told what a build does. Its methods are called from several goroutines.
type Display interface {
	// Step announces the step with this number of a stage.
	Step(stage plan.Stage, number int) Vertex
}

// Vertex is one step on a display. Calls come in the order of the methods, Write and Output any number of times.
type Vertex interface {
	Start() // it is done now, rather than found
	io.Writer
	End(cached bool, err error) // context.Canceled: it was ended because another failed, or the caller wants no more
}
