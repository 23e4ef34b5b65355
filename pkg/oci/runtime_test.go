package oci

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/pod-engine/pod/pkg/container"
)

// runtimes gives the OCI runtimes to try; without a user namespace with subordinate ids there is nothing to try.
func runtimes(t *testing.T) []string {
	t.Helper()
	if os.Getuid() == 0 {
		t.Skip("needs an unprivileged user with subordinate ids; this is root")
	}
	if out, err := inUserNamespace("true").CombinedOutput(); err != nil {
		t.Skipf("needs a user namespace with subordinate ids: %v: %s", err, out)
	}
	self, err := elf.Open(selfPath(t))
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	if libs, _ := self.ImportedLibraries(); len(libs) > 0 {
		t.Skip("needs a static test binary to put into a container; build it with CGO_ENABLED=0")
	}
	var found []string
	for _, name := range []string{"crun", "runc"} {
		if _, err := exec.LookPath(name); err == nil {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		t.Skip("needs crun or runc")
	}
	return found
}

func selfPath(t *testing.T) string {
	p, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func inUserNamespace(args ...string) *exec.Cmd {
	return exec.Command("unshare", append([]string{"--user", "--map-auto", "--map-root-user", "--mount", "--fork", "--"}, args...)...)
}

// realHost is this machine as a rootless user sees it.
func realHost(rootfs string) Host {
	h := testHost()
	h.Rootfs = rootfs
	h.Files = nil
	h.Controllers = nil
	h.CgroupsPath = ""
	h.Rlimits = nil
	h.GIDs = []IDRange{{0, 65536}} // what unshare --map-auto makes of a range of 65536
	h.UIDs = h.GIDs
	return h
}

// runProbe runs the probe in a container and gives what it saw.
func runProbe(t *testing.T, runtime string, change func(*container.Config, *Host)) report {
	t.Helper()
	dir := t.TempDir()
	for p := dir; p != "/tmp" && p != "/"; p = filepath.Dir(p) {
		os.Chmod(p, 0o755)
	}
	rootfs := filepath.Join(dir, "rootfs")
	for _, d := range []string{"proc", "sys", "dev", "tmp", "etc", "run", "var/tmp", "bind", "bind/inner"} {
		if err := os.MkdirAll(filepath.Join(rootfs, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	copyFile(t, selfPath(t), filepath.Join(rootfs, "probe"))
	cfg, host := testConfig(), realHost(rootfs)
	cfg.Process.Entrypoint, cfg.Process.Args = []string{"/probe"}, nil
	cfg.Process.Env = append(cfg.Process.Env, probeEnv+"=1")
	cfg.Network.Mode = "none"
	cfg.Resources.Cgroups = "enabled"
	if change != nil {
		change(cfg, &host)
	}
	spec, err := Spec(cfg, host)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("pod-oci-%d-%s", os.Getpid(), filepath.Base(filepath.Dir(dir)))
	// A network namespace made beforehand, as the engine makes one; only some cases join it.
	netns := filepath.Join(dir, "netns")
	os.WriteFile(netns, nil, 0o644)
	cmd := inUserNamespace("sh", "-c", `unshare --net="$0" true && exec "$@"`, netns, runtime, "--root", filepath.Join(dir, "state"), "run", "--bundle", dir, id)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v: %s", cmd, err, stderr.String())
	}
	var r report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s", err, stdout.String())
	}
	return r
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// hostNamespace is the inode of a namespace of this test.
func hostNamespace(t *testing.T, name string) string {
	link, err := os.Readlink("/proc/self/ns/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return link
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
			for field, want := range map[string]string{"CapBnd": "00000000800405fb", "CapEff": "00000000800405fb", "CapPrm": "00000000800405fb",
				"CapInh": "0000000000000000", "CapAmb": "0000000000000000", "Seccomp": "2", "NoNewPrivs": "0", "Groups": "0", "Umask": "0022"} {
				equal(t, field, r.Status[field], want)
			}
			equal(t, "descriptors", r.FDs, []string{"0", "1", "2"})
			equal(t, "hostname", r.Hostname, "0123456789ab")
			equal(t, "directory", r.Cwd, "/")
			equal(t, "environment", r.Env, []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=pod",
				probeEnv + "=1", "HOME=/root", "HOSTNAME=0123456789ab"})
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
		"/sys/fs/cgroup": "ro,nosuid,nodev,noexec", "/proc/sys": "ro", "/proc/bus": "ro", "/proc/irq": "ro", "/proc/fs": "ro",
	} {
		hasAll(t, r, mount, words)
	}
	equal(t, "mode of /dev/shm", r.Modes["/dev/shm"], "dtrwxrwxrwx")
	for p, text := range r.Visible {
		equal(t, "what is seen of "+p, text, "")
	}
}

func checkDefaultAttempts(t *testing.T, r report) {
	for attempt, want := range map[string]string{
		"write root": "", "write /tmp": "", "write /dev/shm": "", "socket AF_INET": "",
		"write /proc/sys": "EACCES", "mkdir /sys/fs/cgroup": "EROFS", "mknod": "EPERM", "remount /proc/sys": "EPERM", "unmount masked": "EPERM",
		"mount": "EPERM", "unshare user": "EPERM", "setns": "EPERM", "socket AF_ALG": "EPERM", "socket AF_VSOCK": "EPERM", "clone3": "ENOSYS",
		"add_key": "EPERM", "keyctl": "EPERM", "bpf": "EPERM", "perf_event_open": "EPERM", "userfaultfd": "EPERM", "open_by_handle_at": "EPERM",
		"init_module": "EPERM", "kexec_load": "EPERM", "io_uring_setup": "EPERM",
	} {
		equal(t, attempt, r.Errors[attempt], want)
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
			hasAll(t, r, "/sys/fs/cgroup", "rw")
			equal(t, "fuse", r.Errors["write /dev/fuse"], "EPERM") // opened; a FUSE device takes no such text
		}},
		"host namespaces": {func(c *container.Config, h *Host) {
			c.Namespace = container.Namespace{PID: "host", UTS: "host", IPC: "host", Cgroup: "host"}
			c.Network.Mode = "host"
		}, func(t *testing.T, r report) {
			for _, ns := range []string{"pid", "net", "ipc", "uts", "cgroup"} {
				equal(t, ns, r.Namespaces[ns], hostNamespace(t, ns))
			}
			equal(t, "cgroup", r.Errors["mkdir /sys/fs/cgroup"], "EROFS")
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
			c.Mounts = []container.Mount{{Type: container.MountBind, Source: outside, Destination: "/bind", ReadOnly: true},
				{Type: container.MountTmpfs, Destination: "/bind/inner"}, {Type: container.MountTmpfs, Destination: "/kept"}, {Type: container.MountTmpfs, Destination: "/scratch", Options: []string{"size=1m"}}}
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
