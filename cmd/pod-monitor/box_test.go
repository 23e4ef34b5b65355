package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
	"golang.org/x/sys/unix"
)

// insideEnv is set for the tests themselves: to the directory the program is built into.
const insideEnv = "POD_MONITOR_TEST_INSIDE"

// The tests run as root of a user namespace (or as root), in a mount namespace of their own, as a pod command does.
func TestMain(m *testing.M) {
	if os.Getenv(insideEnv) != "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "pod-monitor")
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideEnv+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	err = cmd.Run()
	os.RemoveAll(dir)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		os.Stderr.WriteString("start the tests in namespaces: " + err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(os.Getenv(insideEnv), "pod-monitor")
	cmd := exec.Command("go", "build", "-tags", "failpoint", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(err.Error() + ": " + string(out))
	}
	return path, nil
})

// program is the path of pod-monitor, built for tests.
func program(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// box is a container to be: directories, a busybox root and a launch.
type box struct {
	t       testing.TB
	dir     string
	run     string // run directory
	launch  *monitor.Launch
	spec    map[string]any
	process map[string]any
	env     []string // of the monitor, such as failpoints
}

// runtimes are tested one after the other.
var runtimes = []string{"crun", "runc"}

func forRuntimes(t *testing.T, test func(t *testing.T, runtime string)) {
	for _, name := range runtimes {
		t.Run(name, func(t *testing.T) { test(t, name) })
	}
}

func newBox(t testing.TB, runtime string, argv ...string) *box {
	t.Helper()
	path, err := exec.LookPath(runtime)
	if err != nil {
		t.Skipf("the OCI runtime %s is not installed", runtime)
	}
	dir := t.TempDir()
	b := &box{t: t, dir: dir, run: filepath.Join(dir, "run")}
	for _, sub := range []string{"run", "data", "state", "rootfs/bin", "rootfs/proc", "rootfs/dev", "rootfs/tmp", "rootfs/etc"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b.busybox()
	b.launch = monitor.NewLaunch()
	l := b.launch
	l.ID, l.Name, l.Serial = "pm"+strconv.Itoa(os.Getpid())+"-"+strconv.FormatInt(time.Now().UnixNano(), 36), "box", 3
	l.Runtime = path
	l.RuntimeArgs = []string{"--root", filepath.Join(dir, "state")}
	if runtime == "crun" {
		l.RuntimeArgs = append(l.RuntimeArgs, "--cgroup-manager=disabled")
	}
	l.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "XDG_RUNTIME_DIR=" + dir}
	l.ExitFile = filepath.Join(dir, "data", "exit")
	l.LogDriver, l.LogPath = "k8s-file", filepath.Join(dir, "data", "ctr.log")
	l.StopSignal, l.StopTimeout = int(unix.SIGTERM), 1
	l.Cleanup = []string{"/bin/sh", "-c", `echo "$0 $1" >> ` + filepath.Join(dir, "cleaned"), "cleanup", l.ID}
	b.makeSpec(argv)
	t.Cleanup(b.destroy)
	return b
}

func (b *box) busybox() {
	data, err := os.ReadFile("/bin/busybox")
	if err != nil {
		b.t.Skip("busybox-static is not installed: /bin/busybox is missing")
	}
	bin := filepath.Join(b.dir, "rootfs", "bin")
	if err := os.WriteFile(bin+"/busybox", data, 0o755); err != nil {
		b.t.Fatal(err)
	}
	for _, applet := range []string{"sh", "cat", "echo", "sleep", "true", "stty", "yes", "head", "dd", "id", "kill", "ps", "test", "ls", "seq", "date"} {
		if err := os.Symlink("busybox", bin+"/"+applet); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *box) makeSpec(argv []string) {
	namespaces := []any{}
	for _, kind := range []string{"pid", "ipc", "uts", "mount"} {
		namespaces = append(namespaces, map[string]any{"type": kind})
	}
	b.process = map[string]any{
		"args": argv, "cwd": "/", "env": []string{"PATH=/bin", "TERM=xterm"},
		"user": map[string]any{"uid": 0, "gid": 0},
	}
	b.spec = map[string]any{
		"ociVersion": "1.0.0", "process": b.process,
		"root":     map[string]any{"path": filepath.Join(b.dir, "rootfs")},
		"hostname": "box",
		"mounts": []any{
			map[string]any{"destination": "/proc", "type": "proc", "source": "proc"},
			map[string]any{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "mode=755"}},
			map[string]any{"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": []string{"newinstance", "ptmxmode=0666", "mode=0620"}},
		},
		"linux": map[string]any{"namespaces": namespaces},
	}
}

// withoutPIDNamespace lets processes of the container outlive its first one.
func (b *box) withoutPIDNamespace() {
	linux := b.spec["linux"].(map[string]any)
	linux["namespaces"] = linux["namespaces"].([]any)[1:]
	b.spec["mounts"].([]any)[0] = map[string]any{"destination": "/proc", "type": "none", "source": "/proc", "options": []string{"rbind"}}
}

func (b *box) destroy() {
	if held, pid, _ := monitor.Locked(b.lock()); held && pid > 0 {
		unix.Kill(pid, unix.SIGKILL)
	}
	args := append(append([]string(nil), b.launch.RuntimeArgs...), "delete", "--force", b.launch.ID)
	exec.Command(b.launch.Runtime, args...).Run()
	if b.t.Failed() {
		for _, name := range []string{monitor.MonitorLog, monitor.RuntimeLog} {
			text, _ := os.ReadFile(filepath.Join(b.run, name))
			b.t.Logf("%s:\n%s", name, text)
		}
	}
}

func (b *box) lock() string { return filepath.Join(b.run, "lock") }

// start starts the monitor, with conn's other end as its first client when it is given.
func (b *box) start(theirs *os.File, more ...func(*client.StartOptions)) *client.Control {
	b.t.Helper()
	b.process["terminal"] = b.launch.Terminal
	text, err := json.Marshal(b.spec)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.run, "config.json"), text, 0o600); err != nil {
		b.t.Fatal(err)
	}
	lock, err := monitor.Lock(b.lock())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, entry := range b.env {
		name, value, _ := strings.Cut(entry, "=")
		os.Setenv(name, value)
		defer os.Unsetenv(name)
	}
	o := client.StartOptions{Binary: program(b.t), RunDir: b.run, Launch: b.launch, Lock: lock, Client: theirs}
	for _, change := range more {
		change(&o)
	}
	control, err := client.Start(b.context(), o)
	if err != nil {
		b.t.Fatal(err)
	}
	lock.Close()
	if theirs != nil {
		theirs.Close()
	}
	return control
}

func (b *box) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	b.t.Cleanup(cancel)
	return ctx
}

// expect receives the next message, which must have the verb.
func (b *box) expect(c *client.Control, verb monitor.Verb) monitor.Message {
	b.t.Helper()
	m, err := c.Receive(b.context())
	if err != nil {
		b.t.Fatalf("wait for %q: %v", verb, err)
	}
	if m.Verb != verb {
		b.t.Fatalf("got %+v, want %q", m, verb)
	}
	return m
}

// gone waits for the end of the monitor, which must be an orderly one.
func (b *box) gone(c *client.Control) {
	b.t.Helper()
	state, err := c.Wait(b.context())
	if err != nil {
		b.t.Fatalf("wait for the monitor: %v", err)
	}
	if !state.Success() {
		b.t.Errorf("the monitor ended with %v", state)
	}
	if held, _, err := monitor.Locked(b.lock()); held || err != nil {
		b.t.Errorf("after its end the monitor's lock is held=%v, err=%v", held, err)
	}
}

// finish takes the control messages of an orderly end.
func (b *box) finish(c *client.Control, code int) {
	b.t.Helper()
	if m := b.expect(c, monitor.Exited); m.Code != code {
		b.t.Errorf("exit code %d, want %d", m.Code, code)
	}
	b.expect(c, monitor.Released)
	if err := c.Bye(); err != nil {
		b.t.Error(err)
	}
	b.gone(c)
	c.Close()
}

func (b *box) exit() monitor.ExitRecord {
	b.t.Helper()
	e, err := monitor.ReadExitRecord(b.launch.ExitFile)
	if err != nil {
		b.t.Fatalf("read the exit record: %v", err)
	}
	return e
}

func (b *box) cleaned() bool {
	_, err := os.Stat(filepath.Join(b.dir, "cleaned"))
	return err == nil
}

// logText joins the text of the log's records of one stream.
func (b *box) logText(stream string) string {
	b.t.Helper()
	data, err := os.ReadFile(b.launch.LogPath)
	if err != nil {
		b.t.Fatal(err)
	}
	return joinRecords(b.t, data, stream)
}

func joinRecords(t testing.TB, data []byte, stream string) string {
	t.Helper()
	var text strings.Builder
	for line := range strings.Lines(string(data)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if len(fields) != 4 || fields[2] != "F" && fields[2] != "P" {
			t.Fatalf("malformed record %q", line)
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000000000-07:00", fields[0]); err != nil {
			t.Fatal(err)
		}
		if fields[1] != stream {
			continue
		}
		text.WriteString(fields[3])
		if fields[2] == "F" {
			text.WriteByte('\n')
		}
	}
	return text.String()
}

// eventually polls for a state.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
