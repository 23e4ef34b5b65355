package podtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// proc is one process as /proc shows it at one moment.
type proc struct {
	pid, parent int
	zombie      bool
	name        string // comm
	cmdline     string
}

// readProc reads one process; ok is false when there is none.
func readProc(pid int) (p proc, ok bool) {
	dir := "/proc/" + strconv.Itoa(pid)
	b, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return p, false
	}
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	fields := strings.Fields(string(b[end+1:]))
	p = proc{pid: pid, name: string(b[open+1 : end]), zombie: fields[0] == "Z" || fields[0] == "X"}
	p.parent, _ = strconv.Atoi(fields[1])
	line, err := os.ReadFile(dir + "/cmdline")
	if err != nil {
		return p, false
	}
	p.cmdline = strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
	return p, true
}

// descendants are all living processes below this one, in order of pid. Ended children of this process that nobody waits
// for (they came here because their parent ended) are reaped.
func descendants() ([]proc, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	all := make(map[int]proc)
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if p, ok := readProc(pid); ok {
				all[pid] = p
			}
		}
	}
	var found []proc
	for _, p := range all {
		if !below(all, p, os.Getpid()) {
			continue
		}
		if p.zombie {
			if p.parent == os.Getpid() {
				unix.Wait4(p.pid, nil, unix.WNOHANG, nil)
			}
			continue
		}
		found = append(found, p)
	}
	slices.SortFunc(found, func(a, b proc) int { return a.pid - b.pid })
	return found, nil
}

func below(all map[int]proc, p proc, ancestor int) bool {
	for p.parent > 0 {
		if p.parent == ancestor {
			return true
		}
		next, ok := all[p.parent]
		if !ok {
			return false
		}
		p = next
	}
	return false
}

// endDescendants kills until nothing is left: what dies may have been about to start another.
func endDescendants() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var left []proc
	err := Poll(ctx, func() (bool, error) {
		var err error
		if left, err = descendants(); err != nil {
			return false, err
		}
		for _, p := range left {
			unix.Kill(p.pid, unix.SIGKILL)
		}
		return len(left) == 0, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("processes do not end: %v", left)
	}
	return err
}

// Poll calls done at once and then every few milliseconds until it returns true or an error, or ctx ends.
func Poll(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Ended reports whether a process is gone or a zombie.
func Ended(pid int) bool {
	p, ok := readProc(pid)
	return !ok || p.zombie
}

// FirstNumber reads the first number in a file: the pid in a record or a lock.
func FirstNumber(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(regexp.MustCompile(`[0-9]+`).FindString(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s holds no number: %w", file, err)
	}
	return n, nil
}

// CommandLine is that of a process, its words separated by spaces; empty when there is none.
func CommandLine(pid int) string {
	p, _ := readProc(pid)
	return p.cmdline
}
