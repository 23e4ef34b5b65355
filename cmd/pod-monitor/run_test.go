package main_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
	"golang.org/x/sys/unix"
)

func TestForeground(t *testing.T) {
	forRuntimes(t, func(t *testing.T, runtime string) {
		b := newBox(t, runtime, "sh", "-c", "echo out; echo err >&2; exit 7")
		b.launch.Durable = true
		conn, theirs := b.connect(everything, monitor.Size{})
		control := b.start(theirs)
		a := b.attach(conn, "")
		running := b.expect(control, monitor.Running)
		a.wait(t, 7)
		b.finish(control, 7)
		if a.stdout.String() != "out\n" || a.stderr.String() != "err\n" {
			t.Errorf("attached output %q and %q", a.stdout.String(), a.stderr.String())
		}
		if b.logText("stdout") != "out\n" || b.logText("stderr") != "err\n" {
			t.Errorf("logged output %q and %q", b.logText("stdout"), b.logText("stderr"))
		}
		e := b.exit()
		if e.Code != 7 || e.Serial != 3 || e.OOM || e.Restarts != 0 || e.Finished.Before(e.Started) || running.PID <= 0 {
			t.Errorf("exit record %+v", e)
		}
		if b.cleaned() {
			t.Error("the clean-up command ran although the command said bye")
		}
		for _, name := range []string{monitor.RunFile, monitor.AttachFile} {
			if _, err := os.Lstat(filepath.Join(b.run, name)); err == nil {
				t.Errorf("%s is left in the run directory", name)
			}
		}
	})
}

func TestDetached(t *testing.T) {
	forRuntimes(t, func(t *testing.T, runtime string) {
		b := newBox(t, runtime, "sleep", "1000")
		b.launch.PIDFile = filepath.Join(b.dir, "user.pid")
		control := b.start(nil)
		m := b.expect(control, monitor.Running)
		control.Close()
		r, err := monitor.ReadRunRecord(filepath.Join(b.run, monitor.RunFile))
		if err != nil || r.Phase != monitor.PhaseRunning || r.PID != m.PID || !r.Process().Alive() || r.MonitorPID != control.PID() {
			t.Errorf("run record %+v, %v", r, err)
		}
		held, pid, err := monitor.Locked(b.lock())
		if !held || pid != control.PID() || err != nil {
			t.Errorf("lock held=%v by %d, %v", held, pid, err)
		}
		if _, err := monitor.Lock(b.lock()); !errors.Is(err, monitor.ErrLocked) {
			t.Errorf("a second lock gave %v", err)
		}
		waiting, err := client.Dial(b.run) // while it runs
		if err != nil {
			t.Fatal(err)
		}
		defer waiting.Close()
		ended := make(chan int, 1)
		go func() {
			code, err := client.Attach(b.context(), waiting, client.AttachOptions{})
			if err != nil {
				t.Error(err)
			}
			ended <- code
		}()
		if err := r.Process().Signal(9); err != nil {
			t.Fatal(err)
		}
		b.gone(control)
		if code := <-ended; code != 137 || b.exit().Code != 137 {
			t.Errorf("exit code %d", code)
		}
		if !b.cleaned() {
			t.Error("nobody cleaned up")
		}
	})
}

func TestTwoStep(t *testing.T) {
	forRuntimes(t, func(t *testing.T, runtime string) {
		b := newBox(t, runtime, "echo", "hello")
		b.launch.TwoStep = true
		control := b.start(nil)
		m := b.expect(control, monitor.Created)
		r, err := monitor.ReadRunRecord(filepath.Join(b.run, monitor.RunFile))
		if err != nil || r.Phase != monitor.PhaseCreated || r.PID != m.PID {
			t.Errorf("run record %+v, %v", r, err)
		}
		if err := control.Start(); err != nil {
			t.Fatal(err)
		}
		b.expect(control, monitor.Running)
		b.finish(control, 0)
		if b.logText("stdout") != "hello\n" {
			t.Errorf("logged %q", b.logText("stdout"))
		}
	})
}

// A wait that was given up (Ctrl-C) leaves the control socket usable.
func TestReceiveGivenUp(t *testing.T) {
	b := newBox(t, "crun", "sleep", "1000")
	control := b.start(nil)
	m := b.expect(control, monitor.Running)
	ctx, cancel := context.WithTimeout(b.context(), 50*time.Millisecond)
	defer cancel()
	if _, err := control.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("giving up gave %v", err)
	}
	unix.Kill(m.PID, unix.SIGKILL)
	b.finish(control, 137)
	if b.cleaned() {
		t.Error("bye did not arrive")
	}
}

func TestStartErrors(t *testing.T) {
	forRuntimes(t, func(t *testing.T, runtime string) {
		for _, test := range []struct {
			name string
			argv string
			kind monitor.Kind
			text string
		}{
			{"name not found", "nosuch", monitor.KindNotFound, "nosuch"},
			{"path not found", "/no/such", monitor.KindNotFound, "/no/such"},
			{"not executable", "/etc/plain", monitor.KindNotExecutable, ""},
			{"directory", "/bin", monitor.KindNotExecutable, ""},
		} {
			for _, terminal := range []bool{false, true} {
				t.Run(test.name, func(t *testing.T) {
					b := newBox(t, runtime, test.argv)
					b.launch.Terminal = terminal
					os.WriteFile(filepath.Join(b.dir, "rootfs/etc/plain"), []byte("text"), 0o644)
					control := b.start(nil)
					m := b.expect(control, monitor.Failed)
					if m.Kind != test.kind || !strings.Contains(m.Text, test.text) || strings.ContainsAny(m.Text, "\n{") {
						t.Errorf("got %+v", m)
					}
					b.gone(control)
					if _, err := os.Stat(b.launch.ExitFile); err == nil {
						t.Error("there is an exit record of a container that never ran")
					}
					entries, _ := os.ReadDir(filepath.Join(b.dir, "state"))
					for _, e := range entries {
						if e.Name() == b.launch.ID {
							t.Error("the runtime's state is left")
						}
					}
				})
			}
		}
	})
}

func TestRuntimeThatFails(t *testing.T) {
	b := newBox(t, "crun", "true")
	script := filepath.Join(b.dir, "runtime")
	os.WriteFile(script, []byte("#!/bin/sh\necho 'it is broken' >&2\nexit 3\n"), 0o755)
	b.launch.Runtime = script
	control := b.start(nil)
	if m := b.expect(control, monitor.Failed); m.Kind != monitor.KindRuntime || !strings.Contains(m.Text, "it is broken") {
		t.Errorf("got %+v", m)
	}
	b.gone(control)
	os.WriteFile(script, []byte("#!/bin/sh\nkill -9 $$\n"), 0o755)
	control = b.start(nil)
	if m := b.expect(control, monitor.Failed); !strings.Contains(m.Text, "signal 9") {
		t.Errorf("got %+v", m)
	}
	b.gone(control)
	b.launch.Runtime = "/no/runtime"
	control = b.start(nil)
	if m := b.expect(control, monitor.Failed); m.Kind != monitor.KindRuntime || !strings.Contains(m.Text, "/no/runtime") {
		t.Errorf("got %+v", m)
	}
	b.gone(control)
}
