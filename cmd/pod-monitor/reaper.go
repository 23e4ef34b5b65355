package main

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// reaper waits for all children: those started here, and those that the kernel hands to the subreaper (the container's
// process, network helpers, orphans of the container). It is the only one to call wait4.
type reaper struct {
	mu        sync.Mutex
	waiting   map[int]chan unix.WaitStatus
	adoptions []*adoption
	child     *sync.Cond // signalled when there may be a child again, or when there is none
	none      bool       // there is no child
	began     int        // counts what was expected, to tell an old "no child" from a new one
}

// adoption keeps the statuses of strangers while a runtime runs: the process that it makes may end before anybody could
// learn its pid.
type adoption struct{ kept map[int]unix.WaitStatus }

func newReaper() *reaper {
	r := &reaper{waiting: map[int]chan unix.WaitStatus{}, none: true}
	r.child = sync.NewCond(&r.mu)
	go r.loop()
	return r
}

func (r *reaper) loop() {
	for {
		r.mu.Lock()
		for r.none {
			r.child.Wait()
		}
		began := r.began
		r.mu.Unlock()
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		r.mu.Lock()
		switch {
		case errors.Is(err, unix.ECHILD) && r.began == began:
			r.lose()
			r.none = true
			r.child.Broadcast()
		case err == nil:
			r.ended(pid, status)
		}
		r.mu.Unlock()
	}
}

func (r *reaper) ended(pid int, status unix.WaitStatus) {
	if waiting, ok := r.waiting[pid]; ok {
		waiting <- status
		delete(r.waiting, pid)
		return
	}
	for _, a := range r.adoptions {
		a.kept[pid] = status
	}
}

// lose answers for expected processes when there is no child: a runtime gave a pid that is not below this process.
func (r *reaper) lose() {
	for pid, waiting := range r.waiting {
		report("process " + strconv.Itoa(pid) + " is not a child of the monitor; how it ended cannot be known")
		waiting <- unix.WaitStatus(255 << 8)
		delete(r.waiting, pid)
	}
}

// start starts a program and gives its pid and where its status will come.
func (r *reaper) start(argv []string, attr *syscall.ProcAttr) (int, <-chan unix.WaitStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := syscall.ForkExec(argv[0], argv, attr)
	if err != nil {
		return 0, nil, &os.PathError{Op: "execute", Path: argv[0], Err: err}
	}
	return pid, r.expect(pid), nil
}

func (r *reaper) expect(pid int) <-chan unix.WaitStatus {
	ended := make(chan unix.WaitStatus, 1)
	r.waiting[pid] = ended
	r.began++
	r.none = false
	r.child.Broadcast()
	return ended
}

// await gives where the status of a child that nobody started here will come.
func (r *reaper) await(pid int) <-chan unix.WaitStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.expect(pid)
}

// adopt keeps the statuses of strangers until disown.
func (r *reaper) adopt() *adoption {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := &adoption{kept: map[int]unix.WaitStatus{}}
	r.adoptions = append(r.adoptions, a)
	return a
}

// claim gives where the status of pid, which came through a runtime that was started after a, will come or has come, and
// whether it has.
func (r *reaper) claim(a *adoption, pid int) (ended <-chan unix.WaitStatus, already bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if status, ok := a.kept[pid]; ok {
		done := make(chan unix.WaitStatus, 1)
		done <- status
		return done, true
	}
	return r.expect(pid), false
}

// disown forgets the statuses kept in a.
func (r *reaper) disown(a *adoption) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.adoptions = slices.DeleteFunc(r.adoptions, func(other *adoption) bool { return other == a })
}

// endAll ends every child that is left: network helpers, and what a container without a process namespace of its own
// left behind. It returns when there is none, at the latest soon after grace and SIGKILL.
func (r *reaper) endAll(grace time.Duration) {
	gone := make(chan struct{})
	go func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		// With orphans only, the loop may sleep: let it look.
		r.began++
		r.none = false
		r.child.Broadcast()
		for !r.none {
			r.child.Wait()
		}
		close(gone)
	}()
	for _, round := range []struct {
		signal unix.Signal
		wait   time.Duration
	}{{unix.SIGTERM, grace}, {unix.SIGKILL, time.Second}, {unix.SIGKILL, time.Second}} {
		for _, pid := range children() {
			unix.Kill(pid, round.signal)
		}
		select {
		case <-gone:
			return
		case <-time.After(round.wait):
		}
	}
}

// children lists the pids of this process's children. A child that ends stays a zombie until the reaper has it, and a
// fresh pid is not given twice within that moment.
func children() (pids []int) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil
	}
	for _, thread := range threads {
		text, err := os.ReadFile("/proc/self/task/" + thread.Name() + "/children")
		if err != nil {
			return childrenByParent()
		}
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// childrenByParent serves kernels without CONFIG_PROC_CHILDREN.
func childrenByParent() (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// exitCode is what a shell would say about status.
func exitCode(status unix.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
