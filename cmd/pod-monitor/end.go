package main

import (
	"errors"
	"os"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

var (
	errGone    = errors.New("the command is gone")
	errStopped = errors.New("a signal asked the monitor to end")
)

func errEnded(status unix.WaitStatus) error { return errors.New(describe(status)) }

// untilEnd waits for the end of the try, and of those that the restart policy adds, and gives the final exit code, which is
// then on disk.
func (s *supervisor) untilEnd(t *try) int {
	pause := firstPause
	for {
		code, started := s.watch(t), t.started
		if time.Since(started) >= settled {
			pause = firstPause
		}
		t = nil
		for t == nil {
			if !s.again(code) {
				os.Remove(monitor.RunFile)
				return code
			}
			s.event("died", code)
			if !s.pause(pause) {
				os.Remove(monitor.RunFile)
				return code
			}
			pause = min(2*pause, lastPause)
			t, code = s.retry(code)
		}
	}
}

// watch waits for the end of one try and records it.
func (s *supervisor) watch(t *try) int {
	status := s.await(t)
	// First of all: systemd takes a cgroup away once it is empty, and the counter with it.
	oom, finished := t.oom.killed(), time.Now()
	s.hit("monitor.exited")
	s.guard.drop()
	s.drain(t)
	e := monitor.ExitRecord{
		Serial: s.launch.Serial, Code: exitCode(status), Started: t.started, Finished: finished,
		OOM: oom, Restarts: s.restarts,
	}
	s.recordExit(e)
	t.close()
	return e.Code
}

// await waits for the process, and stops it when its time is over or a signal asks the monitor to end.
func (s *supervisor) await(t *try) unix.WaitStatus {
	var expire, kill <-chan time.Time
	if s.launch.MaxRun > 0 {
		expire = time.After(time.Duration(s.launch.MaxRun) * time.Second)
	}
	stop := func() {
		t.signal(unix.Signal(s.launch.StopSignal))
		kill = time.After(time.Duration(s.launch.StopTimeout) * time.Second)
	}
	for {
		select {
		case status := <-t.ended:
			return status
		case <-expire:
			stop()
		case <-s.signals:
			s.clients.cancelRestart()
			stop()
		case <-kill:
			t.signal(unix.SIGKILL)
		}
	}
}

// recordExit writes the exit record. When its disk is full or gone, it goes to the run directory, where the command finds it.
func (s *supervisor) recordExit(e monitor.ExitRecord) {
	if err := e.Write(s.launch.ExitFile, s.launch.Durable); err != nil {
		report("write the exit record: " + err.Error())
		if err := e.Write(monitor.ExitFallback, false); err != nil {
			report("write the exit record to the run directory: " + err.Error())
		}
	}
	s.hit("monitor.exit-recorded")
}
