package main_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
	"golang.org/x/sys/unix"
)

// output is a buffer that may be looked at while it is written.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// attached is an Attach under way.
type attached struct {
	stdin          *io.PipeWriter
	stdout, stderr output
	resize         chan monitor.Size
	exit           int
	err            error
	done           chan struct{}
}

const everything = monitor.Stdin | monitor.Stdout | monitor.Stderr

// attach attaches all streams to conn.
func (b *box) attach(conn *client.Conn, keys string) *attached {
	a := &attached{resize: make(chan monitor.Size), done: make(chan struct{})}
	var stdin io.Reader
	stdin, a.stdin = io.Pipe()
	go func() {
		defer close(a.done)
		a.exit, a.err = client.Attach(b.context(), conn, client.AttachOptions{
			Stdin: stdin, Stdout: &a.stdout, Stderr: &a.stderr, DetachKeys: []byte(keys), Resize: a.resize,
		})
		conn.Close()
	}()
	return a
}

// wait waits for the end of the attachment with an exit code.
func (a *attached) wait(t testing.TB, code int) {
	t.Helper()
	select {
	case <-a.done:
	case <-time.After(30 * time.Second):
		t.Fatal("the attachment does not end")
	}
	if a.err != nil || a.exit != code {
		t.Errorf("attach gave %d, %v; want %d", a.exit, a.err, code)
	}
}

// connect makes the first client.
func (b *box) connect(streams monitor.Streams, size monitor.Size) (*client.Conn, *os.File) {
	b.t.Helper()
	ours, theirs, err := client.NewConn(streams, size)
	if err != nil {
		b.t.Fatal(err)
	}
	return ours, theirs
}

func (b *box) dial() *client.Conn {
	b.t.Helper()
	conn, err := client.Dial(b.run)
	if err != nil {
		b.t.Fatal(err)
	}
	return conn
}

// A further process is the monitor's child: it is reaped whether or not anybody waits for it, and its end is told to who does.
func TestExec(t *testing.T) {
	forRuntimes(t, func(t *testing.T, runtime string) {
		b := newBox(t, runtime, "sleep", "1000")
		control := b.start(nil)
		m := b.expect(control, monitor.Running)
		attended, err := b.exec("attended", "sh", "-c", "exit 7")
		if err != nil {
			t.Fatal(err)
		}
		defer attended.Close()
		if code, err := attended.Wait(b.context()); code != 7 || err != nil {
			t.Errorf("it ended with %d, %v; want 7", code, err)
		}
		left, err := b.exec("left", "sleep", "0.1")
		if err != nil {
			t.Fatal(err)
		}
		left.Close()
		eventually(t, "its directory is gone", func() bool {
			_, err := os.Stat(filepath.Join(b.run, "exec", "left"))
			return errors.Is(err, os.ErrNotExist)
		})
		var failed *client.ExecError
		if _, err := b.exec("broken", "no-such-command"); !errors.As(err, &failed) {
			t.Errorf("a command that does not exist gives %v", err)
		}
		killed, err := b.exec("killed", "sleep", "1000")
		if err != nil {
			t.Fatal(err)
		}
		defer killed.Close()
		unix.Kill(m.PID, unix.SIGKILL)
		if code, err := killed.Wait(b.context()); code != 137 || err != nil {
			t.Errorf("at the end of the container it ended with %d, %v; want 137", code, err)
		}
	})
}

// exec asks the monitor for a further process, with /dev/null for its streams.
func (b *box) exec(name string, argv ...string) (*client.Process, error) {
	dir := filepath.Join(b.run, "exec", name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.t.Fatal(err)
	}
	spec, err := json.Marshal(map[string]any{"args": argv, "cwd": "/", "env": b.process["env"], "user": b.process["user"]})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "process.json"), spec, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer null.Close()
	command := append([]string{b.launch.Runtime}, b.launch.RuntimeArgs...)
	command = append(command, "exec", "--detach", "--pid-file", "pid", "--process", "process.json", b.launch.ID)
	return client.Exec(b.context(), b.run, monitor.Exec{Dir: "exec/" + name, Argv: command}, []*os.File{null, null, null})
}
