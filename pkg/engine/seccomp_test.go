package engine

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestOnlyAWholeFilterIsUsed(t *testing.T) {
	whole := strings.Repeat("12345678", 3)
	for name, tt := range map[string]struct {
		make func(path string) error
		used bool
	}{
		"whole":    {func(path string) error { return os.WriteFile(path, []byte(whole), 0o600) }, true},
		"missing":  {func(string) error { return nil }, false},
		"empty":    {func(path string) error { return os.WriteFile(path, nil, 0o600) }, false},
		"cut":      {func(path string) error { return os.WriteFile(path, []byte(whole[:20]), 0o600) }, false},
		"a link":   {func(path string) error { return os.Symlink("/etc/passwd", path) }, false},
		"a FIFO":   {func(path string) error { return unix.Mkfifo(path, 0o600) }, false},
		"a folder": {func(path string) error { return os.Mkdir(path, 0o700) }, false},
		"huge":     {func(path string) error { return makeSparse(path, 1<<30) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "filter")
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			spec := &specs.Spec{Linux: &specs.Linux{Seccomp: &specs.LinuxSeccomp{}}}
			useFilter(spec, path)
			used := false
			for _, value := range spec.Annotations {
				used = used || value == base64.StdEncoding.EncodeToString([]byte(whole))
			}
			if used != tt.used || !tt.used && len(spec.Annotations) > 0 {
				t.Errorf("annotations %v", spec.Annotations)
			}
		})
	}
}

func TestFilterPath(t *testing.T) {
	e := testEngine(t)
	crun := filepath.Join(t.TempDir(), "crun")
	write(t, crun, "a program")
	spec := func(action specs.LinuxSeccompAction) *specs.Spec {
		return &specs.Spec{Linux: &specs.Linux{Seccomp: &specs.LinuxSeccomp{DefaultAction: action}}}
	}
	path := func(s *specs.Spec) string {
		t.Helper()
		got, err := e.filterPath(s)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := path(spec(specs.ActErrno)); got != "" {
		t.Errorf("with a runtime that is not crun: %q", got)
	}
	e.Runtime.Path = crun
	if got := path(&specs.Spec{Linux: &specs.Linux{}}); got != "" {
		t.Errorf("without a profile: %q", got)
	}
	first := path(spec(specs.ActErrno))
	if again := path(spec(specs.ActErrno)); again != first || first == "" {
		t.Errorf("the same profile has two places: %q and %q", first, again)
	}
	if other := path(spec(specs.ActKill)); other == first {
		t.Error("two profiles share a place")
	}
	write(t, crun, "a newer program")
	if newer := path(spec(specs.ActErrno)); newer == first {
		t.Error("another runtime shares a place")
	}
}

func TestKeepFilter(t *testing.T) {
	e := testEngine(t)
	id := newID()
	state := filepath.Join(e.runtimeRoot(), id, "seccomp.bpf")
	path := filepath.Join(e.RunDir, "cache", "seccomp-x")
	for _, text := range []string{"", "1234567"} {
		write(t, state, text)
		if e.keepFilter(e.runtimeRoot(), id, path); exists(path) {
			t.Errorf("a filter of %d bytes was kept", len(text))
		}
	}
	write(t, state, "12345678")
	e.keepFilter(e.runtimeRoot(), id, path)
	if got, err := os.ReadFile(path); err != nil || string(got) != "12345678" {
		t.Errorf("kept: %q, %v", got, err)
	}
}
