package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/bake"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/spf13/cobra"
)

// baking builds the targets of a plan beside each other, in one session, each after those that it is linked to.
type baking struct {
	*app
	bakeOptions
	plan    bake.Plan
	session *build.Session
	display build.Display
	room    chan struct{} // one for each target that may be built at a time; nil: any number
	targets map[string]*baked
	files   sync.Mutex // one target at a time writes files: they may be meant for the same directory
}

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

func (a *app) bakePlan(ctx context.Context, p bake.Plan, o bakeOptions) error {
	session, err := a.buildSession(ctx, o.jobs.steps())
	if err != nil {
		return err
	}
	defer session.Close()
	b := &baking{app: a, bakeOptions: o, plan: p, session: session, targets: map[string]*baked{}}
	if n := o.jobs.parallel; n > 0 {
		b.room = make(chan struct{}, n)
	}
	if err := b.complete(); err != nil {
		return err
	}
	display, finish, err := a.openDisplay(o.progress, "", false)
	if err != nil {
		return err
	}
	b.display = display
	if o.jobs.deferOutput {
		err = b.each(ctx, b.rehearse)
	}
	if err == nil {
		err = b.each(ctx, b.build)
	}
	finish()
	b.showFindings()
	if err != nil && !o.jobs.deferError {
		return err
	}
	return errors.Join(err, b.writeAnswers())
}

// complete reads the flags of all targets before anything is done.
func (b *baking) complete() error {
	streams := 0
	for _, name := range slices.Sorted(maps.Keys(b.plan.Targets)) {
		t := &baked{name: name, asked: slices.Contains(b.plan.Asked, name), buildOptions: newBuildOptions()}
		if err := b.completeTarget(t); err != nil {
			return fmt.Errorf("target %s: %w", name, err)
		}
		if t.streaming {
			streams++
		}
		b.targets[name] = t
	}
	if streams > 1 {
		return usageError{errors.New("only one target can write to the standard output")}
	}
	return nil
}

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
		if !strings.HasPrefix(value, "target:") {
			flags = append(flags, "--build-context="+key+"="+localPath(value))
		}
	}
	for _, word := range b.allow {
		flags = append(flags, "--allow="+word)
	}
	dir := localPath(*target.Context)
	if dir == "-" || *target.Dockerfile == "-" {
		return usageError{errors.New("neither the context nor the Dockerfile of a target can be the standard input")}
	}
	if file := *target.Dockerfile; file != "Dockerfile" && target.DockerfileInline == nil {
		if here, ok := strings.CutPrefix(file, "cwd://"); ok {
			file = here
		} else if !filepath.IsAbs(file) && !build.IsAddress(dir) {
			file = filepath.Join(dir, file)
		}
		flags = append(flags, "--file="+file)
	}
	if err := cmd.Flags().Parse(flags); err != nil {
		return usageError{err}
	}
	t.inline, t.keepImage, t.recorded = target.DockerfileInline, b.linked(t.name), t.asked && b.metadataFile != ""
	if err := t.complete(cmd.Flags(), b.app); err != nil {
		return err
	}
	t.call.asJSON = t.call.method != "" && b.call.asJSON
	if write := t.job.Files; write != nil {
		t.job.Files = func(ctx context.Context, p plan.Platform, tree *build.Tree, statements []build.StatementFile) error {
			b.files.Lock()
			defer b.files.Unlock()
			return write(ctx, p, tree, statements)
		}
	}
	return nil
}

// localPath is a context as build has it: "cwd://DIR" is a directory of the caller's, also where a file of targets comes from elsewhere.
func localPath(value string) string {
	dir, ok := strings.CutPrefix(value, "cwd://")
	if ok && dir == "" {
		return "."
	}
	return dir
}

// linked reports whether another target has the result of this one as a context.
func (b *baking) linked(name string) bool {
	for _, t := range b.plan.Targets {
		if slices.Contains(t.Links(), name) {
			return true
		}
	}
	return false
}

// each does something with all targets beside each other. When one fails the others are ended, unless they are to go on.
func (b *baking) each(ctx context.Context, do func(context.Context, *baked) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, t := range b.targets {
		t.done, t.err, t.skipped = make(chan struct{}), nil, false
	}
	var all sync.WaitGroup
	for _, t := range b.targets {
		all.Go(func() {
			defer close(t.done)
			if t.err = b.inTurn(ctx, t, do); t.err == nil {
				return
			}
			t.err = fmt.Errorf("target %s: %w", t.name, t.err)
			if !b.jobs.deferError {
				cancel(t.err)
			}
		})
	}
	all.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var failed []error
	for _, t := range b.sorted() {
		if !t.skipped {
			failed = append(failed, t.err)
		}
	}
	return errors.Join(failed...)
}

// inTurn waits for the targets that t is linked to and for room.
func (b *baking) inTurn(ctx context.Context, t *baked, do func(context.Context, *baked) error) error {
	for _, name := range b.plan.Targets[t.name].Links() {
		link := b.targets[name]
		select {
		case <-link.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if link.err != nil {
			t.skipped = true
			return fmt.Errorf("target %s, which it needs, has failed", name)
		}
	}
	if b.room != nil {
		select {
		case b.room <- struct{}{}:
			defer func() { <-b.room }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return do(ctx, t)
}

// sorted gives the targets by name.
func (b *baking) sorted() []*baked {
	var out []*baked
	for _, t := range b.targets {
		out = append(out, t)
	}
	slices.SortFunc(out, func(x, y *baked) int { return strings.Compare(x.name, y.name) })
	return out
}

// open gives a target its contexts, the images of other targets among them.
func (b *baking) open(ctx context.Context, t *baked) error {
	target := b.plan.Targets[t.name]
	for key, value := range target.Contexts {
		if link, ok := strings.CutPrefix(value, "target:"); ok {
			t.job.Request.Contexts[key] = "image:" + b.targets[link].made.id()
		}
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
	job.Display = build.Titled{Display: b.display, Name: t.name}
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
	display := build.Titled{Display: b.display, Name: t.name}
	fetching := &lazyVertex{open: func() build.Vertex { return display.Vertex("fetching images") }}
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
	exporting := &lazyVertex{open: func() build.Vertex { return display.Vertex("exporting") }}
	t.job.Pull.Progress = exporting
	t.made.pushed, err = t.export(ctx, b.app, b.session.Images, t.made.Result)
	exporting.end(err)
	return err
}

// showFindings prints the lint warnings of all targets, and where those that failed have failed.
func (b *baking) showFindings() {
	for _, t := range b.sorted() {
		b.showWarnings(t.made.Warnings)
		b.showSource(t.err)
	}
}

// writeAnswers prints the answers of --call, and writes the metadata of all targets that were built.
func (b *baking) writeAnswers() error {
	metadata := map[string]buildMetadata{}
	code, asJSON := 0, map[string]any{}
	for _, t := range b.sorted() {
		switch {
		case !t.asked || t.err != nil:
		case t.call.method == "":
			m, err := t.metadata(t.made)
			if err != nil {
				return err
			}
			metadata[t.name] = m
		case t.call.asJSON:
			asJSON[t.name] = map[string]any{"build": b.plan.Targets[t.name], t.call.method: json.RawMessage(t.answer.Bytes())}
		default:
			if err := b.printAnswer(t); err != nil {
				return err
			}
		}
		code = max(code, t.code)
	}
	if len(asJSON) > 0 {
		answer := struct {
			Groups  map[string]bake.Group `json:"group,omitempty"`
			Targets map[string]any        `json:"target"`
		}{b.plan.Groups, asJSON}
		if err := writeJSON(b.Out, answer); err != nil {
			return err
		}
	}
	if b.metadataFile != "" {
		if err := writeMetadata(b.metadataFile, metadata); err != nil {
			return err
		}
	}
	if code != 0 {
		return exitError{code: code}
	}
	return nil
}

// printAnswer prints what --call has found out about a target, below its name.
func (b *baking) printAnswer(t *baked) error {
	title := report.Escape(t.name) + "\n"
	if text := b.plan.Targets[t.name].Description; text != "" {
		title += report.Escape(text) + "\n"
	}
	_, err := fmt.Fprintf(b.Out, "%s\n%s\n", title, t.answer.Bytes())
	return err
}

// lazyVertex is a step on a display that is there once something is written to it.
type lazyVertex struct {
	open   func() build.Vertex
	mu     sync.Mutex
	vertex build.Vertex
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
