package main

import (
	"io"
	"maps"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/engine/event"
)

// dockerEvent is an event under docker's field names (docker events --format json).
type dockerEvent struct {
	OldStatus string      `json:"status,omitempty"`
	OldID     string      `json:"id,omitempty"`
	OldFrom   string      `json:"from,omitempty"`
	Type      string      `json:"Type"`
	Action    string      `json:"Action"`
	Actor     dockerActor `json:"Actor"`
	Scope     string      `json:"scope"`
	Time      int64       `json:"time"`
	TimeNano  int64       `json:"timeNano"`
}

type dockerActor struct {
	ID         string            `json:"ID"`
	Attributes map[string]string `json:"Attributes"`
}

// Status, ID and From are the older names of docker's fields, which templates may use.
func (e dockerEvent) Status() string { return e.OldStatus }
func (e dockerEvent) ID() string     { return e.OldID }
func (e dockerEvent) From() string   { return e.OldFrom }

// printDocker prints what docker would, and nothing of events that docker does not have.
func (o *eventsOptions) printDocker(w io.Writer, e event.Event) error {
	action, ok := e.Docker()
	if !ok {
		return nil
	}
	d := newDockerEvent(e, action)
	if o.format != "" {
		return report.Record(w, d, o.format, report.Docker)
	}
	line := e.Time.Format(logTimeLayout) + " " + d.Type + " " + action + " " + d.Actor.ID
	if list := eventAttributes(event.Event{Attributes: d.Actor.Attributes}); len(list) > 0 {
		line += " (" + strings.Join(list, ", ") + ")"
	}
	_, err := io.WriteString(w, report.Escape(line)+"\n")
	return err
}

func newDockerEvent(e event.Event, action string) dockerEvent {
	attributes := maps.Clone(e.Attributes)
	if attributes == nil {
		attributes = map[string]string{}
	}
	set := func(key, value string) {
		if value != "" {
			attributes[key] = value
		}
	}
	id := e.ID
	switch e.Type {
	case event.Container:
		set("image", e.Image)
		set("name", e.Name)
		if e.ContainerExitCode != nil {
			set("exitCode", strconv.Itoa(*e.ContainerExitCode))
		}
	case event.Image:
		set("name", e.Name)
	case event.Network:
		set("name", e.Network)
		set("type", e.Attributes["driver"])
	case event.Volume:
		id = e.Name // a volume of docker has no other id
	}
	d := dockerEvent{Type: e.Type, Action: action, Actor: dockerActor{id, attributes}, Scope: "local"}
	d.Time, d.TimeNano = e.Time.Unix(), e.Time.UnixNano()
	if e.Type == event.Container || e.Type == event.Image {
		d.OldStatus, d.OldID, d.OldFrom = action, id, e.Image
	}
	return d
}
