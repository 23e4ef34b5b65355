package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
)

func TestInspectCommand(t *testing.T) {
	cases := []struct{ program, line, want, err string }{
		{"pod", "inspect web done --format {{.Name}} {{.Id}} {{.State.Status}}", "web " + id("1") + " running\ndone " + id("2") + " exited\n", ""},
		{"docker", "inspect web --format {{.Name}} {{.Image}} {{.Created}}", "/web sha256:" + id("f") + " 2026-03-04T09:00:00Z\n", ""},
		{"pod", "inspect web --format {{.Created}} {{.ImageID}}", "2026-03-04 09:00:00 +0000 UTC " + id("f") + "\n", ""},
		{"pod", `inspect web --format {{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}`, "8080\n", ""},
		{"pod", "inspect img --format {{.Id}}", id("f") + "\n", ""},
		{"pod", "inspect --type image web --format {{.Id}}", "image\n", ""},
		{"pod", "inspect -l --format {{.Name}}", "future\n", ""},
		{"pod", "inspect -s web --format {{.SizeRw}} {{.SizeRootFs}}", "12 1982298\n", ""},
		{"pod", "container inspect web --format {{.OCIRuntime}}", "crun\n", ""},
		{"pod", "inspect none web also --format {{.Name}}", "web\n", "no such object: \"none\"\nno such object: \"also\""},
		{"pod", "inspect --type container img --format {{.Name}}", "", `no such container: "img"`},
		{"pod", "container inspect img", "[]\n", `no such container: "img"`},
		{"pod", "inspect --type image x", "[]\n", `no such image: "x"`},
		{"pod", "inspect none --format {{.Nope}}", "", `no such object: "none"`},
		{"pod", "inspect web --format {{.Nope}}", "", `use the format "{{.Nope}}": <.Nope>: map has no entry for key "Nope"`},
		{"pod", "inspect", "", "nothing to inspect: give names or ids, or --latest"},
		{"pod", "inspect -l x", "", "--latest says which container: leave out the names"},
		{"pod", "inspect -l -t image", "", "--latest is about containers: leave out --type image"},
		{"pod", "inspect -t volume x", "", `cannot inspect a "volume": --type is container, image or all`},
	}
	for _, c := range cases {
		got, err := runTest(t, c.program, testSources(testContainers()), splitLine(c.line)...)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != c.want || text != c.err {
			t.Errorf("%s %s: got %q, %q\nwant %q, %q", c.program, c.line, got, text, c.want, c.err)
		}
	}
}

func TestInspectExitCodes(t *testing.T) {
	for program, want := range map[string]int{"pod": 125, "podman": 125, "docker": 1} {
		out, err := runTest(t, program, testSources(testContainers()), "inspect", "web", "none")
		if got := exitOf(program, "inspect", err); got != want {
			t.Errorf("%s: exit code %d, want %d", program, got, want)
		}
		var found []container.InspectData
		if err := json.Unmarshal([]byte(out), &found); err != nil || len(found) != 1 {
			t.Errorf("%s: printed %q, %v", program, out, err)
		}
	}
}

// An id that could mean two containers is not taken for the name of an image.
func TestInspectOtherErrors(t *testing.T) {
	src := testSources(testContainers())
	src.containers = func(context.Context) (containerReader, error) { return ambiguous{}, nil }
	if _, err := runTest(t, "pod", src, "inspect", "web"); !errors.Is(err, engine.ErrAmbiguous) {
		t.Errorf("ambiguous: %v", err)
	}
	src = testSources(testContainers())
	src.facts = func(context.Context, engine.Container) (container.Facts, error) { return container.Facts{}, errTest }
	if _, err := runTest(t, "pod", src, "inspect", "web"); !errors.Is(err, errTest) || !strings.HasPrefix(err.Error(), `inspect the container "web": `) {
		t.Errorf("facts: %v", err)
	}
	src = testSources(nil)
	if _, err := runTest(t, "pod", src, "inspect", "-l"); err == nil || err.Error() != "there is no container" {
		t.Errorf("latest of none: %v", err)
	}
}

type ambiguous struct{ fakeContainers }

func (ambiguous) Find(context.Context, string) (engine.Container, error) {
	return engine.Container{}, engine.ErrAmbiguous
}
