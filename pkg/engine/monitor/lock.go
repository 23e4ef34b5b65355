package monitor

import (
	"bytes"
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// ErrLocked says that a monitor holds the lock.
var ErrLocked = errors.New("its monitor runs")

// Lock opens (and makes, mode 0600) the lock file at path and locks it for a monitor that is to be started; ErrLocked if
// one runs already. The lock belongs to the open file and so to the monitor once the command has closed its copy.
//
// It is an open-file-description lock and not flock(2), because it can be asked about (Locked) without being taken: a
// question must never make a start fail.
func Lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	whole := unix.Flock_t{Type: unix.F_WRLCK}
	if err := fcntlLock(f, unix.F_OFD_SETLK, &whole); err != nil {
		f.Close()
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			err = ErrLocked
		}
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return f, nil
}

// Locked reports whether a monitor holds the lock at path, and its pid as the monitor wrote it into the file (0 while it
// has not). It takes no lock. A missing file is not locked.
func Locked(path string) (held bool, pid int, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false, 0, nil
	}
	if err != nil {
		return false, 0, err
	}
	defer f.Close()
	probe := unix.Flock_t{Type: unix.F_WRLCK}
	if err := fcntlLock(f, unix.F_OFD_GETLK, &probe); err != nil {
		return false, 0, &os.PathError{Op: "ask for the lock of", Path: path, Err: err}
	}
	if probe.Type == unix.F_UNLCK {
		return false, 0, nil
	}
	var text [16]byte
	n, _ := f.ReadAt(text[:], 0)
	line, _, _ := bytes.Cut(text[:n], []byte("\n"))
	pid, _ = strconv.Atoi(string(line))
	return true, pid, nil
}

// fcntlLock goes through SyscallConn because os.File.Fd would make the shared description blocking.
func fcntlLock(f *os.File, command int, lock *unix.Flock_t) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := conn.Control(func(fd uintptr) { result = unix.FcntlFlock(fd, command, lock) }); err != nil {
		return err
	}
	return result
}
