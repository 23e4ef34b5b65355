// Package step describes a step of a build to the engine that runs it. It is what the two must agree on, and no more.
package step

import (
	"os"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/image"
)

// Step is one process in the files of Layers with Upper over them: with a container's isolation, but without a name, a
// record or a monitor. Whenever the command that runs it ends, the kernel kills it and all it has started.
type Step struct {
	// Config says what runs and how. It is complete but for ID; its Image is not looked at.
	Config *container.Config
	Layers image.Layers
	// Dir is an empty directory for what the runtime needs; the caller removes it. Upper and Work are overlay's, on one
	// file system. Afterwards Upper is the difference that the process has made.
	Dir, Upper, Work string
	// Trees are mounted in addition.
	Trees []Tree
	// Stdout and Stderr are the process's own.
	Stdout, Stderr *os.File
}

// Tree is a detached mount (open_tree(2)) and where the process sees it. Who made it closes it after the step.
type Tree struct {
	Mount       *os.File
	Destination string // absolute
	ReadOnly    bool
}
