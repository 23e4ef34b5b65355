package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// errnoName is the symbolic name of an error of the kernel, or "allowed" for none.
func errnoName(err error) string {
	var errno unix.Errno
	switch {
	case err == nil:
		return "allowed"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

// mounts reports type and options of each mount, and the size of /dev/shm.
func (r report) mounts() {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		r.set("mounts", errnoName(err))
		return
	}
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		f := strings.Fields(line)
		sep := slices.Index(f, "-")
		if sep < 6 || len(f) < sep+4 {
			continue
		}
		options := strings.Split(f[5], ",")
		slices.Sort(options)
		// The propagation is "private" when there is no optional field (proc_pid_mountinfo(5)).
		propagation := "private"
		if sep > 6 {
			propagation, _, _ = strings.Cut(f[6], ":")
		}
		r.set("mount."+f[4], f[sep+1]+" "+strings.Join(options, ",")+" "+propagation)
	}
	for _, path := range []string{"/dev", "/dev/shm"} {
		var st unix.Statfs_t
		if unix.Statfs(path, &st) == nil {
			r.set("size."+path, int64(st.Blocks)*st.Bsize)
		}
	}
}

// devices reports everything in /dev with kind, number and mode; what is below its directories is left out.
func (r report) devices() {
	for _, name := range list("/dev") {
		path := "/dev/" + name
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			r.set("dev."+name, errnoName(err))
			continue
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFLNK:
			target, _ := os.Readlink(path)
			r.set("dev."+name, "link to "+target)
		case unix.S_IFCHR, unix.S_IFBLK:
			r.set("dev."+name, fmt.Sprintf("%s %d:%d %04o", fileKind(st.Mode), unix.Major(st.Rdev), unix.Minor(st.Rdev), st.Mode&0o7777))
		default:
			r.set("dev."+name, fmt.Sprintf("%s %04o", fileKind(st.Mode), st.Mode&0o7777))
		}
	}
	node := "/tmp/probe-node"
	r.set("mknod.block", errnoName(unix.Mknod(node, unix.S_IFBLK|0o600, int(unix.Mkdev(8, 0)))))
	os.Remove(node)
	r.set("mknod.character", errnoName(unix.Mknod(node, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 1)))))
	os.Remove(node)
}

// paths reports how what must be hidden or kept from writing looks.
func (r report) paths() {
	for _, path := range []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
		"/sys/devices/virtual/powercap", "/sys/firmware", "/sys/fs/selinux",
	} {
		r.set("masked."+path, visible(path))
	}
	for i := range 256 {
		path := fmt.Sprintf("/sys/devices/system/cpu/cpu%d/thermal_throttle", i)
		if _, err := os.Lstat(path); err == nil {
			r.set("masked."+path, visible(path))
		}
	}
	for _, path := range []string{
		"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
		"/sys", "/sys/fs/cgroup",
	} {
		r.set("readonly."+path, writable(path))
	}
	for _, path := range []string{"/proc/kcore", "/proc/sys", "/sys"} {
		r.set("remount."+path, errnoName(unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_BIND, "")))
		r.set("unmount."+path, errnoName(unix.Unmount(path, unix.MNT_DETACH)))
	}
	r.set("write./", errnoName(create("/probe-file")))
	r.setRead("sysctl.ip_forward", "/proc/sys/net/ipv4/ip_forward")
	r.set("sysctl.write", errnoName(os.WriteFile("/proc/sys/kernel/shmmni", []byte("4096"), 0)))
	r.set("release_agent", errnoName(os.WriteFile("/sys/fs/cgroup/release_agent", []byte("/x"), 0)))
}

// visible says what a path shows: "absent", "null device", "empty directory", an error's name, or "open".
func visible(path string) string {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "absent"
	case err != nil:
		return errnoName(err)
	case st.IsDir():
		entries, err := os.ReadDir(path)
		if err != nil {
			return errnoName(err)
		}
		if len(entries) == 0 {
			return "empty directory"
		}
		return "open"
	}
	var raw unix.Stat_t
	if unix.Stat(path, &raw) == nil && raw.Mode&unix.S_IFMT == unix.S_IFCHR && raw.Rdev == unix.Mkdev(1, 3) {
		return "null device"
	}
	f, err := os.Open(path)
	if err != nil {
		return errnoName(err)
	}
	f.Close()
	return "open"
}

// writable says what opening for writing, or making a file in a directory, gives. A directory of procfs takes no files
// from anybody (ENOENT); there the mount itself says whether it can be written.
func writable(path string) string {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "absent"
	case err != nil:
		return errnoName(err)
	case unix.Access(path, unix.W_OK) == unix.EROFS:
		return "EROFS"
	case readOnlyMount(path):
		return "EROFS"
	case st.IsDir():
		return errnoName(create(path + "/probe-file"))
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		f.Close()
	}
	return errnoName(err)
}

// readOnlyMount reports whether the mount that path is on is read-only.
func readOnlyMount(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Flags&unix.ST_RDONLY != 0
}

func create(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(path)
}
