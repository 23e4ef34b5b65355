package main

import (
	"context"

	"github.com/pod-engine/pod/pkg/engine"
)

// openEngine wires the packages together: namespaces, image store, engine.
func openEngine(ctx context.Context, a *app) (*engine.Engine, error) {
	return engine.Open(engine.Options{})
}
