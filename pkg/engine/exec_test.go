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
	"github.com/pod-engine/pod/pkg/oci"
)

// A container may end after its process was looked at; its run directory, with all its sessions, goes with it.
func TestExecInAContainerThatEnds(t *testing.T) {
	e := testEngine(t)
	cfg := testContainer(t, e, "ends", nil)
	own, err := process.Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	run := monitor.RunRecord{Phase: monitor.PhaseRunning, PID: own.PID, Start: own.Start, Boot: own.Boot, Started: time.Now()}
	dir := e.ContainerRunDir(cfg.ID)
	if err := errors.Join(os.MkdirAll(dir, 0o700), run.Write(filepath.Join(dir, monitor.RunFile))); err != nil {
		t.Fatal(err)
	}
	x := &Exec{ID: newID(), engine: e, config: cfg, dir: filepath.Join(dir, "gone")}
	c := Container{Config: cfg, State: container.State{Status: container.StatusRunning, PID: own.PID}}
	if err := x.writeProcess(c, ExecOptions{ExecOptions: oci.ExecOptions{Args: []string{"true"}}}); !errors.Is(err, process.ErrGone) {
		t.Errorf("got %v", err)
	}
}
