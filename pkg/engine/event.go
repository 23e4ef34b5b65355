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
	ev.Type, ev.ID, ev.Name, ev.Image = "container", cfg.ID, cfg.Name, cfg.Image.Name
	attributes := maps.Clone(cfg.Labels)
	if attributes == nil {
		attributes = map[string]string{}
	}
	maps.Copy(attributes, ev.Attributes)
	ev.Attributes = attributes
	if err := event.Append(e.EventsPath(), ev); err != nil {
		e.Log.Warn("event not kept", "event", ev.Status, "container", cfg.Name, "error", err)
	}
}
