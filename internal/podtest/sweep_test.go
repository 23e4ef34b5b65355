package podtest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func newWorld(t *testing.T) *World {
	t.Helper()
	w, err := NewWorld("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// orphan starts a command whose parent ends at once, and waits until it says it is ready.
func orphan(t *testing.T, script string) {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready")
	cmd := exec.Command("sh", "-c", "("+script+"; echo > "+ready+"; exec sleep 1000) >/dev/null 2>&1 &")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := Poll(ctx, func() (bool, error) { return exists(ready) == nil, nil }); err != nil {
		t.Fatalf("%q: %v", script, err)
	}
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSweepFindsEachKindOfLeak(t *testing.T) {
	machine := Examine()
	for _, tc := range []struct {
		name, needs string
		leak        func(t *testing.T, w *World)
		want        string
	}{
		{"process", "", func(t *testing.T, w *World) { orphan(t, "true") }, "process sleep 1000"},
		{"file of a container", "", func(t *testing.T, w *World) {
			write(t, filepath.Join(w.DataDir(), "pod", "containers", "abc", "config.json"))
		}, "file h/.local/share/pod/containers/abc/config.json"},
		{"name", "", func(t *testing.T, w *World) {
			write(t, filepath.Join(w.DataDir(), "pod", "names", "web"))
		}, "file h/.local/share/pod/names/web"},
		{"empty directory of a creation", "", func(t *testing.T, w *World) {
			if err := os.MkdirAll(filepath.Join(w.DataDir(), "pod", "creating", "abc"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "file h/.local/share/pod/creating/abc"},
		{"run directory", "", func(t *testing.T, w *World) {
			write(t, filepath.Join(w.RunDir(), "pod", "containers", "abc", "run"))
		}, "file r/pod/containers/abc/run"},
		{"temporary file", "", func(t *testing.T, w *World) {
			write(t, filepath.Join(w.TempDir(), "x"))
		}, "file t/x"},
		{"image in the store", "", func(t *testing.T, w *World) {
			write(t, filepath.Join(w.DataDir(), "containers", "storage", "overlay-images", "abc", "x"))
		}, "file h/.local/share/containers/storage/overlay-images/abc"},
		{"layer of no image", "", func(t *testing.T, w *World) {
			write(t, filepath.Join(w.DataDir(), "containers", "storage", "overlay", "abc", "diff", "x"))
		}, "file h/.local/share/containers/storage/overlay/abc"},
		{"container of the store", "", func(t *testing.T, w *World) {
			write(t, filepath.Join(w.DataDir(), "containers", "storage", "overlay-containers", "abc", "x"))
		}, "file h/.local/share/containers/storage/overlay-containers/abc"},
		{"lease of no image", "", func(t *testing.T, w *World) {
			write(t, filepath.Join(w.DataDir(), "pod", "leases", "abc", "held"))
		}, "file h/.local/share/pod/leases/abc/held"},
		{"socket without a file", "", func(t *testing.T, w *World) {
			path := filepath.Join(w.RunDir(), "s")
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, "/r/s"},
		{"mount", "userns", func(t *testing.T, w *World) {
			orphan(t, "unshare -rm sh -c 'mount -t tmpfs none "+w.TempDir()+"; echo > "+w.Dir+"/mounted; exec sleep 1000' & "+
				"until [ -e "+w.Dir+"/mounted ]; do :; done")
		}, "mount of tmpfs"},
		{"cgroup", "delegated", func(t *testing.T, w *World) {
			top, err := DelegatedCgroup()
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(top, "leak")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.Remove(dir) })
		}, "cgroup /leak"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.needs != "" && machine.Why(tc.needs) != "" {
				t.Skipf("needs %s: %s", tc.needs, machine.Why(tc.needs))
			}
			w := newWorld(t)
			before, err := w.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			tc.leak(t, w)
			ctx, cancel := context.WithTimeout(t.Context(), SweepTimeout)
			defer cancel()
			var left []string
			err = Poll(ctx, func() (found bool, err error) {
				look, cancel := context.WithTimeout(ctx, time.Millisecond)
				defer cancel()
				left, err = w.Sweep(look, before)
				return strings.Contains(strings.Join(left, "\n"), tc.want), err // a process takes its name a moment after it is there
			})
			if err != nil {
				t.Errorf("found %q, want %q: %v", left, tc.want, err)
			}
		})
	}
}

func TestSweepOfNothingIsClean(t *testing.T) {
	w := newWorld(t)
	before, err := w.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(w.DataDir(), "pod", "names.lock"))
	if err := exec.Command("sh", "-c", "sleep 0.05 &").Run(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), SweepTimeout)
	defer cancel()
	if left, err := w.Sweep(ctx, before); err != nil || len(left) > 0 {
		t.Errorf("left %q, error %v", left, err)
	}
}
