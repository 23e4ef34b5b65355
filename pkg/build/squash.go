package build

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/build/progress"
	"github.com/pod-engine/pod/pkg/image"
)

// Squash says which layers of an image become one.
type Squash int

const (
	SquashNone Squash = iota
	SquashNew         // those that the build has put over its base
	SquashAll
)

// squash makes one layer of several, and the history tell of one.
func (o *oneBuild) squash(ctx context.Context) error {
	s := o.solve
	if s.job.Squash == SquashNone {
		return nil
	}
	kept, err := s.baseLayers(ctx)
	if err != nil {
		return err
	}
	if s.job.Squash == SquashAll {
		kept = 0
	}
	if len(o.made.layers)-kept < 2 {
		return nil
	}
	n := len(o.made.layers) - kept
	v := s.job.Display.Vertex(fmt.Sprintf("[%s] squash %d layers", stageName(s.shown(s.plan.Stages[len(s.plan.Stages)-1])), n))
	squashed, found, err := s.squashed(ctx, o.made, kept, v)
	v.End(found, err)
	if err != nil {
		return fmt.Errorf("make one layer of %d: %w", n, err)
	}
	o.made = squashed
	squashHistory(&s.plan.Stages[len(s.plan.Stages)-1].Config, kept)
	return nil
}

// squashed gives the layers with one for those above the lowest kept ones: the one that an earlier build has made of the very same, or a new one.
func (s *solve) squashed(ctx context.Context, m made, kept int, v progress.Vertex) (_ made, found bool, err error) {
	below := made{layers: m.layers[:kept:kept], cached: m.cached}
	key := sum("squash", keyVersion, below.top(), m.top()) // a layer's id is that of all layers below it too
	leave, err := s.enter(ctx, key)
	if err != nil {
		return m, false, err
	}
	defer leave()
	if !s.job.NoCache || s.has(key) {
		if l, ok := s.cached(below, key); ok {
			return below.with(l, m.cached), true, nil
		}
	}
	release, err := s.slot(ctx)
	if err != nil {
		return m, false, err
	}
	defer release()
	v.Start()
	created := m.layers[len(m.layers)-1].created
	l, err := s.merge(ctx, m, below, func(l image.Layer) error {
		if err := s.lowers.intact(); err != nil {
			return err
		}
		return s.remember(key, below.top(), madeLayer{l, created}, "squashed layers")
	})
	if err != nil {
		return m, false, gone(err)
	}
	s.done([]string{key})
	top := madeLayer{l, created}
	return below.with(top, m.cached), false, failpoint.Hit("build.squashed")
}

// baseLayers is how many layers the target has from the image that its first stage begins with.
func (s *solve) baseLayers(ctx context.Context) (int, error) {
	stage := s.plan.Stages[len(s.plan.Stages)-1]
	for stage.Base.Stage != nil {
		stage = s.stages[*stage.Base.Stage].Stage
	}
	base, err := s.base(ctx, stage)
	return len(base.layers), err
}

// squashHistory leaves of the entries that made a layer above the lowest kept ones only the last.
func squashHistory(config *plan.Config, kept int) {
	last := -1
	history := slices.Clone(config.History)
	for i, layers := 0, 0; i < len(history); i++ {
		if history[i].EmptyLayer {
			continue
		}
		if layers++; layers <= kept {
			continue
		}
		if last >= 0 {
			history[last].EmptyLayer = true
		}
		last = i
	}
	config.History = history
}

// merge makes one layer, over those below, of the other layers. remember is told of it before it is in the store.
func (s *solve) merge(ctx context.Context, m, below made, remember func(image.Layer) error) (l image.Layer, err error) {
	layers, err := s.layersOf(m)
	if err != nil {
		return l, err
	}
	before, err := s.mountLayers(below, "")
	if err != nil {
		return l, err
	}
	defer before.Close()
	after, err := s.mountLayers(m, "")
	if err != nil {
		return l, err
	}
	defer after.Close()
	read, write := io.Pipe()
	var writer sync.WaitGroup
	writer.Go(func() {
		write.CloseWithError(files.WriteChanges(ctx, write, before, after, newest(layers, len(m.layers)-len(below.layers))))
	})
	l, err = s.Images.AddLayerTar(ctx, below.top(), read, remember)
	read.Close()
	writer.Wait() // it reads what is closed now
	return l, err
}

// newest are the directories of the n newest layers: all, where the driver keeps the files of all layers in one.
func newest(layers image.Layers, n int) []string {
	parts := layers.Parts()
	return slices.Concat(parts[:min(n, len(parts))]...)
}
