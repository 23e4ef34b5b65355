package filelock

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Stopped gives a process that has a lock, of whatever kind, on one of the files, and is stopped (SIGSTOP, Ctrl-Z): who waits for that lock waits
// until it is continued. 0: there is none. The files are not opened: that may end a lock of this process's own (fcntl(2)).
func Stopped(paths []string) (pid int) {
	files := map[string]bool{}
	for _, path := range paths {
		var st unix.Stat_t
		if unix.Lstat(path, &st) == nil {
			files[fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)] = true
		}
	}
	table, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(table)) {
		// "1: FLOCK  ADVISORY  WRITE 22667 fe:00:2064575 0 EOF"; of one who waits "1: -> FLOCK ..."
		f := strings.Fields(line)
		if len(f) < 6 || f[1] == "->" || !files[f[5]] {
			continue
		}
		if pid, err := strconv.Atoi(f[4]); err == nil && pid > 0 && isStopped(pid) {
			return pid
		}
	}
	return 0
}

func isStopped(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, ok := strings.Cut(string(text), ") ") // pod's names have no such thing in them
	return ok && strings.HasPrefix(state, "T")
}
