package log

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/pod-engine/pod/pkg/container"
)

// epoch is the time of the first record that a testLog writes; each further one is a second later.
func epoch() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 678, time.FixedZone("", 3600)) }

// testLog writes a log as the monitor does.
type testLog struct {
	t       testing.TB
	driver  container.LogDriver
	path    string
	maxFile int
	f       *os.File
	records int
}

func newTestLog(t testing.TB, driver container.LogDriver, maxFile int) *testLog {
	l := &testLog{t: t, driver: driver, path: filepath.Join(t.TempDir(), "log"), maxFile: maxFile}
	l.open()
	t.Cleanup(func() { l.f.Close() })
	return l
}

func (l *testLog) open() {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	l.f = f
}

func (l *testLog) source() Source {
	return Source{Driver: l.driver, Path: l.path, Name: "web", MaxFile: l.maxFile}
}

// output writes what a container wrote at once: a record per line, and a partial one for what no newline follows.
func (l *testLog) output(s Stream, data []byte) {
	for len(data) > 0 {
		text, rest, whole := bytes.Cut(data, []byte{'\n'})
		l.raw(l.encode(s, text, whole))
		data = rest
	}
}

func (l *testLog) encode(s Stream, text []byte, whole bool) []byte {
	at := epoch().Add(time.Duration(l.records) * time.Second)
	l.records++
	name := map[Stream]string{Stdout: "stdout", Stderr: "stderr"}[s]
	if l.driver == container.LogJSONFile {
		if whole {
			text = append(bytes.Clone(text), '\n')
		}
		line, err := json.Marshal(map[string]string{"log": string(text), "stream": name, "time": at.Format(time.RFC3339Nano)})
		if err != nil {
			l.t.Fatal(err)
		}
		return append(line, '\n')
	}
	tag := "P"
	if whole {
		tag = "F"
	}
	line := fmt.Appendf(nil, "%s %s %s ", at.Format("2006-01-02T15:04:05.000000000-07:00"), name, tag)
	return append(append(line, text...), '\n')
}

func (l *testLog) raw(data []byte) {
	if _, err := l.f.Write(data); err != nil {
		l.t.Fatal(err)
	}
}

func (l *testLog) rotate() {
	for i := l.maxFile - 1; i > 0; i-- {
		from := l.path
		if i > 1 {
			from += "." + strconv.Itoa(i-1)
		}
		if err := os.Rename(from, l.path+"."+strconv.Itoa(i)); err != nil && !os.IsNotExist(err) {
			l.t.Fatal(err)
		}
	}
	l.f.Close()
	l.open()
}

// output is what was read, as the container wrote it.
type output struct {
	stdout, stderr bytes.Buffer
	records        int
	last           time.Time
}

func (o *output) give(r Record) error {
	o.records++
	o.last = r.Time
	w := &o.stdout
	if r.Stream == Stderr {
		w = &o.stderr
	}
	w.Write(r.Text)
	if !r.Partial {
		w.WriteByte('\n')
	}
	return nil
}

func (l *testLog) read(opts Options) *output {
	l.t.Helper()
	o := new(output)
	if err := Read(context.Background(), l.source(), opts, o.give); err != nil {
		l.t.Fatal(err)
	}
	return o
}

// follower reads with Follow in the background.
type follower struct {
	t     testing.TB
	out   output
	ended chan struct{}
	idle  chan struct{}
	done  chan error
}

func follow(t testing.TB, src Source, opts Options) *follower {
	f := &follower{t: t, ended: make(chan struct{}), idle: make(chan struct{}, 1), done: make(chan error, 1)}
	opts.Follow = true
	opts.Idle = func() {
		select {
		case f.idle <- struct{}{}:
		default:
		}
	}
	src.Ended = f.ended
	go func() { f.done <- Read(context.Background(), src, opts, f.out.give) }()
	return f
}

// wait gives what was read when Read has returned.
func (f *follower) wait() *output {
	f.t.Helper()
	select {
	case err := <-f.done:
		if err != nil {
			f.t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		f.t.Fatal("following does not end")
	}
	return &f.out
}

func (f *follower) end() *output {
	f.t.Helper()
	close(f.ended)
	return f.wait()
}
