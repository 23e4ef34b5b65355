package main

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

// runtime runs the OCI runtime with one of its verbs and its arguments. Its messages go to runtime.log through --log, and
// its stderr too unless that is the container's; a failure's reason is taken from there, or, when a runtime does not heed
// --log, from what otherwise gives.
func (s *supervisor) runtime(files [3]uintptr, otherwise func() string, args ...string) *startError {
	argv := append([]string{s.launch.Runtime}, s.launch.RuntimeArgs...)
	argv = append(append(argv, "--log", monitor.RuntimeLog), args...)
	_, ended, err := s.reaper.start(argv, &syscall.ProcAttr{Env: s.launch.Env, Files: files[:]})
	if err != nil {
		return failed(monitor.KindRuntime, err)
	}
	status := <-ended
	if status == 0 {
		return nil
	}
	message := s.complaint()
	if message == "" {
		message = monitor.RuntimeMessage(otherwise())
	}
	return failed(monitor.RuntimeKind(message), describeRuntime(s.launch.Runtime, args[0], message, status))
}

// complaint is the last error in the runtime's log, or nothing.
func (s *supervisor) complaint() string {
	log, err := os.Open(monitor.RuntimeLog)
	if err != nil {
		return ""
	}
	defer log.Close()
	return monitor.RuntimeMessage(tail(int(log.Fd())))
}

func describeRuntime(path, verb, message string, status unix.WaitStatus) error {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if message == "" {
		message = describe(status)
	} else if status.Signaled() {
		message += " (" + describe(status) + ")"
	}
	return errors.New(name + " " + verb + ": " + message)
}

// create has the runtime make the container with stdio io, and run it unless it is to wait for start.
func (s *supervisor) create(io *stdio, wait bool) *startError {
	args := []string{"run", "--detach"}
	if wait {
		args = []string{"create"}
	}
	args = append(args, "--bundle", ".", "--pid-file", monitor.PIDFile)
	if s.launch.Terminal {
		args = append(args, "--console-socket", monitor.ConsoleFile)
	}
	args = append(args, s.keyring()...)
	s.exists = true
	err := s.runtime(io.child, io.leftover, append(args, s.launch.ID)...)
	if err == nil || !shortOfKeys(err.Error(), args) {
		return err
	}
	report(err.Error() + "; once more with the keyring of the caller")
	s.delete()
	s.exists = true
	return s.runtime(io.child, io.leftover, append(args, noNewKeyring, s.launch.ID)...)
}

// start lets the created container's process run.
func (s *supervisor) start() *startError {
	return s.quiet("start", s.launch.ID)
}

// delete takes the runtime's state of the container away, and with it every process the container still has.
func (s *supervisor) delete() {
	if !s.exists {
		return
	}
	s.exists = false
	if err := s.quiet("delete", "--force", s.launch.ID); err != nil {
		report(err.Error())
	}
	s.hit("monitor.deleted")
}

// quiet runs a runtime verb whose output nobody but runtime.log wants.
func (s *supervisor) quiet(args ...string) *startError {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return failed(monitor.KindInternal, err)
	}
	defer null.Close()
	log, err := os.OpenFile(monitor.RuntimeLog, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return failed(monitor.KindInternal, err)
	}
	defer log.Close()
	return s.runtime([3]uintptr{null.Fd(), log.Fd(), log.Fd()}, func() string { return "" }, args...)
}

// readPID reads the pid that the runtime has written to a file.
func readPID(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, wrap("learn the pid", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0, wrap("learn the pid", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err == nil && pid <= 0 {
		err = errors.New("it is " + strconv.Itoa(pid))
	}
	return pid, wrap("learn the pid", err)
}
