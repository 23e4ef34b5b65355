package main

import (
	"context"
	"errors"
	"time"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/internal/timespec"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
)

// sources are what the reading commands (ps, inspect, port, info) ask others for. All of them must be set.
type sources struct {
	now func() time.Time
	// containers opens the list of containers.
	containers func(context.Context) (containerReader, error)
	// ports gives the published ports of a container, with the host ports that were chosen at its start.
	ports func(engine.Container) []container.Port
	// size gives the bytes in a container's writable layer and in all its layers.
	size func(context.Context, engine.Container) (writable, all int64, err error)
	// facts gives what inspect shows beside configuration and state.
	facts func(context.Context, engine.Container) (container.Facts, error)
	// images opens what inspect asks about images.
	images func(context.Context) (imageInspector, error)
	// host gives what info shows of the engine and its user.
	host func(context.Context) (hostFacts, error)
}

// containerReader is what reading commands need of an engine.
type containerReader interface {
	List(context.Context) ([]engine.Container, error)
	Find(ctx context.Context, nameOrID string) (engine.Container, error)
	Settle(context.Context, []engine.Container)
}

// imageInspector gives what inspect prints of an image, as a value for JSON and templates. The error is errNoSuchImage
// (wrapped) when there is none of this name.
type imageInspector interface {
	ImageInspect(ctx context.Context, name string) (any, error)
}

// errNoSuchImage is how an imageInspector says that it has no such image.
var errNoSuchImage = errors.New("no such image")

// style is whose conventions this command's answers follow.
func (a *app) style() report.Style { return report.StyleOf(a.name) }

// matching gives the predicate of --filter, with before and since looked up by r.
func matching(ctx context.Context, r containerReader, filters []string, now time.Time) (container.Match, error) {
	match, err := container.ParseFilters(filters, container.FilterFacts{
		Time: func(s string) (time.Time, error) { return timespec.Ago(s, now) },
		Find: func(nameOrID string) (*container.Config, error) {
			c, err := r.Find(ctx, nameOrID)
			return c.Config, err
		},
	})
	if err != nil {
		return nil, usageError{err}
	}
	return match, nil
}

// newest gives the container made last.
func newest(ctx context.Context, r containerReader) (engine.Container, error) {
	list, err := r.List(ctx)
	if err != nil {
		return engine.Container{}, err
	}
	if len(list) == 0 {
		return engine.Container{}, errors.New("there is no container")
	}
	last := list[0]
	for _, c := range list[1:] {
		if c.Config.Created.After(last.Config.Created) {
			last = c
		}
	}
	return last, nil
}
