package build

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/build/progress"
	"github.com/pod-engine/pod/pkg/image"
)

// solve carries out one plan.
type solve struct {
	*Session
	job  *Job
	plan *plan.Plan
	// platform is the target's.
	platform plan.Platform
	images   map[string]*image.Image // by key
	work     *workspace
	notes    notes
	// origins are those of what was fetched.
	origins origins
	others  *imports
	stages  map[int]*stageRun
	trees   trees
	lowers  lowers
}

// stageRun is a stage that is carried out at most once, by whoever waits for it first.
type stageRun struct {
	plan.Stage
	once sync.Once
	made made
	err  error
}

func newSolve(session *Session, job *Job, p *plan.Plan, images map[string]*image.Image, work *workspace, target plan.Platform) *solve {
	s := &solve{Session: session, job: job, plan: p, platform: target, images: images, work: work, stages: map[int]*stageRun{}}
	s.others = s.newImports(job, target, work)
	for _, stage := range p.Stages {
		s.stages[stage.Index] = &stageRun{Stage: stage}
	}
	return s
}

// target carries out all stages, those that wait for nobody first, and gives what the last one has made. When one fails the
// others are ended, and its error is the result.
func (s *solve) target(ctx context.Context) (made, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, stage := range s.stages {
		all.Go(func() {
			if _, err := s.stage(ctx, stage.Index); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	s.trees.close()
	if cause := context.Cause(ctx); cause != nil {
		return made{}, cause
	}
	return s.stages[s.plan.Stages[len(s.plan.Stages)-1].Index].made, nil
}

// stage gives what a stage has made, once it has.
func (s *solve) stage(ctx context.Context, index int) (made, error) {
	run := s.stages[index]
	run.once.Do(func() { run.made, run.err = s.runStage(ctx, run.Stage) })
	return run.made, run.err
}

func (s *solve) runStage(ctx context.Context, stage plan.Stage) (made, error) {
	at, err := s.base(ctx, stage)
	if err != nil {
		var located *SourceError
		if ctx.Err() == nil && !errors.As(err, &located) {
			err = &SourceError{Problem: plan.Problem{Text: err.Error(), Line: stage.Line}, File: s.job.Dockerfile, Err: err}
		}
		return at, err
	}
	for i, step := range stage.Steps {
		if !step.Layered() {
			continue
		}
		next, err := s.step(ctx, stage, i, at)
		if err != nil {
			return at, err
		}
		at = next.made
		if len(next.keys) == 0 {
			continue
		}
		s.notes.add(notedStep{stage.Index, next.keys, at.layers[len(at.layers)-1], step.Text})
	}
	return at, nil
}

// shown is the stage as a display names it: with its platform where there are several.
func (s *solve) shown(stage plan.Stage) plan.Stage {
	if len(s.job.Platforms) > 1 {
		stage.Name = stage.Platform.String() + " " + stageName(stage)
	}
	return stage
}

// stepError gives the error of a step its place, unless the step was ended because of another.
func (s *solve) stepError(ctx context.Context, step plan.Step, output *Output, err error) error {
	var located *SourceError
	if ctx.Err() != nil || errors.As(err, &located) {
		return err
	}
	err = s.Images.Full(err)
	return &SourceError{
		Problem: plan.Problem{Text: fmt.Sprintf("%s: %s", firstLine(step.Text), err), Line: step.Line},
		EndLine: step.EndLine, File: s.job.Dockerfile, Err: err, Output: output,
	}
}

// base gives the layers that a stage begins with.
func (s *solve) base(ctx context.Context, stage plan.Stage) (made, error) {
	if stage.Base.Stage != nil {
		m, err := s.stage(ctx, *stage.Base.Stage)
		m.cached = true // for this stage
		return m, err
	}
	m := made{cached: true}
	if key := stage.Base.Image; key != "" {
		img := s.images[key]
		layers, err := s.Images.ImageLayers(img)
		if err != nil {
			return m, err
		}
		for _, l := range layers {
			m.layers = append(m.layers, madeLayer{l, img.Created})
		}
	}
	return m, nil
}

// doneStep is a step that is done.
type doneStep struct {
	made   made
	cached bool
	keys   []string // that are known to lead there; none do where a context changed under the step
}

// step carries out the step with this number. It is shown from when the stages that it copies from are there.
func (s *solve) step(ctx context.Context, stage plan.Stage, number int, at made) (doneStep, error) {
	step := stage.Steps[number]
	if err := ctx.Err(); err != nil {
		return doneStep{}, err
	}
	act, err := s.prepare(ctx, stage, step, at)
	if err != nil {
		return doneStep{}, s.stepError(ctx, step, nil, err)
	}
	if act.close != nil {
		defer act.close()
	}
	vertex := s.job.Display.Vertex(stepTitle(s.shown(stage), number))
	output := s.work.newOutput(s.job.MaxOutput)
	next, err := s.carryOut(ctx, stage, step, act, at, keptVertex{vertex, output})
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // whatever it was in the middle of
	} else if err != nil {
		if s.lowers.intact() != nil {
			err = goneError{err} // whatever came of it
		}
		err = s.stepError(ctx, step, output, err)
	}
	var failed *SourceError
	if !errors.As(err, &failed) {
		output.close()
	}
	vertex.End(next.cached, err)
	return next, err
}

// carryOut gives the layers with those of the step, from the cache or made now.
func (s *solve) carryOut(ctx context.Context, stage plan.Stage, step plan.Step, act action, at made, v progress.Vertex) (doneStep, error) {
	var keys []string
	for _, make := range act.keys {
		key, err := make(ctx)
		if err != nil {
			return doneStep{}, err
		}
		if latest := s.latest(); latest != nil { // other times are other layers
			key = sum("epoch", latest.Format(time.RFC3339Nano), key)
		}
		if l, own, ok := s.found(ctx, stage, at, key); ok {
			return s.foundStep(at, l, own, append(keys, key), step)
		}
		keys = append(keys, key)
		if !act.relink || s.job.NoCache || stage.NoCache {
			continue
		}
		remember := func(l madeLayer) error { return s.rememberAll(keys, at.top(), l, step.Text) }
		if l, ok := s.relinked(ctx, at, key, remember); ok {
			return doneStep{at.with(l, false), true, keys}, nil
		}
	}
	// Another platform or job may be about to do the very same.
	key := keys[len(keys)-1]
	leave, err := s.enter(ctx, key)
	if err != nil {
		return doneStep{}, err
	}
	defer leave()
	if l, own, ok := s.found(ctx, stage, at, key); ok {
		return s.foundStep(at, l, own, keys, step)
	}
	release, err := s.slot(ctx)
	if err != nil {
		return doneStep{}, err
	}
	defer release()
	v.Start()
	made, err := s.make(ctx, at, act, v, func(l madeLayer) error {
		if act.changed != nil {
			if name := act.changed(ctx); name != "" {
				s.Warn(fmt.Sprintf("%q is not remembered for later builds: %s in the build context has changed meanwhile", firstLine(step.Text), name))
				keys = nil
				return s.remember(sum("unsure", l.ID), at.top(), l, step.Text) // for prune alone
			}
		}
		return s.rememberAll(keys, at.top(), l, step.Text)
	})
	if err != nil {
		return doneStep{}, err
	}
	s.done(keys)
	return doneStep{at.with(made, false), false, keys}, nil
}

// foundStep is a step that its last key has led to. The others lead there too from now on, unless only a stranger's cache says so.
func (s *solve) foundStep(at made, l madeLayer, own bool, keys []string, step plan.Step) (doneStep, error) {
	p := doneStep{at.with(l, true), true, keys}
	if !own {
		return p, nil
	}
	return p, s.rememberAll(keys[:len(keys)-1], at.top(), l, step.Text)
}

// found gives the layer that a key leads to, unless all is to be done anew; what this build has done itself counts as new. own says that this
// machine has made it, or that an earlier build has.
func (s *solve) found(ctx context.Context, stage plan.Stage, at made, key string) (l madeLayer, own, ok bool) {
	if (s.job.NoCache || stage.NoCache) && !s.has(key) {
		return madeLayer{}, false, false
	}
	if l, ok := s.cached(at, key); ok {
		return l, true, true
	}
	l, ok = s.others.layer(ctx, at, key)
	return l, false, ok
}

func (s *solve) rememberAll(keys []string, parent string, l madeLayer, text string) error {
	for _, key := range keys {
		if err := s.remember(key, parent, l, text); err != nil {
			return err
		}
	}
	return nil
}

// make does the work of a step in a writable layer and turns that into a layer of the store. remember is told of it before it is there: of a layer that
// is there and not remembered, no prune would know when this process died in between.
func (s *solve) make(ctx context.Context, at made, act action, v progress.Vertex, remember func(madeLayer) error) (madeLayer, error) {
	u, err := s.work.newUpper()
	if err != nil {
		return madeLayer{}, err
	}
	defer u.close()
	layers, err := s.layersOf(at)
	if err != nil {
		return madeLayer{}, err
	}
	if err := act.do(ctx, layers, u, v); err != nil {
		return madeLayer{}, err
	}
	if err := s.lowers.intact(); err != nil {
		return madeLayer{}, err
	}
	if err := s.settle(layers, u); err != nil {
		return madeLayer{}, err
	}
	now := s.now()
	l, err := s.Images.AddLayer(ctx, at.top(), u.upper, func(l image.Layer) error { return remember(madeLayer{l, now}) })
	if err != nil {
		err = gone(err)
	}
	return madeLayer{l, now}, err
}

// layersOf gives the directories of the layers made so far.
func (s *solve) layersOf(m made) (image.Layers, error) {
	layers, err := s.chainOf(m.top(), len(m.layers))
	if err == nil {
		err = s.lowers.note(layers.Dirs)
	}
	return layers, err
}

// now is the time that a step is said to have been done at.
func (s *solve) now() time.Time {
	if latest := s.latest(); latest != nil {
		return *latest
	}
	return time.Now().UTC()
}

// latest is the time that no file of a new layer is younger than; nil: files have any.
func (s *solve) latest() *time.Time {
	if s.job.Epoch == nil || s.job.KeepTimes {
		return nil
	}
	t := s.job.Epoch.UTC()
	return &t
}
