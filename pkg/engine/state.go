package engine

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/monitor"
)

// List gives all containers, in no order. It takes no locks and needs no disk space.
func (e *Engine) List(ctx context.Context) ([]Container, error) {
	ids, err := e.ids()
	if err != nil {
		return nil, err
	}
	found := make([]Container, len(ids))
	var workers sync.WaitGroup
	next := make(chan int)
	for range min(runtime.NumCPU(), len(ids)) {
		workers.Go(func() {
			for i := range next {
				// One that went away meanwhile leaves a zero Container behind.
				found[i], _ = e.load(ids[i])
			}
		})
	}
	for i := range ids {
		next <- i
	}
	close(next)
	workers.Wait()
	list := found[:0]
	for _, c := range found {
		if c.Config != nil {
			list = append(list, c)
		}
	}
	return list, ctx.Err()
}

// state derives what a container is doing from facts: the monitor's lock, the run record, the process, the exit
// record. What was last written only decides where facts leave a choice.
func (e *Engine) state(cfg *container.Config, rec record) container.State {
	runDir := e.ContainerRunDir(cfg.ID)
	run, err := monitor.ReadRunRecord(filepath.Join(runDir, monitor.RunFile))
	if err != nil {
		run = monitor.RunRecord{} // not the half of a damaged one
	}
	if err == nil && run.Boot == e.boot {
		if s, alive := e.liveState(cfg, rec, run, runDir); alive {
			return s
		}
	} else if rec.Process.Alive() {
		// The run directory was emptied while the container ran.
		s := container.State{
			Status: container.StatusRunning, PID: rec.Process.PID, Started: rec.Started,
			Problem: "its run directory is gone; it can be stopped, killed and removed",
		}
		if rec.Monitor.Alive() {
			s.MonitorPID = rec.Monitor.PID
		}
		return s
	}
	return e.endedState(cfg, rec, run)
}

func (e *Engine) liveState(cfg *container.Config, rec record, run monitor.RunRecord, runDir string) (container.State, bool) {
	s := container.State{Status: container.StatusRunning, PID: run.PID, Started: run.Started, Restarts: run.Restarts}
	first := run.Process()
	held, _, err := monitor.Locked(filepath.Join(runDir, lockFile))
	if err != nil {
		held = rec.Monitor.Alive() // the lock file is damaged
	}
	if held {
		s.MonitorPID = run.MonitorPID
	} else {
		if !first.Alive() {
			return s, false
		}
		s.Problem = "its monitor has ended; its output is no longer kept and its exit code will be unknown"
	}
	if held && exists(filepath.Join(runDir, monitor.NetworkLostFile)) {
		s.Problem = "the process that connected its network has ended; it is cut off until it is restarted"
	}
	switch {
	case run.Phase == monitor.PhaseRestarting:
		s.Status, s.PID = container.StatusRestarting, 0
		if exit, err := e.exitRecord(cfg.ID); err == nil {
			s.ExitCode, s.Finished, s.OOMKilled = exit.Code, exit.Finished, exit.OOM
		}
	case !first.Alive():
		// The monitor is about to record the end: the container is on its way out.
		s.Status, s.PID = container.StatusStopping, 0
	case run.Phase == monitor.PhaseCreated:
		s.Status = container.StatusInitialized
	case rec.Paused && rec.Process == first: // and not one that the restart policy started since
		s.Status = container.StatusPaused
	case exists(filepath.Join(runDir, monitor.StopFile)):
		s.Status = container.StatusStopping
	}
	return s, true
}

func (e *Engine) endedState(cfg *container.Config, rec record, run monitor.RunRecord) container.State {
	exit, err := e.exitRecord(cfg.ID)
	switch {
	case err == nil && exit.Serial > 0 && exit.Serial >= max(rec.Serial, run.Serial) && !laterTry(run, exit):
		return container.State{
			Status: container.StatusExited, ExitCode: exit.Code, Started: exit.Started, Finished: exit.Finished,
			OOMKilled: exit.OOM, Restarts: exit.Restarts, Stopped: rec.Stopped,
		}
	case rec.Serial > 0 || run.PID != 0:
		started := rec.Started
		if run.Started.After(started) {
			started = run.Started
		}
		return container.State{
			Status: container.StatusExited, ExitCode: -1, Started: started, Stopped: rec.Stopped,
			Problem: "it ended without anybody recording how: its monitor was killed or the machine restarted",
		}
	}
	return container.State{Status: container.StatusCreated}
}

// laterTry reports whether the restart policy had started the container again after the end that exit records.
func laterTry(run monitor.RunRecord, exit monitor.ExitRecord) bool {
	return run.Phase == monitor.PhaseRunning && run.Serial == exit.Serial && run.Restarts > exit.Restarts
}

// exitRecord gives the newest record of an end. The one in the run directory is there when the disk of the other was
// full.
func (e *Engine) exitRecord(id string) (monitor.ExitRecord, error) {
	exit, err := monitor.ReadExitRecord(filepath.Join(e.Dir(id), exitFile))
	spare, spareErr := monitor.ReadExitRecord(filepath.Join(e.ContainerRunDir(id), monitor.ExitFallback))
	if spareErr == nil && (err != nil || spare.Serial >= exit.Serial) {
		return spare, nil
	}
	return exit, err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
