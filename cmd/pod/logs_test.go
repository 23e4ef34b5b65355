package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/engine/log"
)

// logFixture is an engine with containers whose logs the test wrote.
type logFixture struct {
	dir        string
	containers []engine.Container
	ended      chan struct{}
}

func (f *logFixture) Find(ctx context.Context, name string) (engine.Container, error) {
	for _, c := range f.containers {
		if c.Config.Name == name {
			return c, nil
		}
	}
	return engine.Container{}, fmt.Errorf("%w: %q", engine.ErrNotFound, name)
}

func (f *logFixture) List(context.Context) ([]engine.Container, error) { return f.containers, nil }

func (f *logFixture) LogPath(cfg *container.Config) string { return filepath.Join(f.dir, cfg.Name) }

func (f *logFixture) Wait(ctx context.Context, id string, opts engine.WaitOptions) (int, error) {
	if len(opts.Conditions) > 0 {
		return 0, nil
	}
	select {
	case <-f.ended:
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// add makes a container whose log is records, "SECOND STREAM TAG TEXT" each.
func (f *logFixture) add(t *testing.T, name string, status container.Status, records ...string) {
	t.Helper()
	n := len(f.containers)
	f.containers = append(f.containers, engine.Container{
		Config: &container.Config{
			ID: strings.Repeat(string(rune('a'+n)), 64), Name: name, Created: time.Unix(int64(n), 0),
			Log: container.Log{Driver: container.LogK8sFile},
		},
		State: container.State{Status: status},
	})
	if err := os.WriteFile(filepath.Join(f.dir, name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.write(t, name, records...)
}

func (f *logFixture) write(t *testing.T, name string, records ...string) {
	t.Helper()
	w, err := os.OpenFile(filepath.Join(f.dir, name), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, r := range records {
		if _, err := w.WriteString("2026-01-02T03:04:" + r + "\n"); err != nil {
			t.Fatal(err)
		}
	}
}

// captured is an app whose output goes to files.
func captured(t *testing.T, name string) (a *app, out, err func() string) {
	t.Helper()
	open := func() (*os.File, func() string) {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f, func() string {
			b, err := os.ReadFile(f.Name())
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
	}
	a = &app{name: name}
	a.Out, out = open()
	a.Err, err = open()
	return a, out, err
}

// logsFlags parses the flags of logs.
func logsFlags(t *testing.T, program string, args ...string) (logsOptions, []string, error) {
	t.Helper()
	cmd := newLogsCommand(&app{name: program})
	opts := logsOptions{tail: -1}
	cmd.ResetFlags()
	opts.addFlags(cmd, program)
	err := cmd.ParseFlags(args)
	return opts, cmd.Flags().Args(), err
}

func TestLogs(t *testing.T) {
	f := &logFixture{dir: t.TempDir()}
	f.add(t, "web", container.StatusExited, "05+00:00 stdout F hi", "06+00:00 stderr F err", "07+00:00 stdout P par",
		"09+00:00 stdout F tial", "11+00:00 stdout P no newline")
	f.add(t, "db", container.StatusExited, "04Z stdout F a\r", "08Z stdout F b\x00c")
	for _, c := range []struct {
		program, args string
		out, err      string
	}{
		{"pod", "web", "hi\npartial\nno newline", "err\n"},
		{"pod", "--latest", "a\r\nb\x00c\n", ""},
		{"pod", "-n web", "hi\npartial\nno newline", "err\n"},
		{"pod", "--tail 2 web", "partial\nno newline", ""},
		{"pod", "--tail 0 web", "", ""},
		{"pod", "--tail all --details db", "a\r\nb\x00c\n", ""},
		{"docker", "-n 1 db", "b\x00c\n", ""},
		{"pod", "-t web", "2026-01-02T03:04:05.000000000Z hi\n2026-01-02T03:04:07.000000000Z partial\n2026-01-02T03:04:11.000000000Z no newline", "2026-01-02T03:04:06.000000000Z err\n"},
		{"pod", "web db", "bbbbbbbbbbbb a\r\naaaaaaaaaaaa hi\naaaaaaaaaaaa par\nbbbbbbbbbbbb b\x00c\naaaaaaaaaaaa tial\naaaaaaaaaaaa no newline", "aaaaaaaaaaaa err\n"},
		{"pod", "-n db web --tail 1", "db b\x00c\nweb no newline", ""},
		{"pod", "--color -n --until 2026-01-02T03:04:06Z web db", "\x1b[31mdb a\r\x1b[0m\n\x1b[37mweb hi\x1b[0m\n", "\x1b[37mweb err\x1b[0m\n"},
		{"pod", "--since 2026-01-02T03:04:09Z web", "tial\nno newline", ""},
		{"pod", "-f web", "hi\npartial\nno newline", "err\n"},
	} {
		opts, names, err := logsFlags(t, c.program, strings.Fields(c.args)...)
		if err != nil {
			t.Fatal(err)
		}
		window, err := opts.window(false)
		if err != nil {
			t.Fatal(err)
		}
		a, stdout, stderr := captured(t, c.program)
		if err := runLogs(t.Context(), a, f, names, opts, window); err != nil {
			t.Errorf("%s: %v", c.args, err)
		}
		if stdout() != c.out || stderr() != c.err {
			t.Errorf("%s logs %s:\n%q\n%q\nwant\n%q\n%q", c.program, c.args, stdout(), stderr(), c.out, c.err)
		}
	}
}

func TestLogsFollow(t *testing.T) {
	for _, status := range []container.Status{container.StatusRunning, container.StatusCreated} {
		f := &logFixture{dir: t.TempDir(), ended: make(chan struct{})}
		f.add(t, "web", status, "05Z stdout F one")
		a, _, _ := captured(t, "pod")
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		a.Out = w
		done := make(chan error)
		go func() {
			err := runLogs(t.Context(), a, f, []string{"web"}, logsOptions{follow: true}, log.Options{Follow: true, Tail: -1})
			w.Close()
			done <- err
		}()
		// What was written is shown although more may come.
		first := make([]byte, 4)
		if _, err := io.ReadFull(r, first); err != nil || string(first) != "one\n" {
			t.Errorf("%q, %v", first, err)
		}
		f.write(t, "web", "06Z stdout F two")
		close(f.ended)
		rest, err := io.ReadAll(r)
		if err != nil || string(rest) != "two\n" {
			t.Errorf("%q, %v", rest, err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestLogsErrors(t *testing.T) {
	for args, want := range map[string]string{
		"":                    "no container is named: give one or more names or ids, or --latest",
		"-l web":              "--latest chooses the container: give no names with it",
		"--since never web":   `--since: "never" is not a point in time: want a duration (10m), a date (2006-01-02[T15:04:05][Z]) or seconds since 1970`,
		"--until never web":   `--until: "never" is not a point in time: want a duration (10m), a date (2006-01-02[T15:04:05][Z]) or seconds since 1970`,
		"--tail some web":     `invalid argument "some" for "--tail" flag: want a number of lines, or all`,
		"--tail 1e3 web":      `invalid argument "1e3" for "--tail" flag: want a number of lines, or all`,
		"--no-such-flag nine": "unknown flag: --no-such-flag",
	} {
		cmd := newLogsCommand(&app{name: "pod"})
		cmd.SetArgs(strings.Fields(args))
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		if err := cmd.Execute(); err == nil || err.Error() != want {
			t.Errorf("logs %s: %v, want %s", args, err, want)
		}
	}
	f := &logFixture{dir: t.TempDir()}
	a, _, _ := captured(t, "pod")
	if err := runLogs(t.Context(), a, f, []string{"nope"}, logsOptions{}, log.Options{Tail: -1}); err == nil || err.Error() != `no such container: "nope"` {
		t.Errorf("%v", err)
	}
	if err := runLogs(t.Context(), a, f, nil, logsOptions{latest: true}, log.Options{Tail: -1}); err == nil || err.Error() != "there is no container" {
		t.Errorf("%v", err)
	}
	f.add(t, "web", container.StatusExited, "05Z stdout F hi")
	a.Out.Close()
	if err := runLogs(t.Context(), a, f, []string{"web"}, logsOptions{}, log.Options{Tail: -1}); err == nil || !strings.Contains(err.Error(), "file already closed") {
		t.Errorf("with its output closed: %v", err)
	}
}

func TestUntilOfDocker(t *testing.T) {
	o := logsOptions{until: "10m"}
	now := time.Now()
	podman, err := o.window(false)
	if err != nil || podman.Until.Before(now) {
		t.Errorf("%v, %v", podman.Until, err)
	}
	docker, err := o.window(true)
	if err != nil || docker.Until.After(now) {
		t.Errorf("%v, %v", docker.Until, err)
	}
}
