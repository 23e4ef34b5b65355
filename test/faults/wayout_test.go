package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
)

// ways are the programs that a container can have for itself as its way out.
func ways(t *testing.T) map[string]string {
	found := map[string]string{}
	for _, name := range []string{"slirp4netns", "pasta"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Logf("not tried with %s: %v", name, err)
			continue
		}
		found[name] = path
	}
	return found
}

// wayOut is the pid of a container's own way out, or 0.
func wayOut(name, id string) int {
	found, _ := exec.Command("pgrep", "-f", name+".*"+id).Output() // fails when there is none
	pid, _ := strconv.Atoi(strings.TrimSpace(string(found)))
	return pid
}

// killWayOut ends it once it has lived long enough to be worth another start.
func (b *bench) killWayOut(t *testing.T, name, id string) int {
	t.Helper()
	pid := wayOut(name, id)
	if pid == 0 {
		t.Fatalf("no %s of the container", name)
	}
	b.await(t, func() bool {
		return exec.Command("sh", "-c", fmt.Sprintf("test $(ps -o etimes= -p %d) -ge 2", pid)).Run() == nil
	})
	signal(t, pid, syscall.SIGKILL)
	return pid
}

func (b *bench) await(t *testing.T, what func() bool) {
	t.Helper()
	if err := podtest.Poll(t.Context(), func() (bool, error) { return what(), nil }); err != nil {
		t.Fatal(err)
	}
}

func TestKilledWayOutIsStartedAgain(t *testing.T) {
	b := newBench(t)
	for name := range ways(t) {
		t.Run(name, func(t *testing.T) {
			id := b.running(t, "--network", name)
			had := b.killWayOut(t, name, id)
			b.await(t, func() bool { now := wayOut(name, id); return now != 0 && now != had })
			b.awaitOutput(t, "running", "inspect", "--format", "{{.State.Status}}{{.State.Error}}", victim)
			b.must(nil, "exec", victim, "grep", "-q", "eth0", "/proc/net/route")
			b.gone(t)
		})
	}
}

// One that cannot be started again is reported, and all else works on.
func TestLostWayOutIsReported(t *testing.T) {
	b := newBench(t)
	for name, path := range ways(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			once := fmt.Sprintf("#!/bin/sh\n[ ! -e %[1]s/used ] || exit 1\n>%[1]s/used\nexec %[2]s \"$@\"\n", dir, path)
			if err := os.WriteFile(filepath.Join(dir, name), []byte(once), 0o755); err != nil {
				t.Fatal(err)
			}
			b.must([]string{"PATH=" + dir + ":" + os.Getenv("PATH")}, "run", "-d", "--name", victim, "--network", name, podtest.BoxImage, "sleep", "1000")
			id := b.inspect(t, "{{.ID}}")
			b.killWayOut(t, name, id)
			b.awaitOutput(t, "running true", "inspect", "--format", `{{.State.Status}} {{ne .State.Error ""}}`, victim)
			if problem := b.inspect(t, "{{.State.Error}}"); !strings.Contains(problem, "network") {
				t.Errorf("the container's problem is %q", problem)
			}
			b.must(nil, "exec", victim, "true")
			b.must(nil, "restart", "-t", "0", victim)
			b.awaitOutput(t, "running", "inspect", "--format", "{{.State.Status}}{{.State.Error}}", victim)
			b.gone(t)
		})
	}
}
