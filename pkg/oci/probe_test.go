package oci

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// probeEnv makes this test binary, copied into a container, report what it sees instead of running tests.
const probeEnv = "POD_OCI_PROBE"

func TestMain(m *testing.M) {
	if os.Getenv(probeEnv) != "" {
		if err := json.NewEncoder(os.Stdout).Encode(probe()); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// report is what a container sees of itself.
type report struct {
	Status     map[string]string // fields of /proc/self/status
	Namespaces map[string]string
	Mounts     map[string]string // mount point -> "type options"
	Dev        []string
	FDs        []string
	Env        []string
	Hostname   string
	Cwd        string
	Args       []string
	Umask      int
	Nofile     unix.Rlimit
	Ping       string
	Visible    map[string]string // masked path -> what can be read of it
	Errors     map[string]string // attempt -> errno, "" when it succeeded
}

func probe() report {
	r := report{Status: status(), Namespaces: make(map[string]string), Mounts: mountTable(), Args: os.Args, Visible: make(map[string]string)}
	for _, e := range list("/proc/self/ns") {
		r.Namespaces[e], _ = os.Readlink("/proc/self/ns/" + e)
	}
	r.Dev, r.FDs, r.Env = list("/dev"), openDescriptors(), os.Environ()
	r.Hostname, _ = os.Hostname()
	r.Cwd, _ = os.Getwd()
	r.Umask = syscall.Umask(0)
	unix.Getrlimit(unix.RLIMIT_NOFILE, &r.Nofile)
	ping, _ := os.ReadFile("/proc/sys/net/ipv4/ping_group_range")
	r.Ping = strings.Join(strings.Fields(string(ping)), " ")
	for _, p := range maskedPaths() {
		r.Visible[p] = visible(p)
	}
	r.Errors = attempts()
	return r
}

func status() map[string]string {
	out := make(map[string]string)
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		if k, v, ok := strings.Cut(line, ":"); ok {
			out[k] = strings.Join(strings.Fields(v), " ")
		}
	}
	return out
}

func mountTable() map[string]string {
	out := make(map[string]string)
	text, _ := os.ReadFile("/proc/self/mountinfo")
	for _, line := range strings.Split(string(text), "\n") {
		if f := strings.Fields(line); len(f) > 9 {
			_, tail, _ := strings.Cut(line, " - ")
			t := strings.Fields(tail)
			out[f[4]] = t[0] + " " + f[5] + " " + t[2]
		}
	}
	return out
}

func list(dir string) []string {
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// openDescriptors leaves out what this program opened itself: Go's poller and the directory being read.
func openDescriptors() []string {
	var out []string
	for _, n := range list("/proc/self/fd") {
		target, err := os.Readlink("/proc/self/fd/" + n)
		if err == nil && !strings.HasPrefix(target, "anon_inode:") && !strings.HasPrefix(target, "/proc/") {
			out = append(out, n)
		}
	}
	return out
}

func visible(p string) string {
	st, err := os.Stat(p)
	if err != nil {
		return ""
	}
	if st.IsDir() {
		return strings.Join(list(p), " ")
	}
	text, _ := os.ReadFile(p)
	return string(text)
}

func errno(err error) string {
	var e syscall.Errno
	if errors.As(err, &e) {
		return unix.ErrnoName(e)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func call(nr uintptr, args ...uintptr) string {
	var a [6]uintptr
	copy(a[:], args)
	_, _, e := syscall.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	if e != 0 {
		return errno(e)
	}
	return ""
}

func attempts() map[string]string {
	write := func(p, text string) string {
		f, err := os.OpenFile(p, os.O_WRONLY, 0)
		if err != nil {
			return errno(err)
		}
		defer f.Close()
		_, err = f.WriteString(text)
		return errno(err)
	}
	socket := func(family int) string {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
		}
		return errno(err)
	}
	out := map[string]string{
		"write /proc/sys":      write("/proc/sys/kernel/domainname", "x"),
		"write sysrq":          write("/proc/sysrq-trigger", "h"),
		"write /sys":           write("/sys/kernel/mm/transparent_hugepage/enabled", "always"),
		"mkdir /sys/fs/cgroup": errno(os.Mkdir("/sys/fs/cgroup/pod-probe", 0o755)),
		"mknod":                errno(unix.Mknod("/dev/shm/disk", unix.S_IFBLK|0o600, int(unix.Mkdev(8, 0)))),
		"remount /proc/sys":    errno(unix.Mount("", "/proc/sys", "", unix.MS_REMOUNT|unix.MS_BIND, "")),
		"unmount masked":       errno(unix.Unmount("/proc/kcore", unix.MNT_DETACH)),
		"write root":           errno(os.WriteFile("/written", []byte("x"), 0o644)),
		"write /tmp":           errno(os.WriteFile("/tmp/written", []byte("x"), 0o644)),
		"write /dev/shm":       errno(os.WriteFile("/dev/shm/written", []byte("x"), 0o644)),
		"write /dev":           errno(os.WriteFile("/dev/written", []byte("x"), 0o644)),
		"socket AF_ALG":        socket(unix.AF_ALG),
		"socket AF_VSOCK":      socket(unix.AF_VSOCK),
		"socket AF_INET":       socket(unix.AF_INET),
		"clone3":               call(unix.SYS_CLONE3, 0, 0),
		"add_key":              call(unix.SYS_ADD_KEY, 0, 0, 0, 0, 0),
		"keyctl":               call(unix.SYS_KEYCTL, 0, 0, 0),
		"bpf":                  call(unix.SYS_BPF, 0, 0, 0),
		"perf_event_open":      call(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, 0, 0),
		"userfaultfd":          call(unix.SYS_USERFAULTFD, 0),
		"unshare user":         call(unix.SYS_UNSHARE, unix.CLONE_NEWUSER),
		"setns":                call(unix.SYS_SETNS, 0, 0),
		"open_by_handle_at":    call(unix.SYS_OPEN_BY_HANDLE_AT, 0, 0, 0),
		"init_module":          call(unix.SYS_INIT_MODULE, 0, 0, 0),
		"kexec_load":           call(unix.SYS_KEXEC_LOAD, 0, 0, 0, 0),
		"io_uring_setup":       call(unix.SYS_IO_URING_SETUP, 0, 0),
		"mount":                call(unix.SYS_MOUNT, 0, 0, 0, 0, 0),
	}
	for _, mark := range []string{"/bind/outer", "/bind/inner/file"} {
		out["write "+mark] = write(filepath.Clean(mark), "x")
	}
	return out
}
