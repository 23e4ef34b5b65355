package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/engine/monitor"
)

// A directory stands for the mounted cgroups, and the runtime for the kernel: it counts a kill at the moment in which the process begins.
func TestOOMIsNoticed(t *testing.T) {
	for _, test := range []struct {
		name   string
		counts string
		noted  bool
	}{
		{"killed at once", "low 0\noom 2\noom_kill 5\noom_group_kill 0\n", true},
		{"killed before, in the same cgroup", "low 0\noom 2\noom_kill 4\noom_group_kill 0\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBox(t, "crun", "true")
			b.launch.CgroupRoot, b.launch.MemoryLimit = filepath.Join(b.dir, "cgroup"), true
			events := filepath.Join(b.launch.CgroupRoot, ownCgroup(t), "memory.events")
			if err := os.MkdirAll(filepath.Dir(events), 0o755); err != nil {
				t.Fatal(err)
			}
			script := filepath.Join(b.dir, "counts")
			for path, text := range map[string]string{
				events:          "low 0\noom 1\noom_kill 4\noom_group_kill 0\n",
				events + ".new": test.counts,
				script:          "#!/bin/sh\ncase \"$*\" in\n*' run '*|*' start '*) cp " + events + ".new " + events + " ;;\nesac\nexec " + b.launch.Runtime + " \"$@\"\n",
			} {
				if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			b.launch.Runtime = script
			control := b.start(nil)
			b.expect(control, monitor.Running)
			b.finish(control, 0)
			if noted := b.exit().OOM; noted != test.noted {
				t.Errorf("killed for memory: %t, want %t", noted, test.noted)
			}
		})
	}
}

// ownCgroup is the path of this process's cgroup below where they are mounted.
func ownCgroup(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	_, path, ok := strings.Cut("\n"+string(text), "\n0::")
	if !ok {
		t.Skip("this process is in no cgroup of version 2")
	}
	path, _, _ = strings.Cut(path, "\n")
	return path
}
