package main

import (
	"os"
	"strconv"
	"time"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

// try is one life of the container's process.
type try struct {
	io      *stdio
	pid     int
	pidfd   int // -1 when the process had already ended
	ended   <-chan unix.WaitStatus
	started time.Time
	oom     *oomWatch
}

// begin starts the container once: everything up to telling the command that it runs. With twoStep it waits for the
// command's word in between. What begin made, it takes back when it fails.
func (s *supervisor) begin(twoStep bool) (*try, *startError) {
	io, err := s.openStdio()
	if err != nil {
		return nil, failed(monitor.KindInternal, err)
	}
	t := &try{io: io, pidfd: -1}
	if err := s.launchTry(t, twoStep); err != nil {
		s.delete()
		s.drain(t)
		t.close()
		s.guard.drop()
		return nil, err
	}
	return t, nil
}

func (s *supervisor) launchTry(t *try, twoStep bool) *startError {
	os.Remove(monitor.RuntimeLog)
	// A terminal needs its size before the process looks at it, and a process that is killed for memory at once has to be watched before
	// it begins (systemd takes the cgroup with its counter away): both are always started in two steps.
	steps := twoStep || s.launch.Terminal || s.launch.MemoryLimit
	adopted := s.reaper.adopt()
	defer s.reaper.disown(adopted)
	if err := s.create(t.io, steps); err != nil {
		return err
	}
	if err := failed(monitor.KindInternal, s.learn(t, adopted)); err != nil {
		return err
	}
	if steps {
		if err := failed(monitor.KindInternal, failpoint.Hit("monitor.created")); err != nil {
			return err
		}
	}
	if twoStep {
		if err := s.awaitStart(t); err != nil {
			return err
		}
	}
	t.started = time.Now()
	s.pump(t.io)
	if steps {
		if err := s.start(); err != nil {
			return err
		}
	}
	return failed(monitor.KindInternal, s.announce(t))
}

// learn finds out about the process the runtime has made.
func (s *supervisor) learn(t *try, adopted *adoption) error {
	pid, err := readPID(monitor.PIDFile)
	if err != nil {
		return err
	}
	t.pid = pid
	t.ended, _ = s.reaper.claim(adopted, pid)
	// It may have ended already; then there is nothing to signal.
	if fd, err := unix.PidfdOpen(pid, 0); err == nil {
		t.pidfd = fd
	}
	t.oom = watchOOM(s.launch.CgroupRoot, pid)
	if s.launch.Terminal {
		if err := t.io.receiveConsole(); err != nil {
			return err
		}
		s.input.attach(t.io.master)
	}
	return nil
}

// awaitStart says that the container is created and waits for the command to say start.
func (s *supervisor) awaitStart(t *try) *startError {
	if err := s.record(t, monitor.PhaseCreated); err != nil {
		return failed(monitor.KindInternal, err)
	}
	s.control.send(monitor.Message{Verb: monitor.Created, PID: t.pid})
	select {
	case <-s.control.start:
		return nil
	case <-s.clients.going:
		return nil
	case <-s.control.gone:
		select {
		case <-s.control.start: // said, then hung up
			return nil
		default:
		}
		if s.launch.Idle {
			return s.awaitGo(t)
		}
		return failed(monitor.KindInternal, wrap("wait for start", errGone))
	case <-s.signals:
		return failed(monitor.KindInternal, wrap("wait for start", errStopped))
	case status := <-t.ended:
		return failed(monitor.KindRuntime, wrap("wait for start", &os.SyscallError{Syscall: "container process", Err: errEnded(status)}))
	}
}

// awaitGo waits for a client to say what the command, which is gone, did not.
func (s *supervisor) awaitGo(t *try) *startError {
	select {
	case <-s.clients.going:
		return nil
	case <-s.signals:
		return failed(monitor.KindInternal, wrap("wait for start", errStopped))
	case status := <-t.ended:
		return failed(monitor.KindRuntime, wrap("wait for start", &os.SyscallError{Syscall: "container process", Err: errEnded(status)}))
	}
}

// announce writes down that the container runs, and then says so.
func (s *supervisor) announce(t *try) error {
	if err := failpoint.Hit("monitor.started"); err != nil {
		return err
	}
	if err := s.record(t, monitor.PhaseRunning); err != nil {
		return err
	}
	if s.launch.PIDFile != "" {
		if err := os.WriteFile(s.launch.PIDFile, []byte(strconv.Itoa(t.pid)), 0o644); err != nil {
			return wrap("write the pid file", err)
		}
	}
	if err := failpoint.Hit("monitor.recorded"); err != nil {
		return err
	}
	s.guard.raise()
	s.control.send(monitor.Message{Verb: monitor.Running, PID: t.pid})
	return failpoint.Hit("monitor.running")
}

// record replaces the run record.
func (s *supervisor) record(t *try, phase monitor.Phase) error {
	r := monitor.RunRecord{
		Phase: phase, Serial: s.launch.Serial, MonitorPID: os.Getpid(), Started: t.started, Restarts: s.restarts,
	}
	if phase != monitor.PhaseRestarting {
		// A process that has already ended keeps no start time; its record says the pid and nothing that could be mistaken.
		id, err := process.Identify(t.pid)
		if err != nil {
			id = process.Identity{PID: t.pid}
			id.Boot, err = process.BootID()
		}
		if err != nil {
			return wrap("write the run record", err)
		}
		r.PID, r.Start, r.Boot = id.PID, id.Start, id.Boot
	} else if boot, err := process.BootID(); err == nil {
		r.Boot = boot
	}
	return wrap("write the run record", r.Write(monitor.RunFile))
}

func (t *try) signal(signal unix.Signal) {
	if t.pidfd >= 0 {
		unix.PidfdSendSignal(t.pidfd, signal, nil, 0)
	}
}

func (t *try) close() {
	t.io.close()
	t.oom.close()
	if t.pidfd >= 0 {
		unix.Close(t.pidfd)
	}
}
