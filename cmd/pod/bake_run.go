package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/bake"
	"github.com/pod-engine/pod/pkg/build/progress"
)

// baking builds the targets of a plan beside each other, in one session, each after those that it is linked to.
type baking struct {
	*app
	bakeOptions
	plan    bake.Plan
	session *build.Session
	source  bakeSource
	display progress.Display
	room    chan struct{} // one for each target that may be built at a time; nil: any number
	targets map[string]*baked
	files   sync.Mutex // one target at a time writes files: they may be meant for the same directory
}

func (b *baking) run(ctx context.Context) error {
	if n := b.jobs.parallel; n > 0 {
		b.room = make(chan struct{}, n)
	}
	if err := b.allowTargets(); err != nil {
		return err
	}
	if err := b.complete(); err != nil {
		return err
	}
	display, finish, err := b.openDisplay(b.bakeOptions.progress, "", false)
	if err != nil {
		return err
	}
	b.display = display
	if b.jobs.deferOutput {
		err = b.each(ctx, b.rehearse)
	}
	if err == nil {
		err = b.each(ctx, b.build)
	}
	finish()
	b.showFindings()
	if err != nil && !b.jobs.deferError {
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

// remote says that the files of targets are from elsewhere.
func (b *baking) remote() bool { return b.source.tree != nil }

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
		case !t.asked || t.err != nil || t.call.method == "" && b.metadataFile == "":
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
