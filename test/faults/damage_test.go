package faults

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// damages are what can become of a state file. Each is given the file's path.
func damages() map[string]func(path string) error {
	replace := func(content func(old []byte) []byte) func(string) error {
		return func(path string) error {
			old, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			return os.WriteFile(path, content(old), 0o600)
		}
	}
	instead := func(make func(path string) error) func(string) error {
		return func(path string) error { return errors.Join(os.RemoveAll(path), make(path)) }
	}
	return map[string]func(string) error{
		"empty":     replace(func([]byte) []byte { return nil }),
		"truncated": replace(func(old []byte) []byte { return old[:len(old)/2] }),
		"flipped": replace(func(old []byte) []byte {
			for i := range old {
				old[i] ^= byte(rand.IntN(256))
			}
			return old
		}),
		"zeroes":     replace(func(old []byte) []byte { return make([]byte, len(old)) }),
		"wrong type": replace(func([]byte) []byte { return []byte(`[{"id": {}}]`) }),
		"huge":       func(path string) error { return errors.Join(replace(bytes.Clone)(path), os.Truncate(path, 1<<30)) },
		"fifo":       instead(func(path string) error { return syscall.Mkfifo(path, 0o600) }),
		"directory":  instead(func(path string) error { return os.Mkdir(path, 0o700) }),
		"endless":    instead(func(path string) error { return os.Symlink("/dev/zero", path) }),
	}
}

func TestDamagedStateFiles(t *testing.T) {
	b := newBench(t)
	files := map[string]func(id string) string{
		"config.json": func(id string) string { return b.dataFile("containers", id, "config.json") },
		"state.json":  func(id string) string { return b.dataFile("containers", id, "state.json") },
		"exit":        func(id string) string { return b.dataFile("containers", id, "exit") },
		"lock":        func(id string) string { return b.dataFile("containers", id, "lock") },
		"name":        func(string) string { return b.dataFile("names", victim) },
		"events":      func(string) string { return b.dataFile("events") },
		"run record":  func(id string) string { return b.runFile(id, "run") },
		"run lock":    func(id string) string { return b.runFile(id, "lock") },
		"launch":      func(id string) string { return b.runFile(id, "launch") },
		"lease": func(id string) string {
			found, _ := filepath.Glob(b.dataFile("leases", "*", id))
			return strings.Join(found, "")
		},
	}
	for name, file := range files {
		for kind, damage := range damages() {
			passed := t.Run(name+"/"+kind, func(t *testing.T) {
				id := b.running(t, "--network", "none")
				path := file(id)
				if err := damage(path); err != nil {
					t.Fatal(err)
				}
				b.wantError(t, "--force", "rm", id)
				err := errors.Join(b.command(nil, "ps", "--all"), b.othersWork(),
					b.command(nil, "rm", "-f", "-t", "0", id))
				if strings.HasSuffix(path, "/events") {
					err = errors.Join(err, os.RemoveAll(path))
				}
				if err := errors.Join(err, b.removable()); err != nil {
					t.Error(err)
				}
			})
			if !passed {
				b.end()
				b = newBench(t)
			}
		}
	}
}

func TestReboot(t *testing.T) {
	b := newBench(t)
	end := func(t *testing.T, id string) {
		pid, err := strconv.Atoi(b.inspect(t, "{{.State.Pid}}"))
		if err != nil {
			t.Fatal(err)
		}
		m := b.monitor(t, id)
		signal(t, m, syscall.SIGKILL)
		signal(t, pid, syscall.SIGKILL)
		awaitEnd(t, m)
		awaitEnd(t, pid)
	}
	after := func(t *testing.T) {
		b.wantState(t, "exited")
		if code := b.inspect(t, "{{.State.ExitCode}}"); code != "-1" {
			t.Errorf("exit code %s, want -1: unknown", code)
		}
		b.must(nil, "start", victim)
		b.wantState(t, "running")
		b.gone(t)
	}
	t.Run("run directory wiped", func(t *testing.T) {
		id := b.running(t, "--network", "none")
		end(t, id)
		for _, dir := range []string{"containers", "runtime"} {
			if err := os.RemoveAll(filepath.Join(b.world.RunDir(), "pod", dir)); err != nil {
				t.Fatal(err)
			}
		}
		after(t)
	})
	t.Run("run directory left", func(t *testing.T) {
		id := b.running(t, "--network", "none")
		end(t, id)
		rewrite(t, b.runFile(id, "run"), `boot=.*`, "boot=11111111-2222-3333-4444-555555555555")
		after(t)
	})
	t.Run("run directory wiped while running", func(t *testing.T) {
		b.running(t, "--network", "none")
		for _, dir := range []string{"containers", "runtime"} {
			if err := os.RemoveAll(filepath.Join(b.world.RunDir(), "pod", dir)); err != nil {
				t.Fatal(err)
			}
		}
		b.wantState(t, "running")
		b.must(nil, "stop", "-t", "0", victim)
		b.wantState(t, "exited")
		b.gone(t)
	})
	t.Run("pid reused", func(t *testing.T) {
		id := b.running(t, "--network", "none")
		end(t, id)
		pid := strconv.Itoa(os.Getpid())
		rewrite(t, b.runFile(id, "run"), `pid=.*`, "pid="+pid)
		rewrite(t, b.runFile(id, "run"), `monitor=.*`, "monitor="+pid)
		rewrite(t, b.dataFile("containers", id, "state.json"), `"PID":[0-9]+`, `"PID":`+pid)
		b.wantState(t, "exited")
		b.wantError(t, "cannot be signalled", "kill", victim)
		after(t)
	})
}

func rewrite(t *testing.T, file, pattern, with string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := regexp.MustCompile(pattern).ReplaceAll(text, []byte(with))
	if bytes.Equal(text, changed) {
		t.Fatalf("%s has no %s: %s", file, pattern, text)
	}
	if err := os.WriteFile(file, changed, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReadOnlyStore(t *testing.T) {
	b := newBench(t)
	b.must(nil, "create", "--name", victim, "--network", "none", "localhost/box", "true")
	dir := b.world.DataDir()
	b.must(nil, "unshare", "sh", "-c", `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"`, dir)
	for _, args := range [][]string{{"ps", "--all"}, {"images"}, {"inspect", victim}, {"info"}} {
		if err := b.command(nil, args...); err != nil {
			t.Error(err)
		}
	}
	for _, args := range [][]string{{"rm", victim}, {"start", victim}, {"rename", victim, "another"}, {"create", "localhost/box"}} {
		b.wantError(t, "read-only file system", args...)
	}
	b.must(nil, "unshare", "umount", dir)
	b.gone(t)
}
