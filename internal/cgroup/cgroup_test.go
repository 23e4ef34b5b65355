package cgroup

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const session = "/user.slice/user-1000.slice/user@1000.service/session"

// fakeTree makes directories that look like cgroups; those whose names end in "!" may be written.
func fakeTree(t *testing.T, dirs ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range dirs {
		name, open := strings.CutSuffix(name, "!")
		dir := filepath.Join(root, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"cgroup.procs": "", "cgroup.subtree_control": "", "cgroup.controllers": "cpu memory pids\n"} {
			if !open && file == "cgroup.procs" {
				// Permissions do not bind root, who runs tests too; a missing file can be written by nobody.
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

func TestDetect(t *testing.T) {
	user := filepath.Dir(session)
	tests := []struct {
		name  string
		tree  []string
		facts Facts
		want  Setup
		args  []string
	}{
		{
			name: "delegated", tree: []string{"/", "/user.slice", user + "!", session + "!"},
			facts: Facts{Unified: true, Self: "0::" + session + "\n", Rootless: true},
			want:  Setup{Manager: Cgroupfs, Base: user, Parent: user + "/pod", Controllers: []string{"cpu", "memory", "pids"}, Own: session},
		},
		{
			name: "own leaf only", tree: []string{"/", user, session + "!"},
			facts: Facts{Unified: true, Self: "0::" + session + "\n"},
			want:  Setup{Manager: Cgroupfs, Base: session, Parent: session + "/pod", Controllers: []string{"cpu", "memory", "pids"}, Own: session},
		},
		{
			name: "container", tree: []string{"/!"},
			facts: Facts{Unified: true, Self: "12:x:/y\n0::/\n"},
			want:  Setup{Manager: Cgroupfs, Base: "/", Parent: "/pod", Controllers: []string{"cpu", "memory", "pids"}, Own: "/"},
		},
		{
			name: "login session", tree: []string{"/", "/user.slice/user-1000.slice/session-2.scope", user + "!"},
			facts: Facts{Unified: true, Self: "0::/user.slice/user-1000.slice/session-2.scope\n", Rootless: true, Systemd: "/s", Bus: true, UID: 1000},
			want: Setup{
				Manager: Systemd, Parent: "user.slice", Socket: "/s", Own: "/user.slice/user-1000.slice/session-2.scope",
				Controllers: []string{"cpu", "memory", "pids"},
			},
			args: []string{"--systemd-cgroup"},
		},
		{
			name: "su session", tree: []string{"/", "/user.slice/user-0.slice/session-2.scope"},
			facts: Facts{Unified: true, Self: "0::/user.slice/user-0.slice/session-2.scope\n", Rootless: true},
			want: Setup{
				Manager: Disabled, Own: "/user.slice/user-0.slice/session-2.scope",
				Notice: "no cgroup is delegated to this user: containers run without resource limits",
			},
			args: []string{"--cgroup-manager=disabled"},
		},
		{
			name: "no message bus", tree: []string{"/", "/user.slice/user-1000.slice/session-2.scope", user + "!"},
			facts: Facts{Unified: true, Self: "0::/user.slice/user-1000.slice/session-2.scope\n", Rootless: true, Systemd: "/s", UID: 1000},
			want: Setup{
				Manager: Disabled, Own: "/user.slice/user-1000.slice/session-2.scope",
				Notice: "systemd cannot be asked for cgroups without a message bus: containers run without resource limits",
			},
			args: []string{"--cgroup-manager=disabled"},
		},
		{
			name: "no message bus in a delegated service", tree: []string{"/", user + "!", user + "/app.service!"},
			facts: Facts{Unified: true, Self: "0::" + user + "/app.service\n", Rootless: true, Systemd: "/s", UID: 1000},
			want:  Setup{Manager: Cgroupfs, Base: user, Parent: user + "/pod", Controllers: []string{"cpu", "memory", "pids"}, Own: user + "/app.service"},
		},
		{
			name: "hybrid", tree: []string{"/!"}, facts: Facts{Self: "4:memory:/x\n0::/\n", Rootless: true, Systemd: "/s"},
			want: Setup{Manager: Disabled, Notice: "this machine does not use cgroup version 2 alone: containers run without resource limits"},
			args: []string{"--cgroup-manager=disabled"},
		},
		{
			name: "controllers in both versions", tree: []string{"/unified"}, facts: Facts{Self: "4:memory:/x\n0::/\n", Rootless: true},
			want: Setup{Manager: Disabled, Mixed: true, Notice: "this machine does not use cgroup version 2 alone: containers run without resource limits"},
			args: []string{"--cgroup-manager=disabled"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.facts.Root = fakeTree(t, test.tree...)
			test.want.Root = test.facts.Root
			got, err := Detect(test.facts)
			if err != nil {
				t.Fatal(err)
			}
			fix := got.Hint()
			got.missing = ""
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
			if args := got.RuntimeArgs("crun"); !reflect.DeepEqual(args, test.args) {
				t.Errorf("arguments %q, want %q", args, test.args)
			}
			if fix == "" {
				t.Error("no hint for a missing controller")
			}
		})
	}
}

func TestDetectRefuses(t *testing.T) {
	for _, self := range []string{"", "4:memory:/x\n", "0::\n", "0::relative\n", "0::/../../elsewhere\n", "0::/a (deleted)\n"} {
		if got, err := Detect(Facts{Root: t.TempDir(), Unified: true, Self: self}); err == nil {
			t.Errorf("own cgroup %q gives %+v, want an error", self, got)
		}
	}
}

func TestCgroupsPath(t *testing.T) {
	fs := Setup{Manager: Cgroupfs, Base: "/user.slice", Parent: "/user.slice/pod"}
	systemd := Setup{Manager: Systemd, Parent: "user.slice"}
	disabled := Setup{Manager: Disabled}
	tests := []struct {
		setup            Setup
		id, parent, want string
	}{
		{fs, "abc", "", "/user.slice/pod/abc"},
		{fs, "abc", "/user.slice/mine", "/user.slice/mine/abc"},
		{fs, "abc", "mine", "/user.slice/mine/abc"},
		{fs, "abc", "../mine", "/user.slice/mine/abc"},
		{fs, "abc", "/", "error"},
		{fs, "abc", "/user.slicex", "error"},
		{fs, "abc", "/user.slice/../system.slice", "error"},
		{fs, "a/b", "", "error"},
		{fs, "..", "", "error"},
		{fs, "", "", "error"},
		{Setup{Manager: Cgroupfs, Base: "/", Parent: "/pod"}, "abc", "/x", "/x/abc"},
		{systemd, "abc", "", "user.slice:pod:abc"},
		{systemd, "abc", "my.slice", "my.slice:pod:abc"},
		{systemd, "abc", "my", "error"},
		{systemd, "abc", "a:b.slice", "error"},
		{systemd, "a:b", "", "error"},
		{disabled, "abc", "", ""},
		{disabled, "abc", "/x", "error"},
	}
	for _, test := range tests {
		got, err := test.setup.CgroupsPath(test.id, test.parent)
		if err != nil {
			got = "error"
		}
		if got != test.want {
			t.Errorf("%s %q %q: %q (%v), want %q", test.setup.Manager, test.id, test.parent, got, err, test.want)
		}
	}
}

func TestHasBus(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		address string
		before  bool // there is a file "bus" in the run directory
		after   bool
	}{
		{"", false, true},
		{"unix:path=" + dir + "/bus,guid=12", false, true},
		{"unix:path=/no/such/bus", false, false},
		{"unix:abstract=/tmp/dbus-1", true, true},
	} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", test.address)
		if got := hasBus(dir, true); got != test.before {
			t.Errorf("%q without a bus: %v", test.address, got)
		}
		if err := os.WriteFile(filepath.Join(dir, "bus"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := hasBus(dir, true); got != test.after {
			t.Errorf("%q with a bus: %v", test.address, got)
		}
		if err := os.Remove(filepath.Join(dir, "bus")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadFacts(t *testing.T) {
	f, err := ReadFacts(t.TempDir(), true, os.Getuid())
	if err != nil || f.Self == "" || f.Systemd != "" {
		t.Errorf("facts %+v, %v", f, err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "systemd"), 0o700); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	socket := filepath.Join(dir, "systemd", "private")
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
		t.Fatal(err)
	}
	if got := SystemdSocket(dir, true); got != socket {
		t.Errorf("socket %q, want %q", got, socket)
	}
	if got := SystemdSocket("", true); got != "" {
		t.Errorf("socket %q without a runtime directory", got)
	}
}
