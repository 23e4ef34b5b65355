package main

import (
	"os"
	"strconv"
	"strings"
)

// namespace gives the inode number of one of the process's namespaces, "" when it has no process.
func (r psRow) namespace(kind string) string {
	if r.c.State.PID == 0 {
		return ""
	}
	// The process may have ended since the list was made; then there is nothing to show.
	link, _ := os.Readlink("/proc/" + strconv.Itoa(r.c.State.PID) + "/ns/" + kind)
	_, inode, _ := strings.Cut(strings.TrimSuffix(link, "]"), ":[")
	return inode
}

// CGROUPNS is the cgroup namespace's inode number.
func (r psRow) CGROUPNS() string { return r.namespace("cgroup") }

// IPC is the IPC namespace's.
func (r psRow) IPC() string { return r.namespace("ipc") }

// MNT is the mount namespace's.
func (r psRow) MNT() string { return r.namespace("mnt") }

// NET is the network namespace's.
func (r psRow) NET() string { return r.namespace("net") }

// PIDNS is the pid namespace's.
func (r psRow) PIDNS() string { return r.namespace("pid") }

// USERNS is the user namespace's.
func (r psRow) USERNS() string { return r.namespace("user") }

// UTS is the UTS namespace's.
func (r psRow) UTS() string { return r.namespace("uts") }
