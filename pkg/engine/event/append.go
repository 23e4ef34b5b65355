package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/failpoint"
)

const (
	// maxSize is when the journal is rotated, in bytes; one older file is kept.
	maxSize = 1 << 20
	// maxEvent is the longest event that is kept whole, in bytes. Of a longer one the attributes are left out: labels may
	// be as long as the user likes.
	maxEvent = 64 << 10
	// lockWait is how long a lock may be held by others before the event is given up. They hold it for one write.
	lockWait = 10 * time.Second
)

// Append adds e to the journal at path, which is made if it is not there. A zero Time is set to now.
//
// The event is visible to readers when Append returns. An error means that it is not in the journal; what the event is
// about has happened all the same, so the caller should not fail because of it.
func Append(path string, e Event) error {
	return journal{path, maxSize, lockWait}.append(e)
}

// journal is a journal file, the size at which it is rotated and how long its lock is waited for.
type journal struct {
	path string
	size int64
	wait time.Duration
}

func (j journal) append(e Event) (err error) {
	f, err := j.lock()
	if err != nil {
		return fmt.Errorf("record the event %s %s in %q: %w", e.Type, e.Status, j.path, err)
	}
	defer func() {
		// Closing gives the lock up.
		if err = errors.Join(err, f.Close()); err != nil {
			err = fmt.Errorf("record the event %s %s in %q: %w", e.Type, e.Status, j.path, err)
		}
	}()
	if e.Time.IsZero() {
		e.Time = time.Now() // under the lock, so that the journal is in order
	}
	line, err := encode(e)
	if err != nil {
		return err
	}
	if err := failpoint.Hit("event.append"); err != nil {
		return err
	}
	return write(f, line)
}

func encode(e Event) ([]byte, error) {
	line, err := json.Marshal(e)
	if err == nil && len(line) > maxEvent {
		e.Attributes = nil
		line, err = json.Marshal(e)
	}
	return append(line, '\n'), err
}

// write appends line, or nothing. After a crash amid a write the file does not end in a newline; line must not become
// part of what was torn.
func write(f *os.File, line []byte) error {
	end, err := f.Seek(0, 2)
	if err != nil {
		return err
	}
	var last [1]byte
	if end > 0 {
		if _, err := f.ReadAt(last[:], end-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	if n, err := f.Write(line); err != nil {
		if n > 0 { // the disk became full
			err = errors.Join(err, f.Truncate(end))
		}
		return err
	}
	return nil
}

// lock opens the journal locked and with room for an event.
func (j journal) lock() (*os.File, error) {
	deadline := time.Now().Add(j.wait)
	for {
		f, err := os.OpenFile(j.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		usable, err := j.prepare(f, deadline)
		if usable {
			return f, nil
		}
		f.Close()
		if err != nil {
			return nil, err
		}
	}
}

// prepare locks f and reports whether it is to be written to. It is not when another process has rotated the journal
// meanwhile, or when it is full and was moved away.
func (j journal) prepare(f *os.File, deadline time.Time) (bool, error) {
	if err := flock(f, deadline); err != nil {
		return false, err
	}
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if current, err := os.Stat(j.path); err != nil || !os.SameFile(info, current) {
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return false, err
		}
		return false, nil
	}
	if info.Size() < j.size {
		return true, nil
	}
	if err := failpoint.Hit("event.rotate"); err != nil {
		return false, err
	}
	return false, os.Rename(j.path, j.path+".1")
}

// flock waits for the lock until deadline. It asks again and again: flock(2) has no time-out.
func flock(f *os.File, deadline time.Time) error {
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 5*time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("its lock is held by %s", holder(f))
		}
		time.Sleep(pause)
	}
}

// holder names the process that holds the lock on f, from proc_locks(5): nothing but events is written to the journal, so
// the holder cannot leave its name there.
func holder(f *os.File) string {
	const unknown = "another process"
	info, err := f.Stat()
	table, err2 := os.ReadFile("/proc/locks")
	if err != nil || err2 != nil {
		return unknown
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return unknown
	}
	file := fmt.Sprintf("%02x:%02x:%d", unix.Major(stat.Dev), unix.Minor(stat.Dev), stat.Ino)
	for line := range strings.Lines(string(table)) {
		// "1: FLOCK  ADVISORY  WRITE 31237 fe:00:802840 0 EOF"; of one that waits the second word is "->".
		words := strings.Fields(line)
		if len(words) > 5 && words[1] == "FLOCK" && words[5] == file && words[4] != "0" {
			return "process " + words[4]
		}
	}
	return unknown
}

// Prefix is the beginning of the line of e, to which a process that cannot encode JSON adds status, time and exit code: the
// text up to and including a comma.
func Prefix(e Event) (string, error) {
	line, err := json.Marshal(struct {
		Type       Type              `json:"type"`
		ID         string            `json:"id"`
		Name       string            `json:"name"`
		Image      string            `json:"image"`
		Attributes map[string]string `json:"attributes,omitempty"`
	}{e.Type, e.ID, e.Name, e.Image, e.Attributes})
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(string(line), "}") + ",", nil
}
