package main_test

import (
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
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
