package carried

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/pod-engine/pod/internal/hint"
)

func files(program string) fstest.MapFS {
	return fstest.MapFS{
		"pod-monitor":        {Data: []byte(program)},
		"pod-monitor.sha256": {Data: []byte(strings.Repeat("0123456789abcdef", 4) + "\n")},
	}
}

func TestExtract(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "libexec")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			path, err := extract(context.Background(), files("program"), "pod-monitor", dir)
			if err != nil || path != filepath.Join(dir, "pod-monitor-0123456789abcdef") {
				t.Errorf("got %q, %v", path, err)
			}
		})
	}
	group.Wait()
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Fatalf("the directory holds %v", entries)
	}
	path := filepath.Join(dir, entries[0].Name())
	before, err := os.Stat(path)
	if err != nil || before.Mode() != 0o700 {
		t.Fatalf("%v, %v", before, err)
	}
	extract(context.Background(), files("program"), "pod-monitor", dir)
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("it is written anew although it is there")
	}
	os.WriteFile(path, []byte("torn"), 0o700)
	extract(context.Background(), files("program"), "pod-monitor", dir)
	if text, _ := os.ReadFile(path); string(text) != "program" {
		t.Errorf("a damaged one is not replaced: %q", text)
	}
}

// TestStarted shows that what was just written can be started while others start programs.
func TestStarted(t *testing.T) {
	ended := make(chan struct{})
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					exec.Command("/bin/true").Run()
				}
			}
		})
	}
	for i := range 100 {
		path, err := extract(context.Background(), files("#!/bin/true\n"), "pod-monitor", filepath.Join(t.TempDir(), fmt.Sprint(i)))
		if err == nil {
			err = exec.Command(path).Run()
		}
		if err != nil {
			t.Error(err)
			break
		}
	}
	close(ended)
	others.Wait()
}

func TestMissing(t *testing.T) {
	incomplete := files("program")
	delete(incomplete, "pod-monitor")
	for _, f := range []fstest.MapFS{{}, incomplete} {
		if _, err := extract(context.Background(), f, "pod-monitor", t.TempDir()); err == nil || hint.Of(err) != "make build" {
			t.Errorf("got %v with hint %q", err, hint.Of(err))
		}
	}
}

func TestBeside(t *testing.T) {
	dir := t.TempDir()
	executable := filepath.Join(dir, "bin", "pod")
	for _, sub := range []string{"bin", "libexec/pod"} {
		os.MkdirAll(filepath.Join(dir, sub), 0o755)
	}
	if path, ok := beside(executable, "pod-monitor"); ok {
		t.Errorf("found %q", path)
	}
	installed := filepath.Join(dir, "libexec/pod/pod-monitor")
	os.WriteFile(installed, nil, 0o644)
	if path, ok := beside(executable, "pod-monitor"); ok {
		t.Errorf("%q cannot be executed", path)
	}
	os.Chmod(installed, 0o755)
	if path, ok := beside(executable, "pod-monitor"); !ok || path != installed {
		t.Errorf("found %q", path)
	}
	sibling := filepath.Join(dir, "bin/pod-monitor")
	os.WriteFile(sibling, nil, 0o755)
	if path, ok := beside(executable, "pod-monitor"); !ok || path != sibling {
		t.Errorf("found %q", path)
	}
}
