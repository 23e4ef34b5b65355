package main_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
	"golang.org/x/sys/unix"
)

func TestRestartOnFailure(t *testing.T) {
	forRuntimes(t, func(t *testing.T, runtime string) {
		b := newBox(t, runtime, "sh", "-c", "echo try; exit 9")
		b.launch.RestartPolicy, b.launch.RestartMax = "on-failure", 2
		b.launch.EventsFile, b.launch.EventPrefix = filepath.Join(b.dir, "events"), `{"id":"x",`
		conn, theirs := b.connect(everything, monitor.Size{})
		control := b.start(theirs)
		a := b.attach(conn, "")
		for range 3 {
			b.expect(control, monitor.Running)
		}
		a.wait(t, 9)
		b.finish(control, 9)
		if a.stdout.String() != "try\ntry\ntry\n" || b.logText("stdout") != "try\ntry\ntry\n" {
			t.Errorf("output %q, log %q", a.stdout.String(), b.logText("stdout"))
		}
		if e := b.exit(); e.Restarts != 2 || e.Code != 9 {
			t.Errorf("exit record %+v", e)
		}
		text, _ := os.ReadFile(b.launch.EventsFile)
		var actions []string
		for line := range strings.Lines(string(text)) {
			var event struct {
				ID, Status        string
				Time              time.Time
				ContainerExitCode int
			}
			if err := json.Unmarshal([]byte(line), &event); err != nil || event.ID != "x" || event.ContainerExitCode != 9 || event.Time.IsZero() {
				t.Errorf("event %q: %v", line, err)
			}
			actions = append(actions, event.Status)
		}
		if strings.Join(actions, " ") != "died restart died restart" {
			t.Errorf("events %v", actions)
		}
	})
}

// restarting waits until the container is between two tries.
func (b *box) restarting() monitor.RunRecord {
	var r monitor.RunRecord
	eventually(b.t, "the container is restarting", func() (ok bool) {
		var err error
		r, err = monitor.ReadRunRecord(filepath.Join(b.run, monitor.RunFile))
		return err == nil && r.Phase == monitor.PhaseRestarting
	})
	return r
}

func TestCancelRestart(t *testing.T) {
	b := newBox(t, "crun", "sh", "-c", "exit 1")
	b.launch.RestartPolicy = "always"
	control := b.start(nil)
	b.expect(control, monitor.Running)
	if r := b.restarting(); r.PID != 0 || r.Restarts > b.exit().Restarts {
		t.Errorf("run record %+v, exit record %+v", r, b.exit())
	}
	if err := client.CancelRestart(b.context(), b.run); err != nil {
		t.Fatal(err)
	}
	for {
		m, err := control.Receive(b.context())
		if err != nil {
			t.Fatal(err)
		}
		if m.Verb == monitor.Released {
			break
		}
	}
	control.Bye()
	b.gone(control)
}

func TestStopFileEndsRestart(t *testing.T) {
	b := newBox(t, "crun", "sleep", "1000")
	b.launch.RestartPolicy = "unless-stopped"
	control := b.start(nil)
	m := b.expect(control, monitor.Running)
	unix.Kill(m.PID, unix.SIGKILL)
	m = b.expect(control, monitor.Running)
	os.WriteFile(filepath.Join(b.run, monitor.StopFile), nil, 0o600)
	unix.Kill(m.PID, unix.SIGKILL)
	b.finish(control, 137)
	if e := b.exit(); e.Restarts != 1 {
		t.Errorf("exit record %+v", e)
	}
}

func TestRestartThatCannotStart(t *testing.T) {
	b := newBox(t, "crun", "sleep", "1000")
	b.launch.RestartPolicy, b.launch.RestartMax = "on-failure", 1
	control := b.start(nil)
	m := b.expect(control, monitor.Running)
	os.Remove(filepath.Join(b.dir, "rootfs/bin/sleep"))
	unix.Kill(m.PID, unix.SIGKILL)
	b.finish(control, 127)
	if e := b.exit(); e.Restarts != 1 || e.Code != 127 {
		t.Errorf("exit record %+v", e)
	}
}

func TestMaxRun(t *testing.T) {
	b := newBox(t, "crun", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
	b.launch.MaxRun = 1
	start := time.Now()
	control := b.start(nil)
	b.expect(control, monitor.Running)
	b.finish(control, 137)
	if ran := time.Since(start); ran < 2*time.Second {
		t.Errorf("ended after %v, before its time and the stop timeout", ran)
	}
}

func TestSignalToMonitorStopsContainer(t *testing.T) {
	b := newBox(t, "crun", "sh", "-c", "trap 'exit 6' TERM; echo ready; while :; do sleep 0.1; done")
	b.launch.RestartPolicy = "always"
	control := b.start(nil)
	b.expect(control, monitor.Running)
	eventually(t, "the container is ready", func() bool {
		data, _ := os.ReadFile(b.launch.LogPath)
		return strings.Contains(string(data), "ready")
	})
	unix.Kill(control.PID(), unix.SIGTERM)
	b.finish(control, 6)
}

func TestNetwork(t *testing.T) {
	b := newBox(t, "crun", "sh", "-c", "cat /proc/net/dev")
	netns := filepath.Join(b.dir, "netns")
	os.WriteFile(netns, nil, 0o600)
	linux := b.spec["linux"].(map[string]any)
	linux["namespaces"] = append(linux["namespaces"].([]any), map[string]any{"type": "network", "path": netns})
	pidFile := filepath.Join(b.dir, "helper")
	b.launch.NetnsPath = netns
	b.launch.NetworkCommand = []string{"/bin/sh", "-c", "test $(stat -fc %T " + netns + ") = nsfs && { setsid sleep 1000 & echo $! > " + pidFile + "; }"}
	control := b.start(nil)
	b.expect(control, monitor.Running)
	helper := strings.TrimSpace(readFile(t, pidFile))
	b.finish(control, 0)
	if text := b.logText("stdout"); !strings.Contains(text, "lo:") || strings.Contains(text, "eth0") {
		t.Errorf("network of the container:\n%s", text)
	}
	if _, err := os.Stat("/proc/" + helper); err == nil {
		t.Error("the network helper outlives the container")
	}
	b.launch.NetworkCommand = []string{"/bin/sh", "-c", "echo no network today >&2; exit 1"}
	control = b.start(nil)
	if m := b.expect(control, monitor.Failed); m.Kind != monitor.KindNetwork || !strings.Contains(m.Text, "no network today") {
		t.Errorf("got %+v", m)
	}
	b.gone(control)
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDetachedRoot(t *testing.T) {
	forRuntimes(t, func(t *testing.T, runtime string) {
		b := newBox(t, runtime, "echo", "rooted")
		merged := filepath.Join(b.dir, "merged")
		os.Mkdir(merged, 0o755)
		b.spec["root"] = map[string]any{"path": merged}
		b.launch.RootPath = merged
		fd, err := unix.OpenTree(unix.AT_FDCWD, filepath.Join(b.dir, "rootfs"), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		root := os.NewFile(uintptr(fd), "root")
		control := b.start(nil, func(o *client.StartOptions) { o.Root = root })
		root.Close()
		b.expect(control, monitor.Running)
		b.expect(control, monitor.Exited)
		b.expect(control, monitor.Released)
		mounts := readFile(t, "/proc/"+itoa(control.PID())+"/mountinfo")
		if strings.Contains(mounts, merged) {
			t.Error("the root is mounted after released")
		}
		if strings.Contains(readFile(t, "/proc/self/mountinfo"), merged) {
			t.Error("the root is mounted outside the monitor's mount namespace")
		}
		control.Bye()
		b.gone(control)
		if b.logText("stdout") != "rooted\n" {
			t.Errorf("logged %q", b.logText("stdout"))
		}
	})
}

func TestInit(t *testing.T) {
	b := newBox(t, "crun", "/bin/pod-init", "--", "sh", "-c",
		`trap 'echo got it; exit 8' USR1; (sleep 0.05 &) ; sleep 0.3; ps -o stat | grep -c Z; echo ready; while :; do sleep 0.1; done`)
	copyFile(t, program(t), filepath.Join(b.dir, "rootfs/bin/pod-init"))
	os.Symlink("busybox", filepath.Join(b.dir, "rootfs/bin/grep"))
	control := b.start(nil)
	m := b.expect(control, monitor.Running)
	eventually(t, "the command is ready", func() bool {
		data, _ := os.ReadFile(b.launch.LogPath)
		return strings.Contains(string(data), "ready")
	})
	unix.Kill(m.PID, unix.SIGUSR1)
	b.finish(control, 8)
	if text := b.logText("stdout"); !strings.HasPrefix(text, "0\n") || !strings.HasSuffix(text, "got it\n") {
		t.Errorf("zombies and signals: %q", text)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	if err := os.WriteFile(to, []byte(readFile(t, from)), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestInitErrors(t *testing.T) {
	for _, test := range []struct {
		argv []string
		code int
	}{
		{[]string{"--", "/bin/sh", "-c", "exit 3"}, 3},
		{[]string{"--", "sh", "-c", "kill -9 $$"}, 137},
		{[]string{"--", "nosuch"}, 127},
		{[]string{"--", "/etc/passwd"}, 126},
		{[]string{"--"}, 125},
	} {
		command := exec.Command(program(t), test.argv...)
		command.Args[0] = "pod-init"
		err := command.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != test.code {
			t.Errorf("%q gave %v, want %d", test.argv, err, test.code)
		}
	}
}

// The user may have no kernel keyring left.
func TestNoKeyringLeft(t *testing.T) {
	b := newBox(t, "crun", "sh", "-c", "exit 3")
	script := filepath.Join(b.dir, "short-of-keyrings")
	text := "#!/bin/sh\ncase \"$*\" in\n*--no-new-keyring*) ;;\n*' run '*) echo 'create keyring `x`: Disk quota exceeded' >&2; exit 1 ;;\nesac\nexec " +
		b.launch.Runtime + " \"$@\"\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	b.launch.Runtime = script
	control := b.start(nil)
	b.expect(control, monitor.Running)
	b.finish(control, 3)
}
