package main

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// oomWatch tells whether the kernel killed a process of the container's cgroup for memory. The cgroup may be taken away
// (by systemd) as soon as it is empty, so its counter is read at each change too, not only at the end.
type oomWatch struct {
	events *os.File
	poll   *os.File
	before int64
	newest atomic.Int64
}

// watchOOM watches the cgroup the process is in; nil when there is none that counts. root is where cgroups are mounted.
func watchOOM(root string, pid int) *oomWatch {
	if root == "" {
		return nil
	}
	// The runtime has chosen it: which one depends on its cgroup manager.
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return nil // it has ended already
	}
	_, path, ok := strings.Cut("\n"+string(text), "\n0::")
	path, _, _ = strings.Cut(path, "\n")
	if !ok || strings.HasPrefix(path, "/..") {
		return nil
	}
	fd, err := unix.Open(root+path+"/memory.events", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil // the memory controller is not there
	}
	w := &oomWatch{events: os.NewFile(uintptr(fd), "memory.events")}
	w.before, _ = w.count()
	w.newest.Store(w.before)
	w.follow(fd)
	return w
}

// follow reads the counter whenever the kernel says that it changed. It waits on an epoll descriptor in Go's own poller:
// neither a thread nor one of the few inotify instances of a user is spent on it.
func (w *oomWatch) follow(fd int) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return
	}
	event := unix.EpollEvent{Events: unix.EPOLLPRI | unix.EPOLLET, Fd: int32(fd)}
	if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &event); err != nil || unix.SetNonblock(poll, true) != nil {
		unix.Close(poll)
		return
	}
	w.poll = os.NewFile(uintptr(poll), "epoll")
	conn, err := w.poll.SyscallConn()
	if err != nil {
		return
	}
	go func() {
		var events [1]unix.EpollEvent
		for conn.Read(func(fd uintptr) bool {
			n, _ := unix.EpollWait(int(fd), events[:], 0)
			return n > 0
		}) == nil {
			if n, ok := w.count(); ok {
				w.newest.Store(n)
			}
		}
	}()
}

func (w *oomWatch) count() (int64, bool) {
	var text [512]byte
	n, err := w.events.ReadAt(text[:], 0)
	if n == 0 && err != nil {
		return 0, false
	}
	for _, line := range strings.Split(string(text[:n]), "\n") {
		if number, ok := strings.CutPrefix(line, "oom_kill "); ok {
			count, err := strconv.ParseInt(number, 10, 64)
			return count, err == nil
		}
	}
	return 0, false
}

// killed reports whether there was such a kill since watchOOM.
func (w *oomWatch) killed() bool {
	if w == nil {
		return false
	}
	if n, ok := w.count(); ok {
		return n > w.before
	}
	return w.newest.Load() > w.before
}

func (w *oomWatch) close() {
	if w == nil {
		return
	}
	if w.poll != nil {
		w.poll.Close()
	}
	w.events.Close()
}

// oomGuard makes the kernel prefer every process of the container over its monitor when memory is short. It is lowered
// only while no program is started, since programs inherit it; without the privilege nothing is changed.
type oomGuard struct {
	usual   string // what to go back to
	refused bool
}

const oomFile = "/proc/self/oom_score_adj"

func (g *oomGuard) raise() {
	if g.refused || g.usual != "" {
		return
	}
	usual, err := os.ReadFile(oomFile)
	score, _ := strconv.Atoi(strings.TrimSpace(string(usual)))
	if err != nil || score <= -900 || os.WriteFile(oomFile, []byte("-900"), 0) != nil {
		g.refused = true
		return
	}
	g.usual = strings.TrimSpace(string(usual))
}

// drop goes back to the usual score before programs are started.
func (g *oomGuard) drop() {
	if g.usual == "" {
		return
	}
	if err := os.WriteFile(oomFile, []byte(g.usual), 0); err != nil {
		report("restore the monitor's OOM score: " + err.Error())
	}
	g.usual = ""
}
