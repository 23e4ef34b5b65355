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

func (b *bench) prepared(ctx context.Context, env []string, args ...string) *said {
	s := &said{Cmd: b.world.Command(ctx, args...)}
	s.Env = append(s.Env, env...)
	s.Stdout, s.Stderr = &s.stdout, &s.stderr
	return s
}

func (b *bench) begin(ctx context.Context, env []string, args ...string) *said {
	b.t.Helper()
	s := b.prepared(ctx, env, args...)
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
	stopped := b.begin(ctx, []string{"POD_FAILPOINT=layer.recording=stop", "POD_FAILPOINT_TRACE=" + trace}, build...)
	if err := podtest.Poll(ctx, func() (bool, error) { return slices.Contains(traced(trace), "layer.recording"), nil }); err != nil {
		t.Fatal(err)
	}
	// Who waits for a process that is stopped says so: it would wait for ever.
	told, err := os.Create(filepath.Join(t.TempDir(), "told"))
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	other := b.prepared(ctx, []string{"POD_FAILPOINT_TRACE=" + trace + "2", "POD_FAILPOINT_PATIENCE=300ms"}, build...)
	other.Stderr = told
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("is stopped and waited for: kill -CONT %d (", stopped.Process.Pid)
	err = podtest.Poll(ctx, func() (bool, error) {
		text, err := os.ReadFile(told.Name())
		return strings.Contains(string(text), want), err
	})
	if err != nil || !slices.Contains(traced(trace+"2"), "build.remembered") {
		t.Errorf("it does not say that it waits for a stopped process: %v", err)
	}
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

// TestACacheIsEmptiedWhileItIsMade stops a build that has got the lock of a cache of a RUN, or is about to put that cache in its place, while another one begins with
// empty caches. It has the cache that is there then, and not one that somebody else may take away: so it passes the step again.
func TestACacheIsEmptiedWhileItIsMade(t *testing.T) {
	b := newBench(t)
	first, second := buildContext(t)
	build := func(dir string) []string { return []string{"build", "-q", "--no-cache", "--network", "none", dir} }
	for _, point := range []string{"build.cachemount", "build.cacheheld"} {
		t.Run(point, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
			defer cancel()
			trace := filepath.Join(t.TempDir(), "trace")
			stopped := b.begin(ctx, []string{"POD_FAILPOINT=" + point + "=stop", "POD_FAILPOINT_TRACE=" + trace}, build(first)...)
			for times := 1; ; times++ {
				err := podtest.Poll(ctx, func() (bool, error) {
					passed := slices.DeleteFunc(traced(trace), func(p string) bool { return p != point && p != "step.bundled" })
					return len(passed) >= times, nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if slices.Contains(traced(trace), "step.bundled") {
					break
				}
				if times == 1 {
					b.must(nil, build(second)...)
				}
				signal(t, stopped.Process.Pid, syscall.SIGCONT)
			}
			if err := stopped.succeeds(); err != nil {
				t.Error(err)
			}
			if held := slices.DeleteFunc(traced(trace), func(p string) bool { return p != "build.cacheheld" }); len(held) < 2 {
				t.Errorf("it had %d caches", len(held))
			}
		})
	}
}
