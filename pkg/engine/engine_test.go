package engine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/monitor"
)

// testEngine works below a directory of its own, with a runtime that refuses everything.
func testEngine(t *testing.T) *Engine {
	t.Helper()
	dir := t.TempDir()
	e, err := Open(t.Context(), Options{
		DataDir: filepath.Join(dir, "data"), RunDir: filepath.Join(dir, "run"),
		Runtime: Runtime{Path: "/bin/false"}, Executable: "/bin/false",
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// testContainer makes the directory of a container as Create leaves it; change may say more about it.
func testContainer(t *testing.T, e *Engine, name string, change func(*container.Config)) *container.Config {
	t.Helper()
	cfg := container.NewConfig()
	cfg.ID, cfg.Name, cfg.Created = newID(), name, time.Now()
	if change != nil {
		change(cfg)
	}
	if err := os.Mkdir(e.Dir(cfg.ID), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := e.writeConfig(cfg, e.Dir(cfg.ID)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(e.Dir(cfg.ID), lockFile), "")
	if err := e.reserveName(t.Context(), name, cfg.ID, false); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func writeState(t *testing.T, e *Engine, id string, rec record) {
	t.Helper()
	text, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(e.Dir(id), "state.json"), string(text))
}

func writeRun(t *testing.T, e *Engine, id string, run monitor.RunRecord) {
	t.Helper()
	if err := os.MkdirAll(e.ContainerRunDir(id), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := run.Write(filepath.Join(e.ContainerRunDir(id), monitor.RunFile)); err != nil {
		t.Fatal(err)
	}
}

// holdMonitorLock is a monitor that lives, until the function it returns is called.
func holdMonitorLock(t *testing.T, e *Engine, id string) (release func()) {
	t.Helper()
	if err := os.MkdirAll(e.ContainerRunDir(id), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := monitor.Lock(filepath.Join(e.ContainerRunDir(id), lockFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return func() { f.Close() }
}

// self is a process that lives: this one.
func self(t *testing.T) process.Identity {
	t.Helper()
	id, err := process.Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func load(t *testing.T, e *Engine, id string) Container {
	t.Helper()
	c, err := e.load(id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
