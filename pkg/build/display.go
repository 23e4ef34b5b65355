package build

import (
	"fmt"
	"io"
	"strings"

	"github.com/pod-engine/pod/pkg/build/plan"
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

// stepTitle names a step to a person: "[build 2/5] RUN make".
func stepTitle(stage plan.Stage, number int) string {
	total, at := 0, 0
	for i, s := range stage.Steps {
		if s.Layered() {
			total++
			if i <= number {
				at++
			}
		}
	}
	text := firstLine(stage.Steps[number].Text)
	if stage.Steps[number].OnBuild {
		text = "ONBUILD " + text
	}
	return fmt.Sprintf("[%s %d/%d] %s", stageName(stage), at, total, text)
}

// stageName names a stage to a person.
func stageName(stage plan.Stage) string {
	if stage.Name == "" {
		return fmt.Sprintf("stage-%d", stage.Index)
	}
	return stage.Name
}
