package oci

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/pkg/container"
)

// hostNamespace is the inode of a namespace of this test.
func hostNamespace(t *testing.T, name string) string {
	link, err := os.Readlink("/proc/self/ns/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// unified reports whether this machine has cgroup v2 alone.
func unified(t *testing.T) bool {
	var st unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &st); err != nil {
		t.Fatal(err)
	}
	return st.Type == unix.CGROUP2_SUPER_MAGIC
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// hasAll wants every one of the comma-separated words in the options of a mount.
func hasAll(t *testing.T, r report, mount, words string) {
	t.Helper()
	have := strings.FieldsFunc(r.Mounts[mount], func(c rune) bool { return c == ' ' || c == ',' })
	for _, w := range strings.Split(words, ",") {
		if !slices.Contains(have, w) {
			t.Errorf("%s is mounted as %q, want %s", mount, r.Mounts[mount], w)
		}
	}
}

// The rows of the default isolation, each seen from inside. The caller's umask must not matter.
func TestRuntimeGivesDefaultIsolation(t *testing.T) {
	for _, runtime := range runtimes(t) {
		t.Run(runtime, func(t *testing.T) {
			old := syscall.Umask(0o077)
			r := runProbe(t, runtime, nil)
			syscall.Umask(old)
			for _, ns := range []string{"mnt", "pid", "net", "ipc", "uts", "cgroup", "user"} {
				if r.Namespaces[ns] == "" || r.Namespaces[ns] == hostNamespace(t, ns) {
					t.Errorf("namespace %s is the host's: %q", ns, r.Namespaces[ns])
				}
			}
			for field, want := range map[string]string{
				"CapBnd": "00000000800405fb", "CapEff": "00000000800405fb", "CapPrm": "00000000800405fb",
				"CapInh": "0000000000000000", "CapAmb": "0000000000000000", "Seccomp": "2", "NoNewPrivs": "0", "Groups": "0", "Umask": "0022",
			} {
				equal(t, field, r.Status[field], want)
			}
			equal(t, "descriptors", r.FDs, []string{"0", "1", "2"})
			equal(t, "hostname", r.Hostname, "0123456789ab")
			equal(t, "directory", r.Cwd, "/")
			equal(t, "environment", r.Env, []string{
				"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=pod",
				probeEnv + "=1", "HOME=/root", "HOSTNAME=0123456789ab",
			})
			equal(t, "ping_group_range", r.Ping, "0 65535")
			checkDefaultFiles(t, r)
			checkDefaultAttempts(t, r)
		})
	}
}

func checkDefaultFiles(t *testing.T, r report) {
	dev := slices.DeleteFunc(r.Dev, func(n string) bool { return n == "core" }) // crun 1.8 adds a link to the masked /proc/kcore
	equal(t, "/dev", dev, []string{"fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"})
	for mount, words := range map[string]string{
		"/dev": "tmpfs,nosuid,mode=755,size=65536k", "/dev/pts": "devpts,nosuid,noexec,mode=620,ptmxmode=666", "/dev/mqueue": "mqueue,nosuid,nodev,noexec",
		"/dev/shm": "tmpfs,nosuid,nodev,noexec,size=65536k", "/proc": "proc,nosuid,nodev,noexec", "/sys": "sysfs,ro,nosuid,nodev,noexec",
		"/proc/sys": "ro", "/proc/bus": "ro", "/proc/irq": "ro", "/proc/fs": "ro",
	} {
		hasAll(t, r, mount, words)
	}
	for mount := range r.Mounts {
		// On a host with cgroup v1, /sys/fs/cgroup itself is an empty tmpfs that the runtime makes for the hierarchies.
		if strings.HasPrefix(mount, "/sys/fs/cgroup/") || mount == "/sys/fs/cgroup" && unified(t) {
			hasAll(t, r, mount, "ro,nosuid,nodev,noexec")
		}
	}
	equal(t, "mode of /dev/shm", r.Modes["/dev/shm"], "dtrwxrwxrwx")
	for p, text := range r.Visible {
		equal(t, "what is seen of "+p, text, "")
	}
}

func checkDefaultAttempts(t *testing.T, r report) {
	for attempt, want := range map[string]string{
		"write root": "", "write /tmp": "", "write /dev/shm": "", "socket AF_INET": "",
		"write /proc/sys": "EACCES", "mknod": "EPERM", "remount /proc/sys": "EPERM", "unmount masked": "EPERM",
		"mount": "EPERM", "unshare user": "EPERM", "setns": "EPERM", "socket AF_ALG": "EPERM", "socket AF_VSOCK": "EPERM", "clone3": "ENOSYS",
		"add_key": "EPERM", "keyctl": "EPERM", "bpf": "EPERM", "perf_event_open": "EPERM", "userfaultfd": "EPERM", "open_by_handle_at": "EPERM",
		"init_module": "EPERM", "kexec_load": "EPERM", "io_uring_setup": "EPERM",
	} {
		equal(t, attempt, r.Errors[attempt], want)
	}
	if unified(t) {
		equal(t, "mkdir /sys/fs/cgroup", r.Errors["mkdir /sys/fs/cgroup"], "EROFS")
	}
	if r.Errors["write /sys"] == "" || r.Errors["write sysrq"] == "" {
		t.Error("the machine's settings can be written")
	}
}

// What is asked for beyond the defaults, seen from inside.
func TestRuntimeGivesWhatWasAsked(t *testing.T) {
	cases := map[string]struct {
		change func(*container.Config, *Host)
		check  func(*testing.T, report)
	}{
		"read-only": {func(c *container.Config, h *Host) {
			c.Root.ReadOnly = true
			hosts := filepath.Join(h.Rootfs, "..", "hosts")
			os.WriteFile(hosts, nil, 0o644)
			h.Files = map[string]string{"/etc/hosts": hosts, "/run/.containerenv": hosts}
		}, func(t *testing.T, r report) {
			equal(t, "root", r.Errors["write root"], "EROFS")
			equal(t, "/tmp", r.Errors["write /tmp"], "")
			equal(t, "/etc/hosts", r.Errors["write /etc/hosts"], "EROFS")
			hasAll(t, r, "/run", "tmpfs,rw,nosuid,nodev")
			hasAll(t, r, "/run/.containerenv", "ro")
		}},
		"read-only without tmpfs": {func(c *container.Config, h *Host) { c.Root = container.Root{ReadOnly: true} }, func(t *testing.T, r report) {
			for _, p := range []string{"write root", "write /tmp", "write /dev", "write /dev/shm"} {
				equal(t, p, r.Errors[p], "EROFS")
			}
		}},
		"other user with a capability": {func(c *container.Config, h *Host) {
			h.User, c.Security.CapAdd = container.User{UID: 1000, GID: 1000, Groups: []uint32{7}, Home: "/"}, []string{"CAP_NET_ADMIN"}
		}, func(t *testing.T, r report) {
			equal(t, "bounding", r.Status["CapBnd"], "00000000800415fb")
			for _, set := range []string{"CapEff", "CapPrm", "CapInh", "CapAmb"} {
				equal(t, set, r.Status[set], "0000000000001000")
			}
			equal(t, "groups", r.Status["Groups"], "7 1000")
			equal(t, "root", r.Errors["write root"], "EACCES")
		}},
		"other user": {func(c *container.Config, h *Host) { h.User = container.User{UID: 1000, GID: 1000, Home: "/"} }, func(t *testing.T, r report) {
			equal(t, "effective", r.Status["CapEff"], "0000000000000000")
			equal(t, "bounding", r.Status["CapBnd"], "00000000800405fb")
		}},
		"privileged": {func(c *container.Config, h *Host) {
			c.Security.Privileged = true
			h.Devices = []string{"/dev/null", "/dev/fuse"}
		}, func(t *testing.T, r report) {
			equal(t, "effective", r.Status["CapEff"], "000001ffffffffff")
			equal(t, "seccomp", r.Status["Seccomp"], "0")
			hasAll(t, r, "/sys", "rw")
			equal(t, "cgroup", r.Errors["mkdir /sys/fs/cgroup"], "")
			equal(t, "fuse", r.Errors["write /dev/fuse"], "EPERM") // opened; a FUSE device takes no such text
		}},
		"host namespaces": {func(c *container.Config, h *Host) {
			c.Namespace = container.Namespace{PID: "host", UTS: "host", IPC: "host", Cgroup: "host"}
			c.Network.Mode = "host"
		}, func(t *testing.T, r report) {
			for _, ns := range []string{"pid", "net", "ipc", "uts", "cgroup"} {
				equal(t, ns, r.Namespaces[ns], hostNamespace(t, ns))
			}
			if unified(t) {
				equal(t, "cgroup", r.Errors["mkdir /sys/fs/cgroup"], "EROFS")
			}
			equal(t, "what is seen of /sys/firmware", r.Visible["/sys/firmware"], "")
			hasAll(t, r, "/sys", "ro")
		}},
		"security options": {func(c *container.Config, h *Host) {
			c.Security = container.Security{NoNewPrivileges: true, Seccomp: "unconfined", ProcOptions: []string{"hidepid=2"}, Sysctls: map[string]string{"kernel.shmmni": "7"}}
		}, func(t *testing.T, r report) {
			equal(t, "no_new_privs", r.Status["NoNewPrivs"], "1")
			equal(t, "seccomp", r.Status["Seccomp"], "0")
			hasAll(t, r, "/proc", "hidepid=invisible")
		}},
		"mounts": {func(c *container.Config, h *Host) {
			outside := filepath.Join(h.Rootfs, "..", "outside")
			os.MkdirAll(filepath.Join(outside, "inner"), 0o755)
			os.WriteFile(filepath.Join(outside, "file"), nil, 0o666)
			os.MkdirAll(filepath.Join(h.Rootfs, "kept"), 0o755)
			os.WriteFile(filepath.Join(h.Rootfs, "kept", "file"), nil, 0o666)
			h.RecursiveReadOnly = true
			c.Mounts = []container.Mount{
				{Type: container.MountBind, Source: outside, Destination: "/bind", ReadOnly: true},
				{Type: container.MountTmpfs, Destination: "/bind/inner"},
				{Type: container.MountTmpfs, Destination: "/kept"},
				{Type: container.MountTmpfs, Destination: "/scratch", Options: []string{"size=1m"}},
			}
			c.Devices = []container.Device{{Source: "/dev/fuse", Destination: "/dev/fuse", Permissions: "rw"}}
		}, func(t *testing.T, r report) {
			equal(t, "bind", r.Errors["write /bind/file"], "EROFS")
			hasAll(t, r, "/bind/inner", "tmpfs,rw")
			equal(t, "copied up", r.Errors["write /kept/file"], "")
			hasAll(t, r, "/scratch", "size=1024k,nosuid,nodev")
			equal(t, "mode of /scratch", r.Modes["/scratch"], "dtrwxrwxrwx")
			hasAll(t, r, "/dev/fuse", "nosuid,noexec")
		}},
		"made network": {func(c *container.Config, h *Host) {
			h.Namespaces = map[specs.LinuxNamespaceType]string{specs.NetworkNamespace: filepath.Join(filepath.Dir(h.Rootfs), "netns")}
		}, func(t *testing.T, r report) {
			equal(t, "ping_group_range", r.Ping, "0 65535")
			hasAll(t, r, "/sys", "sysfs,ro")
		}},
	}
	for _, runtime := range runtimes(t) {
		for name, c := range cases {
			t.Run(runtime+"/"+name, func(t *testing.T) { c.check(t, runProbe(t, runtime, c.change)) })
		}
	}
}

// A further process is no freer than the first one.
func TestRuntimeExecutesWithTheSameIsolation(t *testing.T) {
	for _, runtime := range runtimes(t) {
		t.Run(runtime, func(t *testing.T) {
			r := execProbe(t, runtime, ExecOptions{Workdir: "/tmp"})
			equal(t, "environment", r.Env, []string{probeEnv + "=1", "HOME=/root", "HOSTNAME=0123456789ab"})
			equal(t, "directory", r.Cwd, "/tmp")
			for field, want := range map[string]string{
				"CapBnd": "00000000800405fb", "CapEff": "00000000800405fb", "CapInh": "0000000000000000",
				"CapAmb": "0000000000000000", "Seccomp": "2", "Umask": "0022", "Groups": "0",
			} {
				equal(t, field, r.Status[field], want)
			}
			equal(t, "descriptors", r.FDs, []string{"0", "1", "2"})
			checkDefaultAttempts(t, r)

			r = execProbe(t, runtime, ExecOptions{User: &container.User{UID: 7, GID: 8, Groups: []uint32{9}, Home: "/h"}})
			equal(t, "ids", r.Status["Uid"]+" "+r.Status["Gid"]+" "+r.Status["Groups"], "7 7 7 7 8 8 8 8 8 9")
			equal(t, "effective", r.Status["CapEff"], "0000000000000000")
			equal(t, "home", r.Env[1], "HOME=/h")

			r = execProbe(t, runtime, ExecOptions{Privileged: true})
			equal(t, "effective", r.Status["CapEff"], "000001ffffffffff")
		})
	}
}
