package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/pod-engine/pod/pkg/engine"
)

// streams are the three standard streams. They are files, since terminals and descriptors that a container inherits
// matter; only answers go to Out, all conversation goes to Err.
type streams struct {
	In, Out, Err *os.File
}

// app is what every command is given: the streams, the name it was started by, the global flags, and the engine,
// which is opened by the first command that needs it.
type app struct {
	streams
	name   string // "pod", or "docker" or "podman" when invoked under that name
	args   []string
	global globalFlags
	open   *engine.Engine
}

// globalFlags are the flags before the verb.
type globalFlags struct {
	root, runRoot  string
	runtime        string
	runtimeFlags   []string
	storageDriver  string
	storageOptions []string
	cgroupManager  string
	logLevel       string
	monitor        string // --conmon in podman: path of another monitor
}

// engine enters the user's namespaces if that has not happened yet and opens the engine. In a command that calls it for
// the first time on this machine the whole program may be started again inside the namespaces.
func (a *app) engine(ctx context.Context) (*engine.Engine, error) {
	if a.open != nil {
		return a.open, nil
	}
	e, err := openEngine(ctx, a)
	if err != nil {
		return nil, err
	}
	a.open = e
	return e, nil
}

// nameFromArgv is the name to present in usage, help and errors: docker and podman when invoked as such.
func nameFromArgv(argv0 string) string {
	switch base := filepath.Base(argv0); base {
	case "docker", "podman":
		return base
	}
	return "pod"
}
