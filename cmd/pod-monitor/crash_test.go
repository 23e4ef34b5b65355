package main_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
	"golang.org/x/sys/unix"
)

// What a command that dies looks like to the monitor: its end of the control socket closes, whatever was said. At every
// message the container ends in one of two ways: as if nothing had happened, or undone; and somebody cleans up.
func TestCommandDies(t *testing.T) {
	messages := []monitor.Verb{"", monitor.Created, monitor.Running, monitor.Exited, monitor.Released}
	for _, twoStep := range []bool{false, true} {
		for _, last := range messages {
			if last == monitor.Created && !twoStep {
				continue
			}
			t.Run("after "+string(last), func(t *testing.T) {
				b := newBox(t, "crun", "sh", "-c", "sleep 0.1; exit 3")
				b.launch.TwoStep = twoStep
				control := b.start(nil)
				for verb := monitor.Verb(""); verb != last; {
					m, err := control.Receive(b.context())
					if err != nil {
						t.Fatal(err)
					}
					if verb = m.Verb; verb == monitor.Created && last != monitor.Created {
						control.Start()
					}
				}
				control.Close()
				b.gone(control)
				if !b.cleaned() {
					t.Error("nobody cleaned up")
				}
				ran := !twoStep || last != monitor.Created && last != ""
				e, err := monitor.ReadExitRecord(b.launch.ExitFile)
				if ran && (err != nil || e.Code != 3) {
					t.Errorf("exit record %+v, %v", e, err)
				}
				if !ran && !errors.Is(err, os.ErrNotExist) {
					t.Errorf("a container that was never started has an exit record %+v, %v", e, err)
				}
				b.noRuntimeState()
			})
		}
	}
}

func (b *box) noRuntimeState() {
	b.t.Helper()
	if _, err := os.Stat(filepath.Join(b.dir, "state", b.launch.ID)); err == nil {
		b.t.Error("the runtime's state is left")
	}
}

// The monitor dies at each of its transitions. The lock is free then, waiting ends with an error, an exit record is there
// exactly when it was written, and after the runtime's state is deleted the container starts again.
func TestMonitorKilledAtEveryFailpoint(t *testing.T) {
	for _, point := range monitor.Failpoints() {
		t.Run(point, func(t *testing.T) {
			b := brokenBox(t)
			b.env = []string{"POD_FAILPOINT=" + point + "=kill"}
			control := b.start(nil)
			b.steer(control, point)
			state, err := control.Wait(b.context())
			if err != nil || state.Success() {
				t.Fatalf("the monitor was not killed at %s: %v, %v", point, state, err)
			}
			if held, _, err := monitor.Locked(b.lock()); held || err != nil {
				t.Errorf("lock held=%v, %v", held, err)
			}
			if _, err := client.WaitExit(b.context(), b.run); !errors.Is(err, client.ErrNotRunning) {
				t.Errorf("waiting for it gives %v", err)
			}
			_, err = monitor.ReadExitRecord(b.launch.ExitFile)
			if recorded := err == nil; recorded != atOrAfter(point, "monitor.exit-recorded") {
				t.Errorf("exit record there: %v (%v)", recorded, err)
			}
			b.startsAgain()
		})
	}
}

// Each transition reports an error: before the container runs the start fails and is undone; after that it changes nothing.
func TestErrorAtEveryFailpoint(t *testing.T) {
	for _, point := range monitor.Failpoints() {
		t.Run(point, func(t *testing.T) {
			b := brokenBox(t)
			b.env = []string{"POD_FAILPOINT=" + point + "=error"}
			control := b.start(nil)
			b.steer(control, point)
			b.gone(control)
			started := atOrAfter(point, "monitor.exited")
			_, err := monitor.ReadExitRecord(b.launch.ExitFile)
			if started != (err == nil) {
				t.Errorf("exit record: %v", err)
			}
			b.noRuntimeState()
			if _, err := os.Lstat(filepath.Join(b.run, monitor.RunFile)); err == nil {
				t.Error("the run record is left")
			}
			b.startsAgain()
		})
	}
}

// brokenBox passes every transition: two steps, a network, a restart and a command that leaves.
func brokenBox(t *testing.T) *box {
	b := newBox(t, "crun", "sh", "-c", "exit 3")
	netns := filepath.Join(b.dir, "netns")
	os.WriteFile(netns, nil, 0o600)
	b.launch.NetnsPath, b.launch.NetworkCommand = netns, []string{"/bin/true"}
	b.launch.TwoStep = true
	b.launch.RestartPolicy, b.launch.RestartMax = "on-failure", 1
	return b
}

// steer plays the command until the monitor is gone or the failpoint needs a command that is.
func (b *box) steer(control *client.Control, point string) {
	defer control.Close()
	for {
		m, err := control.Receive(b.context())
		switch {
		case err != nil:
			return
		case m.Verb == monitor.Created:
			control.Start()
		case m.Verb == monitor.Failed:
			if strings.Contains(m.Text, "\n") {
				b.t.Errorf("message %q", m.Text)
			}
		case m.Verb == monitor.Released && (point == "monitor.cleanup" || point == "monitor.released"):
			return
		case m.Verb == monitor.Released:
			control.Bye()
		}
	}
}

func atOrAfter(point, mark string) bool {
	passed := false
	for _, p := range monitor.Failpoints() {
		passed = passed || p == mark
		if p == point {
			break
		}
	}
	return passed
}

// startsAgain deletes what a dead monitor left with the runtime, as the next command does, and runs the container.
func (b *box) startsAgain() {
	b.t.Helper()
	args := append(append([]string(nil), b.launch.RuntimeArgs...), "delete", "--force", b.launch.ID)
	exec.Command(b.launch.Runtime, args...).Run()
	b.env = nil
	b.launch.RestartPolicy, b.launch.TwoStep = "no", false
	control := b.start(nil)
	b.expect(control, monitor.Running)
	b.finish(control, 3)
}

// A monitor that is killed takes nothing with it but itself.
func TestMonitorKilledWhileRunning(t *testing.T) {
	forRuntimes(t, func(t *testing.T, runtime string) {
		b := newBox(t, runtime, "sleep", "1000")
		control := b.start(nil)
		m := b.expect(control, monitor.Running)
		waited := make(chan error, 1)
		conn := b.dial()
		go func() {
			_, err := client.Attach(b.context(), conn, client.AttachOptions{})
			waited <- err
		}()
		r, err := monitor.ReadRunRecord(filepath.Join(b.run, monitor.RunFile))
		if err != nil {
			t.Fatal(err)
		}
		unix.Kill(control.PID(), unix.SIGKILL)
		if err := <-waited; !errors.Is(err, client.ErrLost) {
			t.Errorf("waiting gave %v", err)
		}
		control.Wait(b.context())
		if !r.Process().Alive() || r.PID != m.PID {
			t.Error("the container died with its monitor")
		}
		if held, _, err := monitor.Locked(b.lock()); held || err != nil {
			t.Errorf("lock held=%v, %v", held, err)
		}
	})
}

// A monitor that is stopped answers nobody; a command that waits for it with a deadline gets one.
func TestMonitorStopped(t *testing.T) {
	b := newBox(t, "crun", "sleep", "1000")
	control := b.start(nil)
	b.expect(control, monitor.Running)
	unix.Kill(control.PID(), unix.SIGSTOP)
	defer unix.Kill(control.PID(), unix.SIGCONT)
	ctx := b.context()
	// The signal is sent; that all threads have stopped is another matter on a busy machine.
	err := podtest.Poll(ctx, func() (bool, error) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", control.PID()))
		return strings.Contains(string(stat), ") T "), err
	})
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if err := client.CancelRestart(short, b.run); err == nil {
		t.Error("a stopped monitor answered")
	}
	if held, pid, _ := monitor.Locked(b.lock()); !held || pid != control.PID() {
		t.Errorf("the holder is not named: held=%v pid=%d", held, pid)
	}
}
