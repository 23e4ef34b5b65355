package filelock

import (
	"syscall"
	"testing"
)

func TestStopped(t *testing.T) {
	path := lockPath(t)
	other := holder(t, path)
	if pid := Stopped([]string{path}); pid != 0 {
		t.Errorf("process %d runs, and is said to be stopped", pid)
	}
	if err := other.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(other.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("it does not stop: %v", err)
	}
	if pid := Stopped([]string{path, path + ".none"}); pid != other.Process.Pid {
		t.Errorf("process %d is said to be stopped, want %d", pid, other.Process.Pid)
	}
	if pid := Stopped([]string{path + ".none"}); pid != 0 {
		t.Errorf("process %d has no lock there", pid)
	}
}
