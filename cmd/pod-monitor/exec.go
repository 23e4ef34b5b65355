package main

import (
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

// session is a further process of the container (pod exec). It is a child of the monitor, not of the command that asked
// for it: somebody must reap it, or the container's process namespace, and so the container, could not end
// (pid_namespaces(7)); and it runs on when that command goes away.
type session struct {
	s       *supervisor
	socket  *os.File
	request *monitor.Exec
	files   []int
	who     process.Identity
	master  int // of its terminal; -1 without
	ended   <-chan unix.WaitStatus
}

// exec serves a connection that began with FrameExec, to its end.
func (s *supervisor) exec(socket *os.File, length int, files []int) {
	s.sessions.Add(1)
	defer s.sessions.Done()
	defer socket.Close()
	x := &session{s: s, socket: socket, files: files, master: -1}
	err := x.receive(length)
	if err == nil {
		err = x.start()
	}
	closeAll(x.files)
	if err != nil {
		x.send(monitor.FrameFailed, []byte(monitor.OneLine(err.Error())), nil)
		return
	}
	x.attend()
}

// receive reads the request and says that it is taken.
func (x *session) receive(length int) error {
	payload := make([]byte, length)
	if _, err := io.ReadFull(x.socket, payload); err != nil {
		return wrap("read the request", err)
	}
	var err error
	if x.request, err = monitor.DecodeExec(payload); err != nil {
		return wrap("read the request", err)
	}
	if name, ok := strings.CutPrefix(x.request.Dir, "exec/"); !ok || strings.ContainsAny(name, "/.") {
		return wrap("read the request", &os.PathError{Op: "use", Path: x.request.Dir, Err: os.ErrInvalid})
	}
	x.send(monitor.FrameExec, nil, nil)
	return failpoint.Hit("monitor.exec")
}

// start has the runtime start the process.
func (x *session) start() error {
	console := -1
	if x.request.Terminal {
		var err error
		if console, err = listen(x.path(monitor.ConsoleFile)); err != nil {
			return err
		}
		defer os.Remove(x.path(monitor.ConsoleFile))
		defer unix.Close(console)
	}
	adopted := x.s.reaper.adopt()
	defer x.s.reaper.disown(adopted)
	files := make([]uintptr, len(x.files))
	for i, fd := range x.files {
		files[i] = uintptr(fd)
	}
	_, ended, err := x.s.reaper.start(x.request.Argv, &syscall.ProcAttr{Dir: x.request.Dir, Env: x.s.launch.Env, Files: files})
	if err != nil {
		return err
	}
	if status := <-ended; status != 0 {
		return errEnded(status)
	}
	if err := x.learn(adopted); err != nil {
		return err
	}
	if console >= 0 {
		if x.master, err = receiveTerminal(console); err != nil {
			x.who.Signal(unix.SIGKILL) // nobody could use it
			return err
		}
	}
	x.s.hit("monitor.executed")
	x.send(monitor.FrameStarted, monitor.AppendProcess(nil, x.who), x.terminal())
	return nil
}

func (x *session) path(name string) string { return x.request.Dir + "/" + name }

// learn finds out about the process and notes who it is.
func (x *session) learn(adopted *adoption) error {
	pid, err := readPID(x.path(monitor.PIDFile))
	if err != nil {
		return err
	}
	// Before the claim: until then the pid is not given to another, since nobody has reaped it, or the claim says that it has
	// ended, and then it is nobody's.
	who, err := process.Identify(pid)
	ended, already := x.s.reaper.claim(adopted, pid)
	x.ended = ended
	if err != nil || already {
		return nil
	}
	x.who = who
	if err := monitor.WriteProcess(x.path(monitor.ProcessFile), who); err != nil {
		report("note the process of an exec: " + err.Error()) // it only is not listed
	}
	return nil
}

func (x *session) terminal() []int {
	if x.master < 0 {
		return nil
	}
	return []int{x.master}
}

// attend waits for the end of the process and tells the client, or does what the client would have done.
func (x *session) attend() {
	left := make(chan struct{})
	go func() {
		// It has nothing to say: this returns when it leaves.
		x.socket.Read(make([]byte, 1))
		close(left)
	}()
	select {
	case status := <-x.ended:
		if x.master >= 0 {
			unix.Close(x.master) // the client reads the rest from its own
		}
		code := exitCode(status)
		if x.send(monitor.FrameExit, exitPayload(code), nil) != nil {
			x.finish(code)
		}
	case <-left:
		go discard(x.master)
		x.finish(exitCode(<-x.ended))
	}
}

// finish notes the end of a process that nobody attends to.
func (x *session) finish(code int) {
	x.s.appendEvent(x.request.EventPrefix, "exec_died", code)
	os.RemoveAll(x.request.Dir)
}

func (x *session) send(t monitor.FrameType, payload []byte, fds []int) error {
	return monitor.SendRights(x.socket, monitor.AppendFrame(nil, t, payload), fds)
}

// discard reads a terminal that nobody looks at until the last process has closed it: else the process would wait when
// the terminal is full.
func discard(master int) {
	if master < 0 {
		return
	}
	unix.SetNonblock(master, true)
	terminal := os.NewFile(uintptr(master), "terminal")
	defer terminal.Close()
	buffer := make([]byte, 4<<10)
	for {
		if _, err := terminal.Read(buffer); err != nil {
			return
		}
	}
}

// awaitSessions lets the clients of processes that ended with the container know.
func (s *supervisor) awaitSessions() {
	told := make(chan struct{})
	go func() {
		s.sessions.Wait()
		close(told)
	}()
	select {
	case <-told:
	case <-time.After(time.Second):
	}
}
