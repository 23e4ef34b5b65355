//go:build failpoint

// Package failpoint names every state transition, so that tests can make a process fail or die there.
// This is the test build: POD_FAILPOINT="NAME=kill|stop|error[,NAME=...]" says what happens where, and
// POD_FAILPOINT_TRACE=FILE appends the name of every transition passed.
package failpoint

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Hit marks the transition called name and does what POD_FAILPOINT says about it: "kill" ends the process with
// SIGKILL, "stop" stops it with SIGSTOP, "error" returns an error.
func Hit(name string) error {
	trace(name)
	for _, term := range strings.Split(os.Getenv("POD_FAILPOINT"), ",") {
		point, action, ok := strings.Cut(term, "=")
		if !ok || point != name {
			continue
		}
		switch action {
		case "kill":
			syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
			select {}
		case "stop":
			// This thread itself, so that it does not go on for a moment while another one takes the signal.
			runtime.LockOSThread()
			unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGSTOP)
			runtime.UnlockOSThread()
		case "error":
			return errors.New("failpoint " + name)
		}
	}
	return nil
}

// Patience is how long to wait for another process: usual, or POD_FAILPOINT_PATIENCE, such as "1s", so that a test need not
// sit through it.
func Patience(usual time.Duration) time.Duration {
	if told, err := time.ParseDuration(os.Getenv("POD_FAILPOINT_PATIENCE")); err == nil {
		return told
	}
	return usual
}

func trace(name string) {
	path := os.Getenv("POD_FAILPOINT_TRACE")
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return
	}
	defer f.Close()
	f.WriteString(name + "\n")
}
