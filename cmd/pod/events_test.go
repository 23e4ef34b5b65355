package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/pkg/engine/event"
)

// journal writes one event of each layout, and gives its path.
func journal(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "events")
	code := 3
	id := strings.Repeat("0123456789abcdef", 4)
	for i, e := range []event.Event{
		{Type: event.Container, Status: event.Create, ID: id, Name: "web", Image: "docker.io/library/nginx:latest", Attributes: map[string]string{"b": "2", "a": "1"}},
		{Type: event.Container, Status: event.Init, ID: id, Name: "web", Image: "docker.io/library/nginx:latest"},
		{Type: event.Container, Status: event.Died, ID: id, Name: "web", Image: "docker.io/library/nginx:latest", ContainerExitCode: &code},
		{Type: event.Image, Status: event.Pull, ID: id, Name: "nginx\x1b[31m"},
		{Type: event.Image, Status: event.PullError, Name: "nope", Error: "manifest unknown"},
		{Type: event.Volume, Status: event.Create, Name: "data"},
		{Type: event.Network, Status: event.Create, ID: id, Network: "net", Attributes: map[string]string{"driver": "bridge"}},
		{Type: event.Network, Status: event.Connect, ID: id, Network: "net"},
		{Type: event.System, Status: event.Refresh},
		{Type: event.Container, Status: event.HealthStatus, ID: id, Name: "web", HealthStatus: "healthy", PodID: "beef"},
		{Type: event.Container, Status: event.Remove, ID: id, Name: "web"},
	} {
		e.Time = time.Date(2026, 1, 2, 3, 4, i, 500, time.UTC)
		if err := event.Append(path, e); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func eventsOutput(t *testing.T, path string, opts eventsOptions) string {
	t.Helper()
	asked, err := opts.read()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := runEvents(t.Context(), &b, path, opts, asked); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEventsLines(t *testing.T) {
	path := journal(t)
	const want = `2026-01-02 03:04:00.0000005 +0000 UTC container create 0123456789ab (image=docker.io/library/nginx:latest, name=web, a=1, b=2)
2026-01-02 03:04:01.0000005 +0000 UTC container init 0123456789ab (image=docker.io/library/nginx:latest, name=web)
2026-01-02 03:04:02.0000005 +0000 UTC container died 0123456789ab (image=docker.io/library/nginx:latest, name=web)
2026-01-02 03:04:03.0000005 +0000 UTC image pull 0123456789ab nginx\x1b[31m
2026-01-02 03:04:04.0000005 +0000 UTC image pull-error  nope manifest unknown
2026-01-02 03:04:05.0000005 +0000 UTC volume create data
2026-01-02 03:04:06.0000005 +0000 UTC network create 0123456789ab (name=net, type=bridge)
2026-01-02 03:04:07.0000005 +0000 UTC network connect 0123456789ab (container=0123456789ab, name=net)
2026-01-02 03:04:08.0000005 +0000 UTC system refresh
2026-01-02 03:04:09.0000005 +0000 UTC container health_status 0123456789ab (image=, name=web, pod_id=beef, health_status=healthy)
2026-01-02 03:04:10.0000005 +0000 UTC container remove 0123456789ab (image=, name=web)
`
	if got := eventsOutput(t, path, eventsOptions{}); got != want {
		t.Errorf("%s", got)
	}
}

func TestEventsFormats(t *testing.T) {
	path := journal(t)
	id := strings.Repeat("0123456789abcdef", 4)
	for name, c := range map[string]struct {
		opts eventsOptions
		want string
	}{
		"no-trunc": {
			eventsOptions{noTrunc: true, filters: []string{"event=init"}},
			"2026-01-02 03:04:01.0000005 +0000 UTC container init " + id + " (image=docker.io/library/nginx:latest, name=web)\n",
		},
		"json": {
			eventsOptions{format: "json", filters: []string{"event=died"}},
			`{"ContainerExitCode":3,"ID":"` + id + `","Image":"docker.io/library/nginx:latest","Name":"web","Status":"died","time":1767323042,"timeNano":1767323042000000500,"Type":"container","Attributes":null}` + "\n",
		},
		"json of a network": {
			eventsOptions{format: "{{json .}}", filters: []string{"type=network", "event=create"}},
			`{"ID":"` + id + `","network":"net","Status":"create","time":1767323046,"timeNano":1767323046000000500,"Type":"network","Attributes":{"driver":"bridge"}}` + "\n",
		},
		"template": {
			eventsOptions{format: "{{.Type}} {{.Status}} {{.Name}} {{.Time}}", filters: []string{"type=volume"}},
			"volume create data 1767323045\n",
		},
		"since and until": {
			eventsOptions{since: "2026-01-02T03:04:05Z", until: "1767323047", stream: true},
			"2026-01-02 03:04:05.0000005 +0000 UTC volume create data\n2026-01-02 03:04:06.0000005 +0000 UTC network create 0123456789ab (name=net, type=bridge)\n",
		},
		"docker": {
			eventsOptions{inDockersWord: true, filters: []string{"type=container"}},
			"2026-01-02T03:04:00.000000500Z container create " + id + " (a=1, b=2, image=docker.io/library/nginx:latest, name=web)\n" +
				"2026-01-02T03:04:02.000000500Z container die " + id + " (exitCode=3, image=docker.io/library/nginx:latest, name=web)\n" +
				"2026-01-02T03:04:09.000000500Z container health_status: healthy " + id + " (name=web)\n" +
				"2026-01-02T03:04:10.000000500Z container destroy " + id + " (name=web)\n",
		},
		"docker json": {
			eventsOptions{inDockersWord: true, format: "json", filters: []string{"event=die"}},
			`{"status":"die","id":"` + id + `","from":"docker.io/library/nginx:latest","Type":"container","Action":"die","Actor":{"ID":"` + id +
				`","Attributes":{"exitCode":"3","image":"docker.io/library/nginx:latest","name":"web"}},"scope":"local","time":1767323042,"timeNano":1767323042000000500}` + "\n",
		},
		"docker template": {
			eventsOptions{inDockersWord: true, format: "{{.Status}} {{.Action}} {{.Actor.ID}}", filters: []string{"type=volume"}},
			" create data\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := eventsOutput(t, path, c.opts); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestEventsFlags(t *testing.T) {
	for args, want := range map[string]string{
		"name":                       `unknown command "name" for "events"`,
		"--filter size=3":            `filter "size=3": there is no filter "size"; there are container, event, image, label, network, pod, type, volume`,
		"--since never":              `--since: "never" is not a point in time: want a duration (10m), a date (2006-01-02[T15:04:05][Z]) or seconds since 1970`,
		"--format {{.Nope}}":         `use the format "{{.Nope}}": `,
		"--format {{ --stream=false": `use the format "{{": `,
	} {
		cmd := newEventsCommand(&app{name: "pod"})
		cmd.SetArgs(strings.Fields(args))
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		if err := cmd.Execute(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("events %s: %v, want %s", args, err, want)
		}
	}
	for _, c := range []struct {
		opts eventsOptions
		new  bool
	}{
		{eventsOptions{stream: true}, true},
		{eventsOptions{stream: false}, false},
		{eventsOptions{stream: true, since: "1h"}, false},
		{eventsOptions{stream: true, until: "1h"}, false},
	} {
		asked, err := c.opts.read()
		if err != nil || asked.New != c.new || asked.Follow != c.opts.stream {
			t.Errorf("%+v: new %v, follow %v, %v", c.opts, asked.New, asked.Follow, err)
		}
	}
}

func TestEventsStream(t *testing.T) {
	path := journal(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	idle := make(chan struct{}, 1)
	opts := eventsOptions{stream: true}
	asked, err := opts.read()
	if err != nil {
		t.Fatal(err)
	}
	asked.Idle = func() {
		select {
		case idle <- struct{}{}:
		default:
		}
	}
	lines, done := make(lineWriter, 1), make(chan error)
	go func() { done <- runEvents(ctx, lines, path, opts, asked) }()
	<-idle
	if err := event.Append(path, event.Event{Type: event.Volume, Status: event.Create, Name: "new"}); err != nil {
		t.Fatal(err)
	}
	if got := <-lines; !strings.HasSuffix(got, "volume create new\n") {
		t.Errorf("%q", got)
	}
	stop()
	if err := <-done; err != context.Canceled {
		t.Errorf("%v", err)
	}
}

// lineWriter gives the test what is written, at once.
type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) { w <- string(p); return len(p), nil }
