package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/pod-engine/pod/pkg/engine"
)

func TestStatus(t *testing.T) {
	state, gone := fmt.Errorf("x: %w", engine.ErrState), fmt.Errorf("x: %w", engine.ErrNotFound)
	missing := &engine.StartError{Kind: engine.StartNotFound, Text: "x"}
	plain := &engine.StartError{Kind: engine.StartNotExecutable, Text: "x"}
	broken := &engine.StartError{Kind: engine.StartRuntime, Text: "x"}
	flag, arguments := usageError{errors.New("x")}, tooFewOrMany(errors.New("x"))
	for _, test := range []struct {
		verb           string
		err            error
		podman, docker int
	}{
		{"run", missing, 127, 127},
		{"run", plain, 126, 126},
		{"run", broken, 125, 125},
		{"run", gone, 125, 125},
		{"run", flag, 125, 125},
		{"run", arguments, 125, 1},
		{"create", flag, 125, 125},
		{"create", gone, 125, 1},
		{"start", missing, 127, 1},
		{"start", state, 125, 1},
		{"exec", missing, 127, 127},
		{"exec", state, 125, 1},
		{"exec", flag, 125, 125},
		{"stop", gone, 125, 1},
		{"stop", arguments, 125, 1},
		{"logs", gone, 125, 1},
		{"pull", errors.New("x"), 125, 1},
		{"inspect", gone, 125, 1},
		{"ps", flag, 125, 125},
		{"rm", rmExit(state), 2, 1},
		{"rm", rmExit(gone), 1, 1},
		{"rm", errors.New("x"), 125, 1},
		{"rmi", exitError{2, errors.New("x")}, 2, 1},
		{"unshare", exitError{126, errors.New("x")}, 126, 126},
	} {
		for name, want := range map[string]int{"pod": test.podman, "podman": test.podman, "docker": test.docker} {
			if got := (&app{name: name}).status(test.verb, test.err); got != want {
				t.Errorf("%s %s: %v (%T) ends with %d, want %d", name, test.verb, test.err, test.err, got, want)
			}
		}
	}
}
