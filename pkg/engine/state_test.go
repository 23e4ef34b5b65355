package engine

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/monitor"
)

// facts are what there is on disk, and who lives.
type facts struct {
	rec      record
	phase    monitor.Phase // "": no run record
	alive    bool          // the process of the run record
	oldBoot  bool          // the run record and the processes are of an earlier boot
	monitor  bool          // holds its lock
	stopFile bool
	exit     uint64 // serial of the exit record; 0: none
	fallback uint64 // of the one in the run directory
	recAlive bool   // the process that state.json names lives
}

func TestStateFromFacts(t *testing.T) {
	const (
		created, running, restarting = monitor.PhaseCreated, monitor.PhaseRunning, monitor.PhaseRestarting
		exitCode, fallbackCode       = 7, 8
	)
	first, paused := record{Serial: 1}, record{Serial: 1, Paused: true}
	tests := []struct {
		name    string
		facts   facts
		status  container.Status
		code    int
		problem bool
	}{
		{"nothing", facts{}, container.StatusCreated, 0, false},
		{"renamed, never started", facts{rec: record{Name: "x"}}, container.StatusCreated, 0, false},
		{"monitor there, no record yet", facts{monitor: true}, container.StatusCreated, 0, false},
		{"initialized", facts{rec: first, phase: created, alive: true, monitor: true}, container.StatusInitialized, 0, false},
		{"initialized, monitor dead", facts{rec: first, phase: created, alive: true}, container.StatusInitialized, 0, true},
		{"running", facts{rec: first, phase: running, alive: true, monitor: true}, container.StatusRunning, 0, false},
		{"running, command killed before it recorded", facts{phase: running, alive: true, monitor: true}, container.StatusRunning, 0, false},
		{"running after an earlier end", facts{rec: record{Serial: 2}, phase: running, alive: true, monitor: true, exit: 1}, container.StatusRunning, 0, false},
		{"running, monitor dead", facts{rec: first, phase: running, alive: true}, container.StatusRunning, 0, true},
		{"stopping", facts{rec: first, phase: running, alive: true, monitor: true, stopFile: true}, container.StatusStopping, 0, false},
		{"paused", facts{rec: paused, phase: running, alive: true, monitor: true, recAlive: true}, container.StatusPaused, 0, false},
		{"paused was the process before this one", facts{rec: paused, phase: running, alive: true, monitor: true}, container.StatusRunning, 0, false},
		{"ended, not yet recorded", facts{rec: first, phase: running, monitor: true}, container.StatusStopping, 0, false},
		{"restarting", facts{rec: first, phase: restarting, monitor: true, exit: 1}, container.StatusRestarting, exitCode, false},
		{"restarting, monitor killed", facts{rec: first, phase: restarting, exit: 1}, container.StatusExited, exitCode, false},
		{"exited", facts{rec: first, exit: 1}, container.StatusExited, exitCode, false},
		{"exited, monitor still cleans up", facts{rec: first, exit: 1, monitor: true}, container.StatusExited, exitCode, false},
		{"exited, not recorded by its command", facts{exit: 1}, container.StatusExited, exitCode, false},
		{"exited on a full disk", facts{rec: first, fallback: 1}, container.StatusExited, fallbackCode, false},
		{"exited twice, the second time on a full disk", facts{rec: record{Serial: 2}, exit: 1, fallback: 2}, container.StatusExited, fallbackCode, false},
		{"killed with its monitor", facts{rec: first, phase: running}, container.StatusExited, -1, true},
		{"killed with its monitor and its command", facts{phase: running}, container.StatusExited, -1, true},
		{"killed with its monitor after an earlier end", facts{rec: record{Serial: 2}, phase: running, exit: 1}, container.StatusExited, -1, true},
		{"ran when the machine restarted", facts{rec: first, phase: running, alive: true, oldBoot: true}, container.StatusExited, -1, true},
		{"paused when the machine restarted", facts{rec: paused, phase: running, alive: true, oldBoot: true}, container.StatusExited, -1, true},
		{"restarted machine, volatile side gone", facts{rec: first}, container.StatusExited, -1, true},
		{"run directory emptied while it runs", facts{rec: first, recAlive: true}, container.StatusRunning, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := testEngine(t)
			cfg := testContainer(t, e, "web", nil)
			tt.facts.arrange(t, e, cfg.ID, exitCode, fallbackCode)
			got := load(t, e, cfg.ID).State
			if got.Status != tt.status || got.ExitCode != tt.code || (got.Problem != "") != tt.problem {
				t.Errorf("got %+v, want %s with code %d, problem %v", got, tt.status, tt.code, tt.problem)
			}
			if (got.MonitorPID != 0) != (tt.facts.monitor && got.Status != container.StatusExited && tt.facts.phase != "") {
				t.Errorf("monitor's pid %d", got.MonitorPID)
			}
		})
	}
}

func (f facts) arrange(t *testing.T, e *Engine, id string, exitCode, fallbackCode int) {
	t.Helper()
	me := self(t)
	dead := process.Identity{PID: me.PID, Start: me.Start + 1, Boot: me.Boot}
	if f.recAlive {
		f.rec.Process = me
	} else if f.rec.Serial > 0 {
		f.rec.Process = dead
	}
	if f.rec != (record{}) {
		writeState(t, e, id, f.rec)
	}
	if f.phase != "" {
		run := monitor.RunRecord{Phase: f.phase, Serial: max(1, f.rec.Serial), MonitorPID: me.PID, Started: time.Now(), Boot: me.Boot}
		switch {
		case f.phase == monitor.PhaseRestarting:
		case f.alive:
			run.PID, run.Start = me.PID, me.Start
		default:
			run.PID, run.Start = dead.PID, dead.Start
		}
		if f.oldBoot {
			run.Boot = "00000000-0000-0000-0000-000000000000"
		}
		writeRun(t, e, id, run)
	}
	if f.monitor {
		holdMonitorLock(t, e, id)
	}
	if f.stopFile {
		write(t, filepath.Join(e.ContainerRunDir(id), monitor.StopFile), "")
	}
	writeExit(t, filepath.Join(e.Dir(id), exitFile), f.exit, exitCode)
	writeExit(t, filepath.Join(e.ContainerRunDir(id), monitor.ExitFallback), f.fallback, fallbackCode)
}

func writeExit(t *testing.T, path string, serial uint64, code int) {
	t.Helper()
	if serial == 0 {
		return
	}
	write(t, path, "")
	if err := (monitor.ExitRecord{Serial: serial, Code: code, Finished: time.Now()}).Write(path, false); err != nil {
		t.Fatal(err)
	}
}

func TestUnreadableRecordsMakeADamagedContainer(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"config is no JSON":  func(dir string) error { return os.WriteFile(dir+"/config.json", []byte("{"), 0o600) },
		"config is empty":    func(dir string) error { return os.Truncate(dir+"/config.json", 0) },
		"config is gone":     func(dir string) error { return os.Remove(dir + "/config.json") },
		"config of another":  func(dir string) error { return os.WriteFile(dir+"/config.json", []byte(`{"id":"x"}`), 0o600) },
		"config is huge":     func(dir string) error { return os.Truncate(dir+"/config.json", 1<<30) },
		"config is a link":   func(dir string) error { return replaceByLink(dir + "/config.json") },
		"state is no JSON":   func(dir string) error { return os.WriteFile(dir+"/state.json", []byte("[]"), 0o600) },
		"state is a folder":  func(dir string) error { return os.Mkdir(dir+"/state.json", 0o700) },
		"state is too large": func(dir string) error { return makeSparse(dir+"/state.json", 1<<30) },
	} {
		t.Run(name, func(t *testing.T) {
			e := testEngine(t)
			cfg := testContainer(t, e, "web", nil)
			if err := spoil(e.Dir(cfg.ID)); err != nil {
				t.Fatal(err)
			}
			c := load(t, e, cfg.ID)
			if c.State.Status != container.StatusDamaged || c.State.Problem == "" || c.Config.ID != cfg.ID {
				t.Errorf("got %+v of %q", c.State, c.Config.ID)
			}
			if _, err := e.Start(t.Context(), cfg.ID, StartOptions{}); err == nil {
				t.Error("it was started")
			}
			list, err := e.List(t.Context())
			if err != nil || len(list) != 1 {
				t.Errorf("listed: %v, %v", list, err)
			}
			if err := e.Remove(t.Context(), cfg.ID, RemoveOptions{}); err != nil {
				t.Errorf("remove: %v", err)
			}
			if err := e.CheckFree("web"); err != nil || exists(e.Dir(cfg.ID)) || exists(e.removingDir(cfg.ID)) {
				t.Errorf("something is left: %v", err)
			}
		})
	}
}

func replaceByLink(path string) error {
	return errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path))
}

func makeSparse(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// A container whose monitor was killed runs on. Starting it again would give it a second life over the same files.
func TestStartOfWhatRunsWithoutItsMonitorIsRefused(t *testing.T) {
	for _, phase := range []monitor.Phase{monitor.PhaseCreated, monitor.PhaseRunning} {
		e := testEngine(t)
		cfg := testContainer(t, e, "web", nil)
		facts{rec: record{Serial: 1}, phase: phase, alive: true}.arrange(t, e, cfg.ID, 0, 0)
		_, err := e.Start(t.Context(), cfg.ID, StartOptions{})
		if !errors.Is(err, ErrState) || IsRunning(err) {
			t.Errorf("phase %s: got %v", phase, err)
		}
	}
}

// A fallback exit record is the only one: a clean-up takes the run directory away, and must have kept it before.
func TestCleanupKeepsTheExitOfAFullDisk(t *testing.T) {
	e := testEngine(t)
	cfg := testContainer(t, e, "web", nil)
	facts{rec: record{Serial: 2}, exit: 1, fallback: 2}.arrange(t, e, cfg.ID, 7, 8)
	if err := e.Cleanup(t.Context(), cfg.ID); err != nil {
		t.Fatal(err)
	}
	if exists(e.ContainerRunDir(cfg.ID)) {
		t.Error("the run directory is still there")
	}
	if got := load(t, e, cfg.ID).State; got.Status != container.StatusExited || got.ExitCode != 8 {
		t.Errorf("after the clean-up: %+v", got)
	}
}

// Between the end of a container and the word of its monitor that all is released, nobody may act on its volatile side.
func TestCleanupWaitsForTheRelease(t *testing.T) {
	e := testEngine(t)
	cfg := testContainer(t, e, "web", nil)
	facts{rec: record{Serial: 1}, exit: 1, monitor: true}.arrange(t, e, cfg.ID, 0, 0)
	if !e.releasing(cfg.ID) {
		t.Fatal("a monitor that has not released is not waited for")
	}
	done := make(chan error, 1)
	go func() { done <- e.Cleanup(t.Context(), cfg.ID) }()
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	write(t, filepath.Join(e.ContainerRunDir(cfg.ID), monitor.ReleasedFile), "")
	if err := <-done; err != nil {
		t.Error(err)
	}
	if exists(e.ContainerRunDir(cfg.ID)) {
		t.Error("it did not clean up")
	}
}
