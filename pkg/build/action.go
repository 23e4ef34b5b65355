package build

import (
	"context"

	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/build/progress"
	"github.com/pod-engine/pod/pkg/image"
)

// action is what a step does, ready to be done.
type action struct {
	// keys lead to the layer; each costs more to find out than the one before it.
	keys []func(context.Context) (string, error)
	do   func(ctx context.Context, layers image.Layers, u upper, v progress.Vertex) error
	// relink says that the layer is the same over any other.
	relink bool
	// changed names what has become other than the keys say while do read it, so that they do not lead to the layer; empty: nothing has. It may be nil.
	changed func(context.Context) string
	// close gives back what keys and do have opened; it may be nil.
	close func()
}

func (s *solve) prepare(ctx context.Context, stage plan.Stage, step plan.Step, at made) (action, error) {
	switch {
	case step.Run != nil:
		return s.prepareRun(ctx, stage, *step.Run, at)
	case step.Copy != nil:
		return s.prepareCopy(ctx, *step.Copy, at)
	default:
		mkdir := *step.Mkdir
		return action{keys: oneKey(mkdirKey(at.top(), mkdir)), do: func(_ context.Context, layers image.Layers, u upper, _ progress.Vertex) error {
			return s.makeWorkdir(layers, u, mkdir)
		}}, nil
	}
}

// oneKey is for a step whose key is known.
func oneKey(key string) []func(context.Context) (string, error) {
	return []func(context.Context) (string, error){func(context.Context) (string, error) { return key, nil }}
}
