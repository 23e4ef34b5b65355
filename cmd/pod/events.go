package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/engine/event"
)

// eventsOptions are the flags of events.
type eventsOptions struct {
	filters       []string
	format        string
	noTrunc       bool
	since, until  string
	stream        bool
	inDockersWord bool
}

func newEventsCommand(a *app) *cobra.Command {
	opts := eventsOptions{inDockersWord: a.asDocker()}
	cmd := &cobra.Command{
		Use:   "events [flags]",
		Short: "Show what happens to containers, images, volumes and networks",
		Long: "Show events as they happen, until interrupted or until the time of --until. With --since, --until or\n" +
			"--stream=false those of the past are shown too, as far as they are kept: about the last megabyte.\n\n" +
			"TIME is a date (2006-01-02T15:04:05, with or without the time and a zone), seconds since 1970, or a duration\n" +
			"(10m): before now for --since, after now for --until.\n\n" +
			"Filters are container, event, image, label, network, pod, type and volume. Several values of one filter are\n" +
			"alternatives, except that all labels must be there; different filters must all hold.",
		Example: "  " + a.name + " events --filter event=died\n  " + a.name + " events --since 1h --stream=false --format json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := opts.read()
			if err != nil {
				return usageError{err}
			}
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			return runEvents(cmd.Context(), a.Out, e.EventsPath(), opts, o)
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&opts.filters, "filter", "f", nil, "show only events for which `KEY=VALUE` holds")
	f.StringVar(&opts.format, "format", "", "json, or a Go template")
	f.BoolVar(&opts.noTrunc, "no-trunc", true, "show ids in full")
	f.StringVar(&opts.since, "since", "", "show what happened since `TIME`")
	f.BoolVar(&opts.stream, "stream", true, "go on and show what happens")
	f.StringVar(&opts.until, "until", "", "end at `TIME`")
	return cmd
}

// read turns the flags into what is asked of the journal.
func (o *eventsOptions) read() (event.Options, error) {
	var (
		asked = event.Options{Follow: o.stream}
		err   error
	)
	if asked.Since, asked.Until, err = timeWindow(o.since, o.until, o.inDockersWord); err != nil {
		return asked, err
	}
	asked.New = o.stream && o.since == "" && o.until == ""
	if asked.Match, err = event.ParseFilters(o.filters); err != nil {
		return asked, err
	}
	if o.format != "" {
		// An unknown field should be found now and not when something happens.
		err = o.print(io.Discard, event.Event{Time: time.Unix(0, 0), Type: event.Container, Status: event.Create})
	}
	return asked, err
}

func runEvents(ctx context.Context, w io.Writer, journal string, opts eventsOptions, asked event.Options) error {
	return event.Read(ctx, journal, asked, func(e event.Event) error { return opts.print(w, e) })
}

func (o *eventsOptions) print(w io.Writer, e event.Event) error {
	if o.inDockersWord {
		return o.printDocker(w, e)
	}
	if o.format != "" {
		return report.Record(w, newEventRecord(e), o.format, report.Podman)
	}
	_, err := io.WriteString(w, eventLine(e, !o.noTrunc)+"\n")
	return err
}

// eventRecord is an event under podman's field names, in --format json and in templates.
type eventRecord struct {
	ContainerExitCode *int   `json:",omitempty"`
	ID                string `json:",omitempty"`
	Image             string `json:",omitempty"`
	Name              string `json:",omitempty"`
	Network           string `json:"network,omitempty"`
	Status            string
	Time              int64 `json:"time,omitempty"`     // seconds since 1970
	TimeNano          int64 `json:"timeNano,omitempty"` // nanoseconds since 1970
	Type              string
	HealthStatus      string            `json:"health_status,omitempty"`
	Error             string            `json:",omitempty"`
	PodID             string            `json:",omitempty"`
	Attributes        map[string]string // null when there are none, as in podman
}

func newEventRecord(e event.Event) eventRecord {
	return eventRecord{
		ContainerExitCode: e.ContainerExitCode,
		ID:                e.ID,
		Image:             e.Image,
		Name:              e.Name,
		Network:           e.Network,
		Status:            e.Status,
		Time:              e.Time.Unix(),
		TimeNano:          e.Time.UnixNano(),
		Type:              e.Type,
		HealthStatus:      e.HealthStatus,
		Error:             e.Error,
		PodID:             e.PodID,
		Attributes:        e.Attributes,
	}
}

// eventLine is an event on one line for people, as podman lays it out. Names and labels come from images and users, so
// they are escaped.
func eventLine(e event.Event, truncate bool) string {
	id := e.ID
	if truncate {
		id = id[:min(12, len(id))]
	}
	line := fmt.Sprintf("%s %s %s", e.Time, e.Type, e.Status)
	switch e.Type {
	case event.Container, event.Pod:
		details := []string{"image=" + e.Image, "name=" + e.Name}
		if e.PodID != "" {
			details = append(details, "pod_id="+e.PodID)
		}
		if e.Status == event.HealthStatus {
			details = append(details, "health_status="+e.HealthStatus)
		}
		line += " " + id + " (" + strings.Join(append(details, eventAttributes(e)...), ", ") + ")"
	case event.Network:
		if e.Status == event.Connect || e.Status == event.Disconnect {
			line += fmt.Sprintf(" %s (container=%s, name=%s)", id, id, e.Network)
		} else {
			line += fmt.Sprintf(" %s (name=%s, type=%s)", id, e.Network, e.Attributes["driver"])
		}
	case event.Image:
		line += " " + id + " " + e.Name
		if e.Error != "" {
			line += " " + e.Error
		}
	default:
		if e.Name != "" {
			line += " " + e.Name
		}
	}
	return report.Escape(line)
}

// eventAttributes are key=value, by key.
func eventAttributes(e event.Event) (list []string) {
	for _, k := range slices.Sorted(maps.Keys(e.Attributes)) {
		list = append(list, k+"="+e.Attributes[k])
	}
	return list
}
