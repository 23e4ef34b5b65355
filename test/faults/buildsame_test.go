package faults

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
)

// What the storage library is given for a layer that it has already, it puts in the place of that one's files, also under a container.

// said is a command whose output is kept.
type said struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

func (b *bench) begin(ctx context.Context, env []string, args ...string) *said {
	b.t.Helper()
	s := &said{Cmd: b.world.Command(ctx, args...)}
	s.Env = append(s.Env, env...)
	s.Stdout, s.Stderr = &s.stdout, &s.stderr
	if err := s.Start(); err != nil {
		b.t.Fatal(err)
	}
	return s
}

// succeeds waits for its end: without error, and in silence.
func (s *said) succeeds() error {
	if err := s.Wait(); err != nil || s.stderr.Len() > 0 {
		return fmt.Errorf("pod %s: %v: %s", strings.Join(s.Args[1:], " "), err, &s.stderr)
	}
	return nil
}

// TestTwoBuildsMakeTheSameLayer stops a build that is about to record a layer. Another one that has made the same waits for it, so that each layer is
// recorded once.
func TestTwoBuildsMakeTheSameLayer(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM localhost/box\nCOPY Dockerfile /\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	build := []string{"build", "-q", "--timestamp", "1700000000", "-t", victim, dir}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	trace := filepath.Join(t.TempDir(), "trace")
	passes := func(file, point string) {
		t.Helper()
		if err := podtest.Poll(ctx, func() (bool, error) { return slices.Contains(traced(file), point), nil }); err != nil {
			t.Fatalf("no build passes %s: %v: %v", point, err, traced(file))
		}
	}
	stopped := b.begin(ctx, []string{"POD_FAILPOINT=layer.recording=stop", "POD_FAILPOINT_TRACE=" + trace}, build...)
	passes(trace, "layer.recording")
	other := b.begin(ctx, []string{"POD_FAILPOINT_TRACE=" + trace + "2"}, build...)
	passes(trace+"2", "build.remembered")
	signal(t, stopped.Process.Pid, syscall.SIGCONT)
	for _, build := range []*said{stopped, other} {
		if err := build.succeeds(); err != nil {
			t.Error(err)
		}
	}
	if stopped.stdout.String() != other.stdout.String() {
		t.Errorf("they made %q and %q", &stopped.stdout, &other.stdout)
	}
	if slices.Contains(traced(trace+"2"), "layer.recording") {
		t.Error("the layer was recorded twice")
	}
	b.must(nil, "run", "--rm", "--network", "none", victim, "cat", "/Dockerfile")
}

// TestManyBuildsOfTheSame starts builds of one Dockerfile at once: all make the same, none finds anything removed.
func TestManyBuildsOfTheSame(t *testing.T) {
	b := newBench(t)
	first, _ := buildContext(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	made := map[string]int{}
	for range 40 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 2*commandTimeout)
			defer cancel()
			build := b.begin(ctx, nil, "build", "-q", "--network", "none", "--timestamp", "1700000000", first)
			if err := build.succeeds(); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			made[build.stdout.String()]++
		})
	}
	all.Wait()
	if len(made) != 1 {
		t.Errorf("they made %v", made)
	}
	if err := b.buildGone([]string{"build", "-q", "--network", "none", "--timestamp", "1700000000", first}); err != nil {
		t.Error(err)
	}
}
