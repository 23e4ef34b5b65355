package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A directory stands for the mounted cgroups: only the counter in the process's own cgroup is looked at.
func TestOOMIsNoticed(t *testing.T) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	_, path, ok := strings.Cut("\n"+string(text), "\n0::")
	if !ok {
		t.Skip("this process is in no cgroup of version 2")
	}
	path, _, _ = strings.Cut(path, "\n")
	root := t.TempDir()
	dir := filepath.Join(root, path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "memory.events"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("low 0\noom 1\noom_kill 4\noom_group_kill 0\n")
	w := watchOOM(root, os.Getpid())
	defer w.close()
	if w.killed() {
		t.Error("what was killed before counts")
	}
	write("low 0\noom 2\noom_kill 5\noom_group_kill 0\n")
	if !w.killed() {
		t.Error("the OOM kill is not noticed")
	}
}
