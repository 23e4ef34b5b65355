package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
)

// The clock of these tests.
var testNow = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return testNow.Add(-d) }

// fakeContainers is a list of containers as an engine would find it.
type fakeContainers []engine.Container

func (f fakeContainers) List(context.Context) ([]engine.Container, error) { return f, nil }

func (f fakeContainers) Settle(context.Context, []engine.Container) {}

func (f fakeContainers) Find(_ context.Context, word string) (engine.Container, error) {
	for _, c := range f {
		if c.Config.Name == word || c.Config.ID == word {
			return c, nil
		}
	}
	return engine.Container{}, fmt.Errorf("%w: %q", engine.ErrNotFound, word)
}

type fakeImages map[string]any

func (f fakeImages) ImageInspect(_ context.Context, name string) (any, error) {
	if v, ok := f[name]; ok {
		return v, nil
	}
	return nil, fmt.Errorf("look up %q: %w", name, errNoSuchImage)
}

func id(digit string) string { return strings.Repeat(digit, 64) }

// testContainers has one container of each kind that ps tells apart.
func testContainers() fakeContainers {
	img := container.Image{Name: "reg.test/img:1", ID: id("f")}
	made := func(digit, name string, age time.Duration, s container.State) engine.Container {
		return engine.Container{Config: &container.Config{
			ID: id(digit), Name: name, Created: ago(age), Image: img,
			Process: container.Process{Args: []string{"sleep", "1000"}},
		}, State: s}
	}
	web := made("1", "web", 3*time.Hour, container.State{Status: container.StatusRunning, Started: ago(2 * time.Hour), PID: 4194304, MonitorPID: 7})
	web.Config.Labels = map[string]string{"app": "shop", "tier": "front end"}
	web.Config.Process = container.Process{Entrypoint: []string{"sh", "-c"}, Args: []string{"sleep 1000; echo this is long"}}
	web.Config.Mounts = []container.Mount{
		{Type: container.MountBind, Source: "/home/user/a/long/way", Destination: "/data"},
		{Type: container.MountTmpfs, Destination: "/scratch"},
	}
	web.Config.Image.ExposedPorts = []string{"80/tcp", "443/tcp"}
	web.Config.Network.Ports = []container.Port{
		{HostIP: "127.0.0.1", HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "tcp"},
		{HostPort: 9000, ContainerPort: 90, Count: 1, Protocol: "udp"},
		{HostPort: 9001, ContainerPort: 91, Count: 2, Protocol: "udp"},
		{HostIP: "::1", HostPort: 53, ContainerPort: 53, Count: 1, Protocol: "tcp"},
	}
	done := made("2", "done", 50*time.Hour, container.State{Status: container.StatusExited, ExitCode: 3, Started: ago(40 * time.Hour), Finished: ago(90 * time.Second)})
	done.Config.Network.Mode = "host"
	return fakeContainers{
		web, done,
		made("3", "fresh", 500*time.Millisecond, container.State{Status: container.StatusCreated}),
		made("4", "halted", 9*24*time.Hour, container.State{Status: container.StatusPaused, Started: ago(70 * time.Second), PID: 4194305}),
		made("5", "again", 20*24*time.Hour, container.State{Status: container.StatusRestarting, ExitCode: 1, Finished: ago(5 * time.Second), Restarts: 4}),
		// The clock was set back after this one was made and started.
		made("6", "future", -time.Hour, container.State{Status: container.StatusRunning, Started: ago(-time.Hour), PID: 4194306}),
		{Config: &container.Config{ID: id("7"), Name: "broken"}, State: container.State{Status: container.StatusDamaged, Problem: "unreadable"}},
		made("8", "lost", 400*24*time.Hour, container.State{Status: container.StatusExited, ExitCode: -1}),
	}
}

func testSources(list fakeContainers) sources {
	return sources{
		now:        func() time.Time { return testNow },
		containers: func(context.Context) (containerReader, error) { return list, nil },
		ports:      func(c engine.Container) []container.Port { return c.Config.Network.Ports },
		size:       func(context.Context, engine.Container) (int64, int64, error) { return 12, 1982298, nil },
		facts: func(context.Context, engine.Container) (container.Facts, error) {
			return container.Facts{Runtime: "crun"}, nil
		},
		images: func(context.Context) (imageInspector, error) {
			return fakeImages{"img": map[string]any{"Id": id("f"), "RepoTags": []string{"reg.test/img:1"}}, "web": map[string]any{"Id": "image"}}, nil
		},
		host: func(context.Context) (hostFacts, error) { return testHost(), nil },
	}
}

// runTest runs a command under the name of a program and gives what it printed.
func runTest(t *testing.T, program string, src sources, args ...string) (string, error) {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	a := &app{streams: streams{os.Stdin, out, os.Stderr}, name: program}
	root := &cobra.Command{Use: program, SilenceUsage: true, SilenceErrors: true}
	parent := &cobra.Command{Use: "container"}
	parent.AddCommand(newContainerListCommand(a, src), newContainerInspectCommand(a, src))
	root.AddCommand(newPsCommand(a, src), newInspectCommand(a, src), newPortCommand(a, src), newVersionCommand(a), newInfoCommand(a, src), parent)
	root.SetArgs(args)
	err = root.ExecuteContext(context.Background())
	text, readErr := os.ReadFile(out.Name())
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(text), err
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		if i >= len(gotLines) || i >= len(wantLines) || gotLines[i] != wantLines[i] {
			t.Errorf("%s differs from line %d on (run with -update and look at the difference): got %q", path, i+1, gotLines[min(i, len(gotLines)-1)])
			return
		}
	}
}

// expectErrors runs each command line and compares the error's text.
func expectErrors(t *testing.T, cases map[string]string) {
	t.Helper()
	for line, want := range cases {
		_, err := runTest(t, "pod", testSources(testContainers()), strings.Split(line, " ")...)
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v\nwant %s", line, err, want)
		}
	}
}

// exitOf is the code main would end with.
func exitOf(program, verb string, err error) int {
	if err == nil {
		return 0
	}
	return (&app{name: program}).status(verb, err)
}

var errTest = errors.New("no disk")
