package rootless

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// testFacts is a healthy machine of user ann, 1001, with the given files. A test changes what it is about.
func testFacts(t *testing.T, files map[string]string) Facts {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Facts{
		Root: root, UID: 1001, GID: 1001, User: "ann", Kernel: "6.1.0-18-amd64",
		DataDir: "/", StoreDir: "/", RuntimeDir: "/run/user/1001",
		Env:    func(string) string { return "/run/user/1001" },
		Tool:   func(name string) (Tool, error) { return Tool{Path: "/usr/bin/" + name, SetUID: true}, nil },
		Output: func(_ context.Context, path string, _ ...string) (string, error) { return "version 1\nmore", nil },
		FileSystem: func(string) (FileSystem, error) {
			return FileSystem{Free: 1 << 40, Inodes: 1 << 30, FreeInodes: 1 << 29}, nil
		},
		Usable: func(string) error { return nil },
		Holder: func() (int, []IDMapping, error) { return 0, nil, nil },
		Probe:  func(context.Context, string, string) ProbeResult { return ProbeResult{} },
	}
}

func healthyFiles() map[string]string {
	return map[string]string{
		"/etc/os-release":                               "NAME=\"X\"\nID=mine\nID_LIKE=\"rhel fedora\"\n",
		"/etc/subuid":                                   "ann:100000:65536\nbob:165536:65536\n",
		"/etc/subgid":                                   "1001:100000:65536\n",
		"/proc/self/status":                             "Name:\tpod\nNoNewPrivs:\t0\n",
		"/proc/self/cgroup":                             "0::/user.slice/user-1001.slice/user@1001.service/app.slice/x.scope\n",
		"/proc/self/ns/user":                            "",
		"/proc/sys/user/max_user_namespaces":            "30000\n",
		"/proc/sys/net/ipv4/ping_group_range":           "0\t2147483647\n",
		"/proc/sys/net/ipv4/ip_unprivileged_port_start": "1024\n",
		"/proc/sys/kernel/keys/maxkeys":                 "200\n",
		"/proc/key-users":                               "    0:   100 99/99 90/1000000 1000/25000000\n 1001:     5 5/5 5/200 50/20000\n",
		"/run/systemd/system/x":                         "",
		"/run/user/1001/bus":                            "",
		"/run/user/1001/systemd/private":                "",
		"/var/lib/systemd/linger/ann":                   "",
		"/sys/fs/cgroup/cgroup.controllers":             "cpuset cpu io memory pids\n",
		"/sys/fs/cgroup/user.slice/user-1001.slice/user@1001.service/cgroup.controllers": "cpuset cpu io memory pids\n",
	}
}

func TestHealthyMachine(t *testing.T) {
	findings := Diagnose(t.Context(), testFacts(t, healthyFiles()))
	for _, f := range findings {
		if f.Status != OK || f.Fix != "" || f.Text == "" || strings.Contains(f.Text, "\n") {
			t.Errorf("%+v", f)
		}
	}
	if len(findings) < 22 {
		t.Errorf("only %d findings", len(findings))
	}
}

func TestRootNeedsNoRanges(t *testing.T) {
	f := testFacts(t, healthyFiles())
	f.UID, f.User = 0, "root"
	for _, finding := range Diagnose(t.Context(), f) {
		if strings.HasPrefix(finding.Check, "sub") || finding.Check == "holder" {
			t.Errorf("%+v", finding)
		}
	}
}

// Each row breaks one thing and names the one finding that must tell, with a part of its text and of its fix.
func TestBrokenMachine(t *testing.T) {
	const ping = "/proc/sys/net/ipv4/ping_group_range"
	missing := func(names ...string) func(*Facts) {
		return func(f *Facts) {
			tool := f.Tool
			f.Tool = func(name string) (Tool, error) {
				if strings.Contains(" "+strings.Join(names, " ")+" ", " "+name+" ") {
					return Tool{}, exec.ErrNotFound
				}
				return tool(name)
			}
		}
	}
	probe := func(step byte, errno unix.Errno) func(*Facts) {
		return func(f *Facts) {
			f.Probe = func(context.Context, string, string) ProbeResult { return ProbeResult{Step: step, Err: errno} }
		}
	}
	fileSystem := func(fs FileSystem) func(*Facts) {
		return func(f *Facts) { f.FileSystem = func(string) (FileSystem, error) { return fs, nil } }
	}
	for name, tt := range map[string]struct {
		files  map[string]string // replace; a value "-" removes
		change func(*Facts)
		check  string
		status Status
		text   string
		fix    string
	}{
		"old kernel":       {nil, func(f *Facts) { f.Kernel = "5.12.0" }, "kernel", Failure, "too old", "5.13"},
		"very old kernel":  {nil, func(f *Facts) { f.Kernel = "4.18.0-553.el8" }, "kernel", Failure, "too old", "5.13"},
		"odd kernel":       {nil, func(f *Facts) { f.Kernel = "next" }, "kernel", Warning, `"next"`, "5.13"},
		"no newuidmap":     {nil, missing("newuidmap"), "newuidmap", Failure, "not installed", "dnf install shadow-utils"},
		"no newgidmap":     {map[string]string{"/etc/os-release": "ID=alpine\n"}, missing("newgidmap"), "newgidmap", Failure, "not installed", "apk add shadow-uidmap"},
		"no setuid":        {nil, func(f *Facts) { f.Tool = func(n string) (Tool, error) { return Tool{Path: "/b/" + n}, nil } }, "newuidmap", Failure, "neither setuid", "chmod u+s /b/newuidmap"},
		"no range":         {map[string]string{"/etc/subuid": "bob:165536:65536\n"}, nil, "subuid", Failure, "no ids", "--add-subuids 231072-296607 --add-subgids 231072-296607 ann"},
		"no subgid file":   {map[string]string{"/etc/subgid": "-"}, nil, "subgid", Failure, "no ids", "usermod"},
		"small range":      {map[string]string{"/etc/subuid": "ann:100000:1000\n"}, nil, "subuid", Warning, "1000 ids", "usermod"},
		"own overlap":      {map[string]string{"/etc/subgid": "ann:100000:65536\nann:165535:10\n"}, nil, "subgid", Failure, "overlap", "correct"},
		"others' overlap":  {map[string]string{"/etc/subuid": "ann:100000:65536\nbob:165535:10\n"}, nil, "subuid", Warning, `"bob"`, "separate"},
		"no new privs":     {map[string]string{"/proc/self/status": "NoNewPrivs:\t1\n"}, nil, "no_new_privs", Failure, "newuidmap", "NoNewPrivileges"},
		"userns limit 0":   {map[string]string{"/proc/sys/user/max_user_namespaces": "0\n"}, probe('u', unix.ENOSPC), "user namespaces", Failure, "max_user_namespaces is 0", "max_user_namespaces=28633"},
		"userns used up":   {nil, probe('u', unix.ENOSPC), "user namespaces", Failure, "all 30000", "max_user_namespaces="},
		"clone switch":     {map[string]string{"/proc/sys/kernel/unprivileged_userns_clone": "0\n"}, probe('u', unix.EPERM), "user namespaces", Failure, "unprivileged_userns_clone is 0", "=1"},
		"AppArmor":         {map[string]string{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"}, probe('s', unix.EACCES), "user namespaces", Failure, "AppArmor", "/etc/apparmor.d/pod"},
		"seccomp":          {nil, probe('u', unix.EPERM), "user namespaces", Failure, "seccomp", "seccomp=unconfined"},
		"no userns at all": {map[string]string{"/proc/self/ns/user": "-"}, probe('u', unix.EINVAL), "user namespaces", Failure, "without them", "CONFIG_USER_NS"},
		"overlay mount":    {nil, probe('o', unix.EINVAL), "native overlay", Warning, "invalid argument", "ext4"},
		"overlay whiteout": {nil, probe('d', unix.EPERM), "native overlay", Warning, "removing", "ext4"},
		"no fuse":          {nil, func(f *Facts) { probe('o', unix.EINVAL)(f); missing("fuse-overlayfs")(f) }, "fuse-overlayfs", Failure, "not installed", "dnf install fuse-overlayfs"},
		"fuse unusable": {nil, func(f *Facts) {
			probe('c', unix.EPERM)(f)
			f.Usable = func(string) error { return unix.EACCES }
		}, "fuse-overlayfs", Failure, "/dev/fuse", "modprobe fuse"},
		"overlay not tried": {nil, func(f *Facts) { probe('u', unix.EPERM)(f); missing("fuse-overlayfs")(f) }, "native overlay", Warning, "not tried", "user namespaces"},
		"fuse not judged":   {nil, func(f *Facts) { probe('u', unix.EPERM)(f); missing("fuse-overlayfs")(f) }, "fuse-overlayfs", OK, "not needed", ""},
		"cgroup 1":          {map[string]string{"/sys/fs/cgroup/cgroup.controllers": "-"}, nil, "cgroups", Warning, "version 1", "unified"},
		"part delegated": {
			map[string]string{"/sys/fs/cgroup/user.slice/user-1001.slice/user@1001.service/cgroup.controllers": "memory pids\n"},
			nil,
			"cgroups", Warning, "without cpu cpuset io", "delegate.conf",
		},
		"none delegated": {
			map[string]string{"/sys/fs/cgroup/user.slice/user-1001.slice/user@1001.service/cgroup.controllers": "\n"},
			nil,
			"cgroups", Warning, "no controller", "delegate.conf",
		},
		"su session": {map[string]string{
			"/proc/self/cgroup": "0::/user.slice/user-0.slice/session-1.scope\n",
			"/sys/fs/cgroup/user.slice/user-1001.slice/user@1001.service/cgroup.controllers": "memory\n",
		}, nil, "cgroups", Warning, "delegated: memory", "Delegate="},
		"no runtime": {nil, missing("crun", "runc"), "OCI runtime", Failure, "neither", "install crun"},
		"broken runtime": {nil, func(f *Facts) {
			f.Output = func(context.Context, string, ...string) (string, error) { return "", errors.New("exit status 1") }
		}, "OCI runtime", Warning, "exit status 1", "again"},
		"no tun":         {nil, func(f *Facts) { f.Usable = func(string) error { return unix.ENOENT } }, "/dev/net/tun", Failure, "not there", "modprobe tun"},
		"closed tun":     {nil, func(f *Facts) { f.Usable = func(string) error { return unix.EACCES } }, "/dev/net/tun", Failure, "permission denied", "chmod 0666"},
		"no helper":      {nil, missing("pasta", "slirp4netns"), "network helper", Failure, "neither", "passt"},
		"no ping":        {map[string]string{ping: "1\t0\n"}, nil, "ping", Warning, `"1 0"`, "ping_group_range=0 2147483647"},
		"no runtime dir": {nil, func(f *Facts) { f.Env = func(string) string { return "" } }, "XDG_RUNTIME_DIR", Warning, "not set", "export"},
		"root's dir":     {nil, func(f *Facts) { f.Env = func(string) string { return "/run/user/0" } }, "XDG_RUNTIME_DIR", Warning, "/run/user/0 is not", "export"},
		"no user manager": {
			map[string]string{"/run/user/1001/systemd/private": "-", "/run/user/1001/bus": "-"},
			nil, "systemd user manager", Warning, "not running", "loginctl",
		},
		"no message bus": {map[string]string{"/run/user/1001/bus": "-"}, nil, "systemd user manager", Warning, "message bus", "dbus-daemon"},
		"no linger":      {map[string]string{"/var/lib/systemd/linger/ann": "-"}, nil, "lingering", Warning, "not enabled", "enable-linger ann"},
		"nfs":            {nil, fileSystem(FileSystem{Free: 1 << 40, MountedName: "nfs"}), "data directory", Failure, "nfs", "XDG_DATA_HOME"},
		"little space":   {nil, fileSystem(FileSystem{Free: 500 << 20}), "data space", Warning, "500 MiB", "prune"},
		"no space":       {nil, fileSystem(FileSystem{Free: 1 << 20}), "data space", Failure, "1 MiB", "prune"},
		"no inodes":      {nil, fileSystem(FileSystem{Free: 1 << 40, Inodes: 1 << 20, FreeInodes: 9}), "data space", Warning, "9 inodes", "prune"},
		"no home":        {nil, func(f *Facts) { f.DataDir = "" }, "data directory", Failure, "no home", "export HOME"},
		"few keys":       {map[string]string{"/proc/key-users": " 1001:  199 199/199 190/200 50/20000\n"}, nil, "kernel keys", Warning, "190 of 200", "maxkeys="},
		"older holder": {nil, func(f *Facts) {
			f.Holder = func() (int, []IDMapping, error) { return 77, []IDMapping{{0, 1001, 1}}, nil }
		}, "holder", Warning, "1 ids", "kill 77"},
	} {
		t.Run(name, func(t *testing.T) {
			files := healthyFiles()
			for path, text := range tt.files {
				if files[path] = text; text == "-" {
					delete(files, path)
				}
			}
			f := testFacts(t, files)
			if tt.change != nil {
				tt.change(&f)
			}
			for _, got := range Diagnose(t.Context(), f) {
				if got.Check != tt.check {
					continue
				}
				if got.Status != tt.status || !strings.Contains(got.Text, tt.text) || !strings.Contains(got.Fix, tt.fix) {
					t.Errorf("got %+v", got)
				}
				return
			}
			t.Errorf("no finding %q", tt.check)
		})
	}
}

func TestByteText(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1 KiB", 5 << 30: "5 GiB", 5000 << 40: "5000 TiB"} {
		if got := byteText(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

// The probe must succeed where the parts it tries are known to work, and leave nothing behind.
func TestProbeOverlay(t *testing.T) {
	needUser(t)
	dir := t.TempDir()
	got := probeOverlay(t.Context(), dir, filepath.Join(dir, "not/yet/there"))
	if got.Ran != nil || !got.made() {
		t.Fatalf("got %+v", got)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
