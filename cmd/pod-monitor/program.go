package main

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/pod-engine/pod/pkg/engine/monitor"

	"golang.org/x/sys/unix"
)

// maxOutput bounds what is kept of a program's messages, in bytes.
const maxOutput = 8 << 10

// program runs argv to its end with nothing on its stdin. Its stdout and stderr go to the descriptor given, or, when that
// is -1, into a file whose end is in the error when the program fails. A file and not a pipe: what the program leaves
// running may keep it open.
func (s *supervisor) program(attempt string, argv []string, output int) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return wrap(attempt, err)
	}
	defer null.Close()
	messages := -1
	if output < 0 {
		messages, err = unix.MemfdCreate("messages", unix.MFD_CLOEXEC)
		if err != nil {
			return wrap(attempt, err)
		}
		defer unix.Close(messages)
		output = messages
	}
	_, ended, err := s.reaper.start(argv, &syscall.ProcAttr{
		Env: s.launch.Env, Files: []uintptr{null.Fd(), uintptr(output), uintptr(output)},
	})
	if err != nil {
		return wrap(attempt, err)
	}
	if status := <-ended; status != 0 {
		text := describe(status)
		if messages >= 0 {
			text = monitor.OneLine(tail(messages)) + " (" + text + ")"
		}
		return wrap(attempt, errors.New(argv[0]+": "+strings.TrimSpace(text)))
	}
	return nil
}

// tail reads the end of what was written to fd.
func tail(fd int) string {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return ""
	}
	text := make([]byte, min(stat.Size, maxOutput))
	n, err := unix.Pread(fd, text, stat.Size-int64(len(text)))
	if err != nil {
		return ""
	}
	return string(text[:n])
}

// describe says how a program ended.
func describe(status unix.WaitStatus) string {
	if status.Signaled() {
		return "ended by signal " + strconv.Itoa(int(status.Signal()))
	}
	return "exit status " + strconv.Itoa(status.ExitStatus())
}
