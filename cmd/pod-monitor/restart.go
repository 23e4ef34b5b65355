package main

import (
	"os"
	"strconv"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

const (
	firstPause = 100 * time.Millisecond // before the first try; each further one doubles it
	lastPause  = time.Minute
	settled    = 10 * time.Second // a container that ran so long starts again with firstPause
)

// wanted is the restart policy: whether a container that ended with code, after restarts tries, is started again.
func wanted(policy string, most uint, restarts int, code int) bool {
	switch policy {
	case "always", "unless-stopped":
		return true
	case "on-failure":
		return code != 0 && (most == 0 || uint(restarts) < most)
	}
	return false
}

// again asks the policy, unless a person has spoken.
func (s *supervisor) again(code int) bool {
	return !s.stopped() && wanted(s.launch.RestartPolicy, s.launch.RestartMax, s.restarts, code)
}

// stopped reports whether a person has ended the restart policy.
func (s *supervisor) stopped() bool {
	select {
	case <-s.clients.cancelled:
		return true
	default:
	}
	_, err := os.Lstat(monitor.StopFile)
	return err == nil
}

// pause takes the runtime's state away and waits before the next try. It reports false when that was cancelled.
func (s *supervisor) pause(wait time.Duration) bool {
	if err := s.record(&try{}, monitor.PhaseRestarting); err != nil {
		report(err.Error())
	}
	s.hit("monitor.restarting")
	s.delete()
	select {
	case <-time.After(wait):
	case <-s.clients.cancelled:
	case <-s.signals:
		return false
	}
	return !s.stopped()
}

// retry starts the container again. A try that cannot start is an end like others, with the code that a first start
// would have given the command.
func (s *supervisor) retry(code int) (*try, int) {
	s.restarts++
	s.event("restart", code)
	t, err := s.begin(false)
	if err == nil {
		return t, 0
	}
	report("restart: " + monitor.OneLine(err.Error()))
	code = 125
	switch err.kind {
	case monitor.KindNotFound:
		code = 127
	case monitor.KindNotExecutable:
		code = 126
	}
	now := time.Now()
	s.recordExit(monitor.ExitRecord{Serial: s.launch.Serial, Code: code, Started: now, Finished: now, Restarts: s.restarts})
	return nil, code
}

// event appends one line about the container to the events file.
func (s *supervisor) event(action string, code int) {
	s.appendEvent(s.launch.EventPrefix, action, code)
}

func (s *supervisor) appendEvent(prefix, action string, code int) {
	if s.launch.EventsFile == "" {
		return
	}
	line := prefix + `"status":"` + action + `","time":"` + time.Now().UTC().Format(time.RFC3339Nano) +
		`","containerExitCode":` + strconv.Itoa(code) + "}\n"
	fd, err := unix.Open(s.launch.EventsFile, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		report("write an event: " + err.Error())
		return
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(line)); err != nil {
		report("write an event: " + err.Error())
	}
}
