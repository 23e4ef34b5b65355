package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestStartError(t *testing.T) {
	_, notFound := exec.LookPath("no-such-command-anywhere")
	_, directory := exec.LookPath(t.TempDir())
	_, missing := exec.LookPath(filepath.Join(t.TempDir(), "missing"))
	for name, tt := range map[string]struct {
		err  error
		code int
	}{
		"not on PATH":    {notFound, 127},
		"no such file":   {missing, 127},
		"a directory":    {directory, 126},
		"no interpreter": {syscall.ENOENT, 127},
		"not permitted":  {syscall.EACCES, 126},
		"not a program":  {syscall.ENOEXEC, 126},
	} {
		var exit exitError
		err := startError("thing", tt.err)
		if !errors.As(err, &exit) || exit.code != tt.code {
			t.Errorf("%s: got %v, want code %d", name, err, tt.code)
		}
		if !strings.HasPrefix(err.Error(), `run "thing": `) || strings.Count(err.Error(), "thing") != 1 {
			t.Errorf("%s: message %q", name, err)
		}
	}
}

func TestUnshareLeavesTheCommandsFlagsAlone(t *testing.T) {
	cmd := newUnshareCommand(&app{})
	if err := cmd.ParseFlags([]string{"ls", "-l", "--help"}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(cmd.Flags().Args(), " "); got != "ls -l --help" {
		t.Errorf("got %q", got)
	}
}
