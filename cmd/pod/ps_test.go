package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
)

func TestPsGolden(t *testing.T) {
	t.Setenv("TZ", "UTC")
	lines := []string{
		"ps", "ps -a", "ps -aq", "ps -a --no-trunc", "ps -as", "ps -ap", "ps -a --ns", "ps -a --noheading", "ps -n 2", "ps -l --format {{.Names}}",
		"ps -a --sort names --format {{.Names}}", "ps -a --sort status --format {{.Names}}:{{.State}}", "ps -a --sort runningfor --format {{.Names}}",
		"ps -a --sort id --format {{.Names}}", "ps --filter status=exited --format {{.Names}}", "ps -a --filter before=web --format {{.Names}}",
		"ps -a --filter until=24h --format {{.Names}}", "ps -a --filter label=app --filter name=w --format {{.Names}}",
		"ps -a --format {{.ID}}|{{.Names}}|{{.Image}}|{{.ImageID}}|{{.Command}}|{{.CreatedAt}}|{{.RunningFor}}|{{.State}}|{{.Status}}|{{.Ports}}",
		"ps -a --format {{.Labels}}|{{.Label \"app\"}}|{{.Mounts}}|{{.Networks}}|{{.Size}}|{{.Pid}}|{{.ExitCode}}|{{.Exited}}|{{.PIDNS}}|{{.Restarts}}",
		"ps -a --format table {{.ID}} {{.Names}} {{.Pid}} {{.CreatedHuman}} {{.Label \"app\"}}",
		"ps -as --format json", "ps -a --format {{json .}}", "ps --sync --format raw", "container ls -q", "container list -q", "container ps -q",
	}
	for _, program := range []string{"pod", "docker"} {
		var all strings.Builder
		for _, line := range lines {
			got, err := runTest(t, program, testSources(testContainers()), splitLine(line)...)
			if err != nil {
				t.Errorf("%s %s: %v", program, line, err)
			}
			fmt.Fprintf(&all, "$ %s %s\n%s\n", program, line, got)
		}
		golden(t, "ps-"+program+".txt", all.String())
	}
}

// splitLine makes arguments of a line in which everything after --format is one.
func splitLine(line string) []string {
	before, format, ok := strings.Cut(line, " --format ")
	args := strings.Fields(before)
	if ok {
		args = append(args, "--format", format)
	}
	return args
}

func TestPsErrors(t *testing.T) {
	expectErrors(t, map[string]string{
		"ps x":                  `"pod ps" takes no arguments`,
		"ps -q -s":              "--quiet prints only ids: leave out --size and --ns",
		"ps -q --namespace":     "--quiet prints only ids: leave out --size and --ns",
		"ps -s --ns":            "--size and --ns are different tables: use one of them",
		"ps -l -n 2":            "--latest is the same as --last 1: use one of them",
		"ps -l -w 2":            "--latest cannot be watched: use --watch with --last 1",
		"ps --sort foo":         `cannot sort by "foo": choose from command, created, id, image, names, runningfor, size, status`,
		"ps --filter before=no": `filter "before=no": no such container: "no"`,
		"ps --format {{.Foo}}":  `use the format "{{.Foo}}": <.Foo>: can't evaluate field Foo`,
		"ps --filter until=zz":  `filter "until=zz": "zz" is not a point in time: want a duration (10m), a date (2006-01-02[T15:04:05][Z]) or seconds since 1970`,
	})
	_, err := runTest(t, "pod", testSources(testContainers()), "ps", "--external")
	var usage usageError
	if !errors.As(err, &usage) || hint.Of(err) != "podman ps --all --external" {
		t.Errorf("--external: %v, hint %q", err, hint.Of(err))
	}
	src := testSources(testContainers())
	src.size = func(context.Context, engine.Container) (int64, int64, error) { return 0, 0, errTest }
	if _, err := runTest(t, "pod", src, "ps", "-n1", "-s"); !errors.Is(err, errTest) || !strings.Contains(err.Error(), `measure the container "future"`) {
		t.Errorf("size: %v", err)
	}
}

// Sizes are expensive, so only containers that are shown are measured, and only when a size is asked for.
func TestPsMeasuresLittle(t *testing.T) {
	for args, want := range map[string]int{"ps -a": 0, "ps -n 2 -s": 2, "ps -l --format {{.Size}}": 1, "ps -l --format {{.ID}}": 0} {
		src := testSources(testContainers())
		measured := 0
		src.size = func(context.Context, engine.Container) (int64, int64, error) { measured++; return 0, 0, nil }
		if _, err := runTest(t, "pod", src, splitLine(args)...); err != nil || measured != want {
			t.Errorf("%s: measured %d containers, want %d; %v", args, measured, want, err)
		}
	}
}

// The keys of podman 4.3.1's ps --format json.
func TestPsPodmanKeys(t *testing.T) {
	const keys = "AutoRemove Command Created CreatedAt ExitCode Exited ExitedAt Id Image ImageID IsInfra Labels Mounts Names Namespaces Networks " +
		"Pid Pod PodName Ports Size StartedAt State Status"
	out, err := runTest(t, "podman", testSources(testContainers()), "ps", "--format", "json")
	var got []map[string]any
	if err := errors.Join(err, json.Unmarshal([]byte(out), &got)); err != nil {
		t.Fatal(err)
	}
	var names []string
	for k := range got[0] {
		if k != "Restarts" { // newer podman has it
			names = append(names, k)
		}
	}
	sort.Strings(names)
	if strings.Join(names, " ") != keys {
		t.Errorf("got %s", names)
	}
}

func TestPsHostile(t *testing.T) {
	for _, h := range []string{"\x1b]0;x\x07", "\u009b31m", "a\nforged", "a\tb", "\u202e", "\xff", "\x7f"} {
		c := engine.Container{
			Config: &container.Config{
				ID: id("1"), Name: h, Created: testNow, Image: container.Image{Name: h, ID: id("2"), ExposedPorts: []string{h}},
				Process: container.Process{Args: []string{h}}, Labels: map[string]string{h: h},
				Mounts: []container.Mount{{Source: h, Destination: h}}, Network: container.Network{Mode: h},
			},
			State: container.State{Status: container.StatusRunning, Started: testNow},
		}
		src := testSources(fakeContainers{c})
		for _, program := range []string{"pod", "docker"} {
			for _, line := range []string{
				"ps", "ps -s", "ps --ns", "ps --pod", "ps --no-trunc",
				"ps --format table {{.Names}}\t{{.Image}}\t{{.Command}}\t{{.Labels}}\t{{.Mounts}}\t{{.Networks}}\t{{.Ports}}", "ps --format json",
			} {
				got, err := runTest(t, program, src, splitLine(line)...)
				if err != nil {
					t.Errorf("%s: %v", line, err)
				}
				if program == "pod" && !strings.HasSuffix(line, "json") && strings.Count(got, "\n") != 2 {
					t.Errorf("%s with %q: forged a row: %q", line, h, got)
				}
				for _, r := range got {
					if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar && !strings.HasSuffix(line, "json")) {
						t.Errorf("%s %s with %q: %q in %q", program, line, h, r, got)
					}
				}
			}
		}
	}
}

// The namespaces of a real process: this one.
func TestPsNamespaces(t *testing.T) {
	c := testContainers()[0]
	c.State.PID = os.Getpid()
	got, err := runTest(t, "pod", testSources(fakeContainers{c}), "ps", "--format", "pid:[{{.PIDNS}}]")
	want, _ := os.Readlink("/proc/self/ns/pid")
	if err != nil || strings.TrimSpace(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestPsWatch(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	reads := 0
	src := testSources(testContainers())
	open := src.containers
	src.containers = func(ctx context.Context) (containerReader, error) {
		if reads++; reads == 2 {
			cancel()
		}
		return open(ctx)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	err = runPs(ctx, &app{streams: streams{Out: out}}, src, psOptions{watch: 1, sort: "created", quiet: true, last: 1})
	if !errors.Is(err, context.Canceled) || reads != 2 {
		t.Errorf("%v after %d reads", err, reads)
	}
	text, err := os.ReadFile(out.Name())
	if want := id("6")[:12] + "\n"; err != nil || string(text) != want+want {
		t.Errorf("printed %q, %v", text, err)
	}
}

func BenchmarkPs100(b *testing.B) {
	var list fakeContainers
	for i := range 100 {
		c := testContainers()[i%6]
		config := *c.Config
		config.ID = fmt.Sprintf("%064x", i)
		list = append(list, engine.Container{Config: &config, State: c.State})
	}
	out, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	a := &app{streams: streams{Out: out}}
	for _, format := range []string{"", "{{.ID}} {{.Names}}", "json"} {
		b.Run("format="+format, func(b *testing.B) {
			for b.Loop() {
				if err := runPs(context.Background(), a, testSources(list), psOptions{all: true, sort: "created", last: -1, format: format}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestUptimeText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0h 0m 0.00s", 34*time.Minute + 37*time.Second: "0h 34m 37.00s", 50*time.Hour + 1500*time.Millisecond: "50h 0m 1.50s (Approximately 2.08 days)",
	} {
		if got := uptimeText(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}
