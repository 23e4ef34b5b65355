package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	ossignal "os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/podtest"
)

// running starts the victim and gives its id.
func (b *bench) running(t *testing.T, flags ...string) string {
	t.Helper()
	args := append([]string{"run", "-d", "--name", victim}, flags...)
	b.must(nil, append(args, podtest.BoxImage, "sleep", "1000")...)
	return b.inspect(t, "{{.ID}}")
}

func (b *bench) inspect(t *testing.T, format string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	out, err := b.world.Run(ctx, "inspect", "--format", format, victim)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (b *bench) wantState(t *testing.T, want string) {
	t.Helper()
	if got := b.inspect(t, "{{.State.Status}}"); got != want {
		t.Errorf("the container is %s, want %s", got, want)
	}
}

// wantError runs a command that must fail with a text, without panic.
func (b *bench) wantError(t *testing.T, text string, args ...string) {
	t.Helper()
	err := b.command([]string{"POD_FAILPOINT_PATIENCE=1s"}, args...)
	if err == nil || errors.Is(err, errHangs) || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "panic") {
		t.Errorf("%s: %v; want an error with %q", args, err, text)
	}
}

// gone checks that the victim can be removed and nothing is left.
func (b *bench) gone(t *testing.T) {
	t.Helper()
	if err := errors.Join(b.othersWork(), b.removable()); err != nil {
		t.Error(err)
	}
}

func (b *bench) runFile(id, name string) string {
	return filepath.Join(b.world.RunDir(), "pod", "containers", id, name)
}

func (b *bench) dataFile(parts ...string) string {
	return filepath.Join(append([]string{b.world.DataDir(), "pod"}, parts...)...)
}

// monitor gives the pid of the monitor of a container.
func (b *bench) monitor(t *testing.T, id string) int { return firstNumber(t, b.runFile(id, "lock")) }

func firstNumber(t *testing.T, file string) int {
	t.Helper()
	n, err := podtest.FirstNumber(file)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func signal(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
}

// awaitEnd returns when a process is gone or a zombie.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	err := podtest.Poll(ctx, func() (bool, error) { return podtest.Ended(pid), nil })
	if err != nil {
		t.Fatalf("process %d: %v", pid, err)
	}
}

func TestKilledMonitorLeavesTheContainerRunning(t *testing.T) {
	b := newBench(t)
	for _, network := range []string{"none", "slirp4netns", "pasta"} {
		if network != "none" {
			if _, err := exec.LookPath(network); err != nil {
				t.Logf("not tried with %s: %v", network, err)
				continue
			}
		}
		for _, ending := range [][]string{{"stop", "-t", "0", victim}, {"kill", victim}, {"rm", "-f", "-t", "0", victim}} {
			t.Run(network+"/"+ending[0], func(t *testing.T) {
				id := b.running(t, "--network", network)
				pid := b.monitor(t, id)
				signal(t, pid, syscall.SIGKILL)
				awaitEnd(t, pid)
				b.wantState(t, "running")
				b.must(nil, "exec", victim, "true")
				waited := make(chan error, 1)
				wait := b.world.Command(context.Background(), "wait", victim)
				go func() { waited <- wait.Run() }()
				b.must(nil, ending...)
				select {
				case err := <-waited:
					if err == nil {
						t.Error("wait knows an exit code that nobody recorded")
					}
				case <-time.After(commandTimeout):
					wait.Process.Kill()
					t.Error("wait does not end")
				}
				b.gone(t)
			})
		}
	}
}

// Whatever a wrong clock has put into the records, nothing runs out early, and no time is shown that cannot be.
func TestClockThatJumped(t *testing.T) {
	b := newBench(t)
	for _, started := range []time.Time{
		time.Now().AddDate(1, 0, 0), time.Now().AddDate(-1, 0, 0), time.Unix(0, 0), time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(started.Format("2006"), func(t *testing.T) {
			id := b.running(t, "--network", "none", "--stop-timeout", "30", "--timeout", "600")
			rewrite(t, b.runFile(id, "run"), `started=.*`, "started="+started.Format(time.RFC3339Nano))
			ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
			defer cancel()
			status, err := b.world.Run(ctx, "ps", "--format", "{{.Status}}")
			if err != nil || !strings.HasPrefix(status, "Up ") || strings.Contains(status, "-") {
				t.Errorf("ps says %q, %v", status, err)
			}
			b.must(nil, "logs", "--since", "1h", victim)
			b.must(nil, "kill", "--signal", "KILL", victim)
			b.must(nil, "wait", victim)
			rewrite(t, b.dataFile("containers", id, "exit"), `finished=.*`, "finished="+started.Format(time.RFC3339Nano))
			status, err = b.world.Run(ctx, "ps", "--all", "--format", "{{.Status}}")
			if err != nil || !strings.HasPrefix(status, "Exited (137) ") || strings.Contains(status, "-") {
				t.Errorf("ps --all says %q, %v", status, err)
			}
			b.must(nil, "start", victim)
			b.wantState(t, "running")
			b.gone(t)
		})
	}
}

func TestStoppedMonitorIsNamed(t *testing.T) {
	b := newBench(t)
	id := b.running(t, "--network", "none")
	pid := b.monitor(t, id)
	signal(t, pid, syscall.SIGSTOP)
	if err := b.othersWork(); err != nil {
		t.Error(err)
	}
	b.wantError(t, strconv.Itoa(pid), "stop", "-t", "0", victim)
	signal(t, pid, syscall.SIGCONT)
	b.gone(t)
}

func TestHolderIsMadeAnew(t *testing.T) {
	b := newBench(t)
	record := filepath.Join(b.world.RunDir(), "pod", "holder")
	t.Run("killed", func(t *testing.T) {
		b.running(t, "--network", "none")
		pid := firstNumber(t, record)
		signal(t, pid, syscall.SIGKILL)
		awaitEnd(t, pid)
		b.wantState(t, "running")
		b.gone(t)
	})
	t.Run("pid reused", func(t *testing.T) {
		b.running(t, "--network", "none")
		text, err := os.ReadFile(record)
		if err != nil {
			t.Fatal(err)
		}
		pid := firstNumber(t, record)
		other := strings.Replace(string(text), strconv.Itoa(pid), strconv.Itoa(os.Getpid()), 1)
		if err := os.WriteFile(record, []byte(other), 0o600); err != nil {
			t.Fatal(err)
		}
		signal(t, pid, syscall.SIGKILL)
		b.wantState(t, "running")
		b.gone(t)
	})
}

func TestLockHolders(t *testing.T) {
	b := newBench(t)
	b.running(t, "--network", "none")
	holder := b.world.Command(context.Background(), "stop", "-t", "0", victim)
	holder.Env = append(holder.Env, "POD_FAILPOINT=stop.marked=stop")
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	err := podtest.Poll(ctx, func() (bool, error) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", holder.Process.Pid))
		return strings.Contains(string(stat), ") T"), err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.wantError(t, fmt.Sprintf("by process %d: stop", holder.Process.Pid), "rename", victim, "another")
	waiter := b.world.Command(context.Background(), "rename", victim, "another")
	if err := waiter.Start(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	holder.Process.Kill()
	holder.Wait()
	if err := waiter.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("the next command ended %s after the holder of the lock was killed", time.Since(begin))
	b.gone(t)
}

func TestHangUpLeavesDetachedContainers(t *testing.T) {
	b := newBench(t)
	// What ignores a signal hands that down (execve(2)), as nohup does; what is caught is at its default again in the shell.
	caught := make(chan os.Signal, 1)
	ossignal.Notify(caught, syscall.SIGHUP)
	defer ossignal.Stop(caught)
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		shell := exec.Command("sh", "-c", `"$@" && exec sleep 1000`, "sh", b.world.Engine,
			"run", "-d", "--name", victim, "--network", "none", podtest.BoxImage, "sleep", "1000")
		shell.Env, shell.SysProcAttr = b.world.Env(), &syscall.SysProcAttr{Setsid: true}
		if err := shell.Start(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
		defer cancel()
		err := podtest.Poll(ctx, func() (bool, error) {
			comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", shell.Process.Pid))
			return strings.TrimSpace(string(comm)) == "sleep", err
		})
		if err != nil {
			t.Fatal(err)
		}
		signal(t, -shell.Process.Pid, sig)
		shell.Wait()
		b.wantState(t, "running")
		b.gone(t)
	}
}

// Nobody waits for a foreground command that is suspended (Ctrl-Z).
func TestSuspendedCommandIsNotWaitedFor(t *testing.T) {
	b := newBench(t)
	foreground := func(t *testing.T, args ...string) (resume func()) {
		cmd := b.world.Command(context.Background(), args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		b.awaitOutput(t, "running", "ps", "--all", "--filter", "name="+victim, "--format", "{{.State}}")
		signal(t, cmd.Process.Pid, syscall.SIGSTOP)
		return func() {
			signal(t, cmd.Process.Pid, syscall.SIGCONT)
			cmd.Wait()
		}
	}
	t.Run("run", func(t *testing.T) {
		resume := foreground(t, "run", "--name", victim, "--network", "none", podtest.BoxImage, "sleep", "1000")
		b.must(nil, "stop", "-t", "0", victim)
		b.wantState(t, "exited")
		b.must(nil, "start", victim)
		resume()
		b.wantState(t, "running") // the command's own start is over; this one is not its business
		b.gone(t)
	})
	t.Run("exec", func(t *testing.T) {
		id := b.running(t, "--network", "none")
		cmd := b.world.Command(context.Background(), "exec", victim, "sleep", "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		b.awaitOutput(t, "1", "inspect", "--format", "{{len .ExecIDs}}", id)
		signal(t, cmd.Process.Pid, syscall.SIGSTOP)
		b.must(nil, "stop", "-t", "0", victim)
		signal(t, cmd.Process.Pid, syscall.SIGCONT)
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 137 {
			t.Errorf("exec ended with %d, want 137: its process was killed with the container", code)
		}
		b.gone(t)
	})
	t.Run("run --rm", func(t *testing.T) {
		resume := foreground(t, "run", "--rm", "--name", victim, "--network", "none", podtest.BoxImage, "sleep", "1000")
		b.must(nil, "kill", victim)
		b.awaitOutput(t, "", "ps", "--all", "--filter", "name="+victim, "--format", "{{.State}}")
		resume()
		b.gone(t)
	})
}

// awaitOutput runs a command again and again until it prints exactly this.
func (b *bench) awaitOutput(t *testing.T, want string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	err := podtest.Poll(ctx, func() (bool, error) {
		out, err := b.world.Run(ctx, args...)
		return strings.TrimSpace(out) == want, err
	})
	if err != nil {
		t.Fatalf("%s does not print %q: %v", strings.Join(args, " "), want, err)
	}
}
