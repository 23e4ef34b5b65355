package build

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"github.com/pod-engine/pod/pkg/build/files"
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
	claimed  []claim // what is stated of it
	record   provenance.Build
}

// Build makes the image, or for several platforms their images, beside each other, and the list of them. Names mean something
// new only when all of it is there.
func (s *Session) Build(ctx context.Context, job *Job) (Result, error) {
	started := time.Now()
	work, err := s.openWorkspace(ctx)
	if err != nil {
		return Result{}, err
	}
	defer work.close()
	var result Result
	given, recorded := false, false
	for try := 1; ; try++ {
		builds, found, err := s.attempt(ctx, job, work, started)
		if !recorded {
			result = found
		}
		if err == nil && !given {
			given = true
			for _, one := range builds {
				if err := one.giveFiles(ctx); err != nil {
					return result, err // some of them may have been written
				}
			}
		}
		if err == nil && !job.NoImage && !recorded {
			err = s.recordAll(ctx, job, builds, &result)
			recorded = err == nil
		}
		if err == nil {
			err = s.exportCaches(ctx, job, builds, work, try == maxTries)
		}
		if !isGone(err) || try == maxTries || ctx.Err() != nil {
			return result, err
		}
		s.Warn("what this build has made was removed meanwhile, and is made again: " + err.Error())
	}
}

// attempt carries out the builds of all platforms, and says what is to be said of them.
func (s *Session) attempt(ctx context.Context, job *Job, work *workspace, started time.Time) ([]*oneBuild, Result, error) {
	builds, err := s.solveAll(ctx, job, work)
	result := Result{Warnings: builds[0].warnings}
	if err != nil {
		return builds, result, err
	}
	invocation := strings.ToLower(rand.Text())[:25]
	for _, one := range builds {
		if job.BOM != nil {
			document, err := one.addBOM(ctx)
			if err != nil {
				return builds, result, err
			}
			result.BOMs = append(result.BOMs, document)
		}
		if err := one.claims(ctx, started, invocation); err != nil {
			return builds, result, err
		}
		if job.Attest.Records {
			result.Records = append(result.Records, one.record)
		}
	}
	return builds, result, nil
}

// solveAll carries out the builds of all platforms. When one fails the others are ended, and its error is the result.
func (s *Session) solveAll(ctx context.Context, job *Job, work *workspace) ([]*oneBuild, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	builds := make([]*oneBuild, len(job.Platforms))
	var all sync.WaitGroup
	for i, platform := range job.Platforms {
		builds[i] = &oneBuild{platform: platform}
		all.Go(func() {
			if err := builds[i].run(ctx, s, job, work); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return builds, context.Cause(ctx)
}

func (o *oneBuild) run(ctx context.Context, s *Session, job *Job, work *workspace) error {
	p, images, warnings, err := s.Plan(ctx, job, o.platform)
	o.warnings = warnings
	if err != nil {
		return err
	}
	o.solve = newSolve(s, job, p, images, work, o.platform)
	if err := o.solve.emptyCaches(); err != nil {
		return err
	}
	o.made, err = o.solve.target(ctx)
	return err
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
	tree := &files.Tree{Root: root}
	defer tree.Root.Close()
	statements, err := o.statementFiles(ctx, tree)
	if err != nil {
		return err
	}
	return job.Files(ctx, o.platform, tree, statements)
}

// severally says that the result is a manifest list.
func (j *Job) severally() bool { return j.Several || len(j.Platforms) > 1 }

// recordAll makes the images of what was solved, and the list of them.
func (s *Session) recordAll(ctx context.Context, job *Job, builds []*oneBuild, result *Result) error {
	single := *job
	listed := job.severally() || job.Attest.Any()
	if listed {
		single.Names = nil // they are the list's
	}
	var attached []image.Attached
	var entries []map[string]string
	for _, one := range builds {
		if err := one.squash(ctx); err != nil {
			return err
		}
		img, err := s.record(ctx, &single, one)
		if err != nil {
			return err
		}
		// Until the list is there nothing else keeps it.
		if err := s.pin(ctx, img.ID); err != nil {
			return gone(err)
		}
		result.Images = append(result.Images, img)
		entries = append(entries, job.EntryAnnotations.For(one.platform))
		more, err := one.attach(img)
		if err != nil {
			return gone(err)
		}
		attached = append(attached, more...)
	}
	var err error
	list := image.NewList{Images: result.Images, Artifacts: attached, Names: job.Names, Annotations: job.ListAnnotations, EntryAnnotations: entries}
	if listed && (len(job.Names) > 0 || job.List == "") {
		if result.List, err = s.Images.AddManifestList(ctx, list); err == nil {
			err = s.pin(ctx, result.List.ID) // it may have no name, and is to be written to where outputs say
		}
	}
	if err == nil && job.List != "" {
		var named *image.ManifestList
		named, err = s.Images.AddToManifestList(ctx, job.List, list)
		if result.List == nil || len(job.Names) == 0 {
			result.List = named
		}
	}
	return gone(err)
}
