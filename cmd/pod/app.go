package main

import (
	"os"
	"path/filepath"

	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/rootless"
)

// streams are the three standard streams. They are files, since terminals and descriptors that a container inherits
// matter; only answers go to Out, all conversation goes to Err.
type streams struct {
	In, Out, Err *os.File
}

// app is what every command is given: the streams, the name it was started by, the global flags, and what the first
// command that needs it opens.
type app struct {
	streams
	name   string   // "pod", or "docker" or "podman" when invoked under that name
	args   []string // as the program was called
	global globalFlags

	builderName string // --builder; empty: the one that is used

	user   *rootless.Info
	opened *engine.Engine
	store  *image.Store
}

// nameFromArgv is the name to present in usage, help and errors: docker and podman when invoked as such.
func nameFromArgv(argv0 string) string {
	switch base := filepath.Base(argv0); base {
	case "docker", "podman":
		return base
	}
	return "pod"
}
