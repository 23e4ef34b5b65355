package main

import (
	"os"
	"os/signal"
	"strconv"
	"sync"
	"time"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/logwrite"
	"golang.org/x/sys/unix"
)

// supervisor is the life of one container, from Launch to the monitor's own end.
type supervisor struct {
	launch  *monitor.Launch
	control *control
	reaper  *reaper
	clients *clients
	input   *input
	log     *logwrite.Log // nil: output is not kept
	signals chan os.Signal
	mounted bool
	exists  bool // the runtime has, or may have, state of the container
	guard   oomGuard

	wayOut wayOut
	// sessions counts the further processes whose end somebody has to be told.
	sessions sync.WaitGroup

	restarts int
}

// startError is a start that failed, in the words of the control protocol.
type startError struct {
	kind monitor.Kind
	err  error
}

func (e *startError) Error() string { return e.err.Error() }

func failed(kind monitor.Kind, err error) *startError {
	if err == nil {
		return nil
	}
	return &startError{kind, err}
}

// supervise runs the monitor and gives its exit code: 0 unless it could not even talk to the command.
func supervise() int {
	control, err := openControl()
	if err != nil {
		report(err.Error())
		return 1
	}
	launch, err := monitor.ReadLaunch(".")
	if err != nil {
		report(err.Error())
		control.send(monitor.Message{Verb: monitor.Failed, Kind: monitor.KindInternal, Text: err.Error()})
		return 1
	}
	s := &supervisor{
		launch: launch, control: control, reaper: newReaper(), clients: newClients(), input: newInput(launch),
		signals: make(chan os.Signal, 1),
	}
	// A monitor that dies of a stray signal could not record the exit.
	signal.Notify(s.signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	s.run()
	return 0
}

func (s *supervisor) run() {
	err := s.prepare()
	var try *try
	if err == nil {
		try, err = s.begin(s.launch.TwoStep)
	}
	if err != nil {
		s.undo(err)
		return
	}
	code := s.untilEnd(try)
	s.tell(code)
	s.release()
	s.hit("monitor.released")
	s.finish()
}

// prepare makes everything that all tries of the container share.
func (s *supervisor) prepare() *startError {
	if err := s.inherit(); err != nil {
		return failed(monitor.KindInternal, err)
	}
	if err := failpoint.Hit("monitor.locked"); err != nil {
		return failed(monitor.KindInternal, err)
	}
	if err := s.mount(); err != nil {
		return failed(monitor.KindMount, err)
	}
	if err := s.network(); err != nil {
		return failed(monitor.KindNetwork, err)
	}
	if err := s.listen(); err != nil {
		return failed(monitor.KindInternal, err)
	}
	return failed(monitor.KindInternal, s.openLog())
}

// inherit takes over what the command left open: nothing of it may leak into the container.
func (s *supervisor) inherit() error {
	l := s.launch
	for _, fd := range []int{monitor.ControlFD, monitor.LockFD, l.RootFD, l.ShmFD, l.ClientFD, l.StdioFDs[0], l.StdioFDs[1], l.StdioFDs[2]} {
		if fd >= 0 {
			unix.CloseOnExec(fd)
		}
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return wrap("become the parent of orphans", err)
	}
	pid := []byte(strconv.Itoa(os.Getpid()) + "\n")
	if err := unix.Ftruncate(monitor.LockFD, 0); err != nil {
		return wrap("write the lock file", err)
	}
	_, err := unix.Pwrite(monitor.LockFD, pid, 0)
	return wrap("write the lock file", err)
}

func (s *supervisor) openLog() error {
	l := s.launch
	if l.LogDriver == "none" || l.LogDriver == "passthrough" || l.LogDriver == "" {
		return nil
	}
	log, err := logwrite.Open(logwrite.Options{
		Driver: l.LogDriver, Path: l.LogPath, MaxSize: l.LogMaxSize, MaxFile: l.LogMaxFile, Tag: l.LogTag,
		ID: l.ID, Name: l.Name, Report: report,
	})
	if err != nil {
		return err
	}
	s.log = log
	return nil
}

// hit passes a transition that nothing can fail at any more.
func (s *supervisor) hit(name string) {
	if err := failpoint.Hit(name); err != nil {
		report(err.Error())
	}
}

// undo takes a failed start back, and then says why it failed.
func (s *supervisor) undo(err *startError) {
	os.Remove(monitor.RunFile)
	s.closeAll()
	text := monitor.OneLine(err.Error())
	report("start: " + text)
	// The command cleans up after a start that it saw fail; nobody would after one that it did not live to see.
	if !s.control.send(monitor.Message{Verb: monitor.Failed, Kind: err.kind, Text: text}) {
		s.cleanup()
	}
}

// tell makes the final end known: clients get the exit code after the last output.
func (s *supervisor) tell(code int) {
	s.input.finish()
	s.clients.finish(code)
	s.control.send(monitor.Message{Verb: monitor.Exited, Code: code})
	s.hit("monitor.told")
}

// release gives up everything the container held, and says so.
func (s *supervisor) release() {
	s.delete()
	s.closeAll()
	s.control.send(monitor.Message{Verb: monitor.Released})
}

// closeAll ends helpers and clients and unmounts; it is the end of a container and of a failed start alike.
func (s *supervisor) closeAll() {
	os.Remove(monitor.AttachFile)
	s.wayOut.close()
	s.reaper.endAll(2 * time.Second)
	s.unmount()
	if s.log != nil {
		s.log.Close()
	}
	if err := os.WriteFile(monitor.ReleasedFile, nil, 0o600); err != nil {
		report(err.Error()) // a command that waits for it waits for the end of this process then
	}
}

// finish waits until the command has cleaned up, or has that done.
func (s *supervisor) finish() {
	if s.control.left() {
		s.cleanup()
	}
	s.awaitSessions()
	s.clients.wait(10 * time.Second)
}

// cleanup runs the command that finishes the container in place of the one that is gone.
func (s *supervisor) cleanup() {
	s.hit("monitor.cleanup")
	if len(s.launch.Cleanup) == 0 {
		return
	}
	if err := s.program("clean up after the container", s.launch.Cleanup, 2); err != nil {
		report(err.Error())
	}
}
