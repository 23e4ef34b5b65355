//go:build failpoint

package failpoint

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func TestMain(m *testing.M) {
	if point := os.Getenv("HIT"); point != "" {
		if Hit(point) != nil {
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestHit(t *testing.T) {
	tests := []struct {
		name, term, hit string
		signal          syscall.Signal
		code            int
	}{
		{"nothing asked", "", "a.b", 0, 0},
		{"another point", "a.c=kill", "a.b", 0, 0},
		{"a prefix is another point", "a.b=kill", "a.bc", 0, 0},
		{"error", "a.b=error", "a.b", 0, 3},
		{"second of a list", "x.y=kill,a.b=error", "a.b", 0, 3},
		{"kill", "a.b=kill", "a.b", syscall.SIGKILL, 0},
		{"unknown action", "a.b=dance", "a.b", 0, 0},
		{"no action", "a.b", "a.b", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = []string{"HIT=" + tt.hit, "POD_FAILPOINT=" + tt.term}
			err := cmd.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			switch {
			case tt.signal != 0 && (!status.Signaled() || status.Signal() != tt.signal):
				t.Errorf("ended with %v, want signal %v", cmd.ProcessState, tt.signal)
			case tt.signal == 0 && cmd.ProcessState.ExitCode() != tt.code:
				t.Errorf("ended with %v, want exit code %d", cmd.ProcessState, tt.code)
			}
		})
	}
}

func TestTrace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace")
	t.Setenv("POD_FAILPOINT_TRACE", path)
	Hit("a.b")
	Hit("c.d")
	if got, err := os.ReadFile(path); err != nil || string(got) != "a.b\nc.d\n" {
		t.Errorf("trace %q, %v", got, err)
	}
}
