// Package process names processes safely: by pid together with start time and boot id, so that a pid that the
// kernel has given to somebody else is never taken for the one that was meant.
package process

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrGone says that the process meant has ended.
var ErrGone = errors.New("the process has ended")

// Identity names one process for all time on one machine.
type Identity struct {
	PID   int
	Start uint64 // clock ticks since boot, field 22 of proc_pid_stat(5)
	Boot  string // /proc/sys/kernel/random/boot_id
}

// BootID is the identity of the running kernel's boot.
func BootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b)), err
}

// Identify gives the identity of a living process.
func Identify(pid int) (Identity, error) {
	boot, err := BootID()
	if err != nil {
		return Identity{}, err
	}
	start, state, err := stat(pid)
	if err != nil || state == 'Z' || state == 'X' {
		return Identity{}, ErrGone
	}
	return Identity{PID: pid, Start: start, Boot: boot}, nil
}

// Alive reports whether exactly this process still runs. A zombie counts as ended.
func (id Identity) Alive() bool {
	now, err := Identify(id.PID)
	return err == nil && now == id
}

// Open gives a pidfd to exactly this process, or ErrGone. The caller closes it.
func (id Identity) Open() (int, error) {
	if id.PID <= 0 {
		return -1, ErrGone // nobody: a container that was between two processes
	}
	fd, err := unix.PidfdOpen(id.PID, 0)
	if err != nil {
		if errors.Is(err, unix.ESRCH) {
			return -1, ErrGone
		}
		return -1, err
	}
	// The descriptor pins whatever process has the pid now; if it is ours, it was ours when it was opened.
	if !id.Alive() {
		unix.Close(fd)
		return -1, ErrGone
	}
	return fd, nil
}

// Signal sends sig to exactly this process, or returns ErrGone.
func (id Identity) Signal(sig unix.Signal) error {
	fd, err := id.Open()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil {
		if errors.Is(err, unix.ESRCH) {
			return ErrGone
		}
		return err
	}
	return nil
}

// stat reads state and start time from /proc/PID/stat. The command name, field 2, may contain anything, so
// fields are counted from its closing parenthesis.
func stat(pid int) (start uint64, state byte, err error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, ErrGone
	}
	i := bytes.LastIndexByte(b, ')')
	fields := strings.Fields(string(b[i+1:]))
	if i < 0 || len(fields) < 20 {
		return 0, 0, errors.New("unreadable /proc/PID/stat")
	}
	start, err = strconv.ParseUint(fields[19], 10, 64)
	return start, fields[0][0], err
}
