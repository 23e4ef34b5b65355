package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pod-engine/pod/internal/hint"
)

// finished gives what finish prints and its exit code.
func finished(t *testing.T, err error) (string, int) {
	t.Helper()
	f, fail := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if fail != nil {
		t.Fatal(fail)
	}
	defer f.Close()
	code := (&app{streams: streams{Err: f}, name: "podman"}).finish(t.Context(), "ps", err)
	text, fail := os.ReadFile(f.Name())
	if fail != nil {
		t.Fatal(fail)
	}
	return string(text), code
}

func TestFinish(t *testing.T) {
	a, b := hint.Wrap(errors.New("a"), "do a"), hint.Wrap(errors.New("b"), "do b")
	for name, c := range map[string]struct {
		err  error
		text string
		code int
	}{
		"nothing":       {nil, "", 0},
		"code alone":    {exitError{code: 9}, "", 9},
		"hint":          {a, "podman: a\nhint: do a\n", 125},
		"joined":        {errors.Join(a, b), "podman: a\nhint: do a\npodman: b\nhint: do b\n", 125},
		"joined, coded": {exitError{2, errors.Join(a, errors.New("c"))}, "podman: a\nhint: do a\npodman: c\n", 2},
		"joined twice":  {errors.Join(errors.Join(a, b), b), "podman: a\nhint: do a\npodman: b\nhint: do b\npodman: b\nhint: do b\n", 125},
		"wrapped join":  {fmt.Errorf("x: %w", errors.Join(errors.New("a"), errors.New("b"))), "podman: x: a\npodman: b\n", 125},
		"two causes":    {fmt.Errorf("%w and %w", a, b), "podman: a and b\nhint: do a\n", 125},
		"hostile":       {hint.Wrap(errors.New("a\x1b[2J\rb"), "c\x1b"), "podman: a\\x1b[2J\\x0db\nhint: c\\x1b\n", 125},
	} {
		if text, code := finished(t, c.err); text != c.text || code != c.code {
			t.Errorf("%s: got %q, %d; want %q, %d", name, text, code, c.text, c.code)
		}
	}
}

// A command that a signal ends says so as a shell does, and nothing else, also where the reason was handed on.
func TestFinishAfterASignal(t *testing.T) {
	for signal, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		ctx, stop := untilSignal(t.Context())
		if err := syscall.Kill(os.Getpid(), signal); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
		for _, err := range []error{ctx.Err(), fmt.Errorf("build: %w", context.Cause(ctx))} {
			if code := (&app{}).finish(ctx, "build", err); code != want {
				t.Errorf("%s, %v: exit code %d, want %d", signal, err, code, want)
			}
		}
		stop()
	}
}
