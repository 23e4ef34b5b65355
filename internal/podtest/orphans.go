package podtest

import (
	"bytes"
	"os"
	"os/signal"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// reapOrphans waits, as an init process does, for the processes of containers that became children of this one: what
// "exec -d" started, for example. While such a one is a zombie, its pid namespace cannot end, and the container neither.
func reapOrphans() (stop func()) {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	go func() {
		for range ended {
			reapForeign()
		}
	}()
	return sync.OnceFunc(func() {
		signal.Stop(ended)
		close(ended)
	})
}

// reapForeign reaps ended children that are in a pid namespace below this one. No child that the test itself waits for is.
func reapForeign() {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, ok := readProc(pid); ok && p.zombie && p.parent == os.Getpid() && inside(pid) {
			unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}

// inside reports whether a process has a pid in a namespace below this one too.
func inside(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return false
	}
	_, rest, _ := bytes.Cut(b, []byte("\nNSpid:"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return len(bytes.Fields(line)) > 1
}
