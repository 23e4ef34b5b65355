package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// descriptors reports every open descriptor that this program did not open itself. The Go runtime opens an epoll and an
// event descriptor, close-on-exec; what was inherited is not close-on-exec.
func (r report) descriptors() {
	for fd := range 256 {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue
		}
		var st unix.Stat_t
		kind := "unknown"
		if unix.Fstat(fd, &st) == nil {
			kind = fileKind(st.Mode)
		}
		r.set("fd."+strconv.Itoa(fd), kind)
	}
}

func fileKind(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFCHR:
		return "character device"
	case unix.S_IFBLK:
		return "block device"
	case unix.S_IFIFO:
		return "pipe"
	case unix.S_IFSOCK:
		return "socket"
	case unix.S_IFLNK:
		return "link"
	}
	return "unknown"
}

func (r report) process() {
	r.set("pid", os.Getpid())
	r.set("uid", os.Getuid())
	r.set("gid", os.Getgid())
	groups, _ := os.Getgroups()
	r.set("groups", strings.Trim(fmt.Sprint(groups), "[]"))
	r.set("args", strings.Join(os.Args, " "))
	if dir, err := os.Getwd(); err == nil {
		r.set("cwd", dir)
	}
	mask := unix.Umask(0)
	unix.Umask(mask)
	r.set("umask", fmt.Sprintf("%04o", mask))
	r.setRead("oom_score_adj", "/proc/self/oom_score_adj")
	r.setRead("lsm", "/proc/self/attr/current")
	r.setRead("session", "/proc/self/sessionid")
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		r.set("env."+name, value)
	}
	r.status()
	r.limits()
}

// status reports the lines of proc_pid_status(5) that say what the process may do.
func (r report) status() {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		r.set("status", errnoName(err))
		return
	}
	keys := map[string]string{
		"CapInh": "caps.inheritable", "CapPrm": "caps.permitted", "CapEff": "caps.effective",
		"CapBnd": "caps.bounding", "CapAmb": "caps.ambient",
		"NoNewPrivs": "no_new_privs", "Seccomp": "seccomp",
	}
	for _, line := range strings.Split(string(b), "\n") {
		name, value, _ := strings.Cut(line, ":")
		if key, ok := keys[name]; ok {
			r.set(key, strings.TrimSpace(value))
		}
	}
}

func (r report) limits() {
	for _, l := range []struct {
		name string
		id   int
	}{
		{"core", unix.RLIMIT_CORE},
		{"cpu", unix.RLIMIT_CPU},
		{"fsize", unix.RLIMIT_FSIZE},
		{"nofile", unix.RLIMIT_NOFILE},
		{"nproc", unix.RLIMIT_NPROC},
		{"memlock", unix.RLIMIT_MEMLOCK},
		{"stack", unix.RLIMIT_STACK},
		{"rtprio", unix.RLIMIT_RTPRIO},
		{"nice", unix.RLIMIT_NICE},
	} {
		var limit unix.Rlimit
		// prlimit(2), since the Go runtime raises the soft limit of open files for itself and getrlimit would show that; the
		// standard library gives the original back to children only.
		if err := unix.Prlimit(0, l.id, nil, &limit); err == nil {
			r.set("rlimit."+l.name, limitName(limit.Max))
		}
	}
}

func limitName(n uint64) string {
	if n == unix.RLIM_INFINITY {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}

func (r report) namespaces() {
	for _, ns := range []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"} {
		link, err := os.Readlink("/proc/self/ns/" + ns)
		if err != nil {
			link = errnoName(err)
		}
		r.set("ns."+ns, link)
	}
	r.setRead("uid_map", "/proc/self/uid_map")
	r.setRead("gid_map", "/proc/self/gid_map")
	r.setRead("setgroups", "/proc/self/setgroups")
	r.setRead("cgroup", "/proc/self/cgroup")
	r.setRead("pids.max", "/sys/fs/cgroup/pids.max")
	host, _ := os.Hostname()
	r.set("hostname", host)
	r.setRead("domainname", "/proc/sys/kernel/domainname")
	for _, name := range list("/sys/class/net") {
		r.setRead("net."+name, "/sys/class/net/"+name+"/operstate")
	}
}

func list(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
