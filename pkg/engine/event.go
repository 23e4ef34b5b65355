package engine

import (
	"maps"
	"time"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/event"
)

// event writes what happened to a container into the journal. What was done stays done when the journal cannot be
// written (a full disk): that is only logged.
func (e *Engine) event(cfg *container.Config, action string, attributes map[string]string) {
	e.appendEvent(cfg, event.Event{Status: action, Time: time.Now(), Attributes: attributes})
}

// diedEvent notes the end of a container, at the time at which it ended.
func (e *Engine) diedEvent(c Container, code int) {
	at := c.State.Finished
	if at.IsZero() {
		at = time.Now()
	}
	e.appendEvent(c.Config, event.Event{Status: "died", Time: at, ContainerExitCode: &code})
}

func (e *Engine) appendEvent(cfg *container.Config, ev event.Event) {
	described := containerEvent(cfg, ev.Attributes)
	described.Status, described.Time, described.ContainerExitCode = ev.Status, ev.Time, ev.ContainerExitCode
	if err := event.Append(e.EventsPath(), described); err != nil {
		e.Log.Warn("event not kept", "event", ev.Status, "container", cfg.Name, "error", err)
	}
}

// containerEvent is what all events of a container have in common.
func containerEvent(cfg *container.Config, attributes map[string]string) event.Event {
	all := maps.Clone(cfg.Labels)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, attributes)
	return event.Event{Type: event.Container, ID: cfg.ID, Name: cfg.Name, Image: cfg.Image.Name, Attributes: all}
}
