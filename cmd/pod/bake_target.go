package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/bake"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/build/progress"
	"github.com/spf13/cobra"
)

// baked is a target while it is built, and what came of it.
type baked struct {
	*buildOptions
	name    string
	asked   bool
	done    chan struct{}
	made    builtResult
	answer  bytes.Buffer // of --call
	code    int          // the exit code that --call has for it
	skipped bool         // what it needs was not built
	err     error
}

// completeTarget reads the flags of a target.
func (b *baking) completeTarget(t *baked) error {
	target := b.plan.Targets[t.name]
	if !t.asked {
		target.Tags, target.Outputs, target.CacheTo, target.Call, target.Attest = nil, nil, nil, nil, nil
	}
	if slices.ContainsFunc(target.Policy, func(p bake.Policy) bool { return !p.Disabled }) {
		return hint.Wrap(errors.New("its policy is not looked at: pod has no rules for the sources of builds"), "--set "+t.name+".policy=disabled=true")
	}
	cmd := &cobra.Command{}
	t.addFlags(cmd.Flags(), callersSurroundings())
	flags := target.Flags()
	for key, value := range target.Contexts {
		if !strings.HasPrefix(value, "target:") && !b.source.has(value) {
			flags = append(flags, "--build-context="+key+"="+localPath(value))
		}
	}
	for _, word := range b.buildAllows() {
		flags = append(flags, "--allow="+word)
	}
	dir := localPath(*target.Context)
	if dir == "-" || *target.Dockerfile == "-" {
		return usageError{errors.New("neither the context nor the Dockerfile of a target can be the standard input")}
	}
	more, err := b.dockerfile(&target)
	if err != nil {
		return err
	}
	flags = append(flags, more...)
	if err := cmd.Flags().Parse(flags); err != nil {
		return usageError{err}
	}
	t.inline, t.keepImage, t.recorded = target.DockerfileInline, b.linked(t.name), t.asked && b.metadataFile != ""
	if err := t.complete(cmd.Flags(), b.app); err != nil {
		return err
	}
	t.call.asJSON = t.call.method != "" && b.call.asJSON
	if write := t.job.Files; write != nil {
		t.job.Files = func(ctx context.Context, p plan.Platform, tree *files.Tree, statements []files.Beside) error {
			b.files.Lock()
			defer b.files.Unlock()
			return write(ctx, p, tree, statements)
		}
	}
	return nil
}

// dockerfile gives the flags for the Dockerfile of a target. One that is here for a context that is elsewhere is read at once.
func (b *baking) dockerfile(target *bake.Target) ([]string, error) {
	file, dir := *target.Dockerfile, localPath(*target.Context)
	if file == "Dockerfile" || target.DockerfileInline != nil {
		return nil, nil
	}
	elsewhere := b.source.has(*target.Context) || plan.IsAddress(dir)
	here, isHere := strings.CutPrefix(file, "cwd://")
	switch {
	case isHere && elsewhere:
		text, err := files.ReadFile(here, maxDockerfile)
		if err != nil {
			return nil, fmt.Errorf("read the Dockerfile: %w", err)
		}
		inline := string(text)
		target.DockerfileInline = &inline
		return nil, nil
	case isHere:
		file = here
	case !filepath.IsAbs(file) && !elsewhere:
		file = filepath.Join(dir, file)
	}
	return []string{"--file=" + file}, nil
}

// localPath is a context as build has it: "cwd://DIR" is a directory of the caller's, also where a file of targets comes from elsewhere.
func localPath(value string) string {
	dir, ok := strings.CutPrefix(value, "cwd://")
	if ok && dir == "" {
		return "."
	}
	return dir
}

// open gives a target its contexts, the images of other targets among them.
func (b *baking) open(ctx context.Context, t *baked) error {
	target := b.plan.Targets[t.name]
	for key, value := range target.Contexts {
		if link, ok := strings.CutPrefix(value, "target:"); ok {
			t.job.Request.Contexts[key] = "image:" + b.targets[link].made.id()
			continue
		}
		if !b.source.has(value) {
			continue
		}
		tree, err := b.session.Within(ctx, b.source.tree, value)
		if err == nil {
			tree, err = b.session.Ignoring(tree, []string{".containerignore", ".dockerignore"})
		}
		if err != nil {
			return fmt.Errorf("the context %s: %w", key, err)
		}
		t.job.Contexts[key], t.job.Request.Contexts[key] = tree, "tree"
	}
	if b.source.has(*target.Context) {
		return t.openWithin(ctx, b.app, b.session, b.source.tree, *target.Context)
	}
	return t.openContext(ctx, b.app, b.session, localPath(*target.Context))
}

// rehearse builds a target without what it is to leave, for which all others are waited.
func (b *baking) rehearse(ctx context.Context, t *baked) error {
	if t.call.method != "" {
		return nil
	}
	if err := b.open(ctx, t); err != nil {
		return err
	}
	job := t.job
	job.Names, job.List, job.Files, job.CacheTo, job.NoImage, job.Attest = nil, "", nil, nil, !t.keepImage, build.Attest{}
	job.BOM = nil
	job.Display = progress.Titled{Display: b.display, Name: t.name}
	result, err := b.session.Build(ctx, &job)
	t.made.Result = result
	return err
}

func (b *baking) build(ctx context.Context, t *baked) (err error) {
	if err := b.open(ctx, t); err != nil {
		return err
	}
	if t.call.method != "" {
		err := t.answerCall(ctx, b.app, b.session, &t.answer)
		var found exitError
		if errors.As(err, &found) {
			t.code, err = found.code, nil
		}
		return err
	}
	if err := t.completeCaches(b.app, b.session.Builder); err != nil {
		return err
	}
	display := progress.Titled{Display: b.display, Name: t.name}
	fetching := &lazyVertex{open: func() progress.Vertex { return display.Vertex("fetching images") }}
	t.job.Display, t.job.Pull.Progress, t.job.Pull.Terminal = display, fetching, false
	t.made.store = b.session.Images
	t.made.Result, err = b.session.Build(ctx, &t.job)
	fetching.end(err)
	if err != nil {
		return err
	}
	if err := t.writeBOM(t.made.Result); err != nil {
		return err
	}
	exporting := &lazyVertex{open: func() progress.Vertex { return display.Vertex("exporting") }}
	t.job.Pull.Progress = exporting
	t.made.pushed, err = t.export(ctx, b.app, b.session.Builder, t.made.Result)
	exporting.end(err)
	return err
}

// lazyVertex is a step on a display that is there once something is written to it.
type lazyVertex struct {
	open   func() progress.Vertex
	mu     sync.Mutex
	vertex progress.Vertex
}

// Write shows what is written.
func (l *lazyVertex) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.vertex == nil {
		l.vertex = l.open()
		l.vertex.Start()
	}
	return l.vertex.Write(p)
}

func (l *lazyVertex) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.vertex != nil {
		l.vertex.End(false, err)
	}
}
