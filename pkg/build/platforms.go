package build

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/build/provenance"
	"github.com/pod-engine/pod/pkg/image"
)

// oneBuild is a build for one platform, between being solved and recorded.
type oneBuild struct {
	platform plan.Platform
	solve    *solve
	made     made
	warnings []plan.Warning
	pins     []*image.Pin
	claimed  []claim // what is stated of it
	record   provenance.Build
}

// Build makes the image, or for several platforms their images, beside each other, and the list of them. Names mean something
// new only when all of it is there.
func (b *Builder) Build(ctx context.Context, job *Job) (Result, error) {
	started := time.Now()
	work, err := b.openWorkspace(ctx)
	if err != nil {
		return Result{}, err
	}
	defer work.close()
	builds, err := b.solveAll(ctx, job, work)
	defer func() {
		for _, one := range builds {
			one.close()
		}
	}()
	result := Result{Warnings: builds[0].warnings}
	if err != nil {
		return result, err
	}
	invocation := strings.ToLower(rand.Text())[:25]
	for _, one := range builds {
		if err := one.claims(ctx, started, invocation); err != nil {
			return result, err
		}
		if job.Attest.Records {
			result.Records = append(result.Records, one.record)
		}
		if err := one.giveFiles(ctx); err != nil {
			return result, err
		}
	}
	if !job.NoImage {
		err = b.recordAll(ctx, job, builds, &result)
	}
	if err == nil {
		err = b.exportCaches(ctx, job, builds, work)
	}
	return result, err
}

// solveAll carries out the builds of all platforms. When one fails the others are ended, and its error is the result.
func (b *Builder) solveAll(ctx context.Context, job *Job, work *workspace) ([]*oneBuild, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	shared := newShared(job.Jobs)
	builds := make([]*oneBuild, len(job.Platforms))
	var all sync.WaitGroup
	for i, platform := range job.Platforms {
		builds[i] = &oneBuild{platform: platform}
		all.Go(func() {
			if err := builds[i].run(ctx, b, job, work, shared); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return builds, context.Cause(ctx)
}

func (o *oneBuild) run(ctx context.Context, b *Builder, job *Job, work *workspace, shared *shared) error {
	p, images, warnings, err := b.Plan(ctx, job, o.platform)
	o.warnings = warnings
	if err != nil {
		return err
	}
	for _, img := range images {
		pin, err := b.Images.Pin(ctx, img.ID, "build")
		if err != nil {
			return err
		}
		o.pins = append(o.pins, pin)
	}
	o.solve = newSolve(b, job, p, images, work, shared, o.platform)
	o.made, err = o.solve.target(ctx)
	return err
}

func (o *oneBuild) close() {
	for _, pin := range o.pins {
		pin.Release()
	}
}

// giveFiles lets the job have the files of the target.
func (o *oneBuild) giveFiles(ctx context.Context) error {
	job := o.solve.job
	if job.Files == nil {
		return nil
	}
	root, err := o.solve.mountLayers(o.made, "")
	if err != nil {
		return err
	}
	tree := &Tree{Root: root}
	defer tree.Root.Close()
	statements, err := o.statementFiles(ctx, tree)
	if err != nil {
		return err
	}
	return job.Files(ctx, o.platform, tree, statements)
}

// recordAll makes the images of what was solved, and the list of them.
func (b *Builder) recordAll(ctx context.Context, job *Job, builds []*oneBuild, result *Result) error {
	single := *job
	listed := len(builds) > 1 || job.Attest.Any()
	if listed {
		single.Names = nil // they are the list's
	}
	var attached []image.Attached
	for _, one := range builds {
		if err := one.squash(ctx); err != nil {
			return err
		}
		img, err := b.record(ctx, &single, one)
		if err != nil {
			return err
		}
		// Until the list is there nothing else keeps it.
		pin, err := b.Images.Pin(ctx, img.ID, "build")
		if err != nil {
			return err
		}
		one.pins = append(one.pins, pin)
		result.Images = append(result.Images, img)
		more, err := one.attach(img)
		if err != nil {
			return err
		}
		attached = append(attached, more...)
	}
	var err error
	list := image.NewList{Images: result.Images, Artifacts: attached, Names: job.Names, Annotations: job.ListAnnotations}
	if listed && (len(job.Names) > 0 || job.List == "") {
		result.List, err = b.Images.AddManifestList(ctx, list)
	}
	if err == nil && job.List != "" {
		var named *image.ManifestList
		named, err = b.Images.AddToManifestList(ctx, job.List, list)
		if result.List == nil || len(job.Names) == 0 {
			result.List = named
		}
	}
	return err
}

// shared is what the builds of several platforms have in common.
type shared struct {
	slots chan struct{} // one for each step that runs at a time

	mu     sync.Mutex
	inside map[string]chan struct{} // keys of steps that are being done; closed when they are
	fresh  map[string]bool          // keys of steps that this build has done
}

func newShared(jobs int) *shared {
	return &shared{slots: make(chan struct{}, max(1, jobs)), inside: map[string]chan struct{}{}, fresh: map[string]bool{}}
}

// slot waits until one step more may run.
func (s *shared) slot(ctx context.Context) (release func(), err error) {
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// enter waits until nobody else does the step with this key.
func (s *shared) enter(ctx context.Context, key string) (leave func(), err error) {
	for {
		s.mu.Lock()
		other, busy := s.inside[key]
		if !busy {
			done := make(chan struct{})
			s.inside[key] = done
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.inside, key)
				s.mu.Unlock()
				close(done)
			}, nil
		}
		s.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *shared) done(keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		s.fresh[key] = true
	}
}

func (s *shared) has(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fresh[key]
}
