package client

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

// A run directory may be deeper than a socket address can say.
func TestDialInDeepDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 200))
	if _, err := Dial(dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("without a directory: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("without a socket: %v", err)
	}
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := errors.Join(unix.Bind(socket, &unix.SockaddrUnix{Name: monitor.AttachFile}), unix.Listen(socket, 1)); err != nil {
		t.Fatal(err)
	}
	conn, err := Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	unix.Close(socket) // as a monitor that was killed
	if _, err := Dial(dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("with a dead socket: %v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("pipe is closed") }

func TestAttachEnds(t *testing.T) {
	frame := monitor.AppendFrame
	for name, test := range map[string]struct {
		sent []byte
		code int
		want error
	}{
		"exit":           {frame(nil, monitor.FrameExit, []byte{0, 0, 0, 42}), 42, nil},
		"lost":           {nil, 0, ErrLost},
		"half a frame":   {frame(nil, monitor.FrameExit, []byte{0, 0, 0, 42})[:7], 0, ErrLost},
		"too long":       {[]byte{'O', 255, 0, 0, 0}, 0, ErrLost},
		"unknown frames": {frame(frame(nil, 'Z', []byte("?")), monitor.FrameExit, []byte{0, 0, 0, 1}), 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			conn, theirs, err := NewConn(monitor.Stdout, monitor.Size{})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			theirs.Write(test.sent)
			unix.Shutdown(int(theirs.Fd()), unix.SHUT_WR)
			defer theirs.Close()
			code, err := Attach(context.Background(), conn, AttachOptions{})
			if code != test.code || !errors.Is(err, test.want) {
				t.Errorf("got %d, %v", code, err)
			}
		})
	}
}

func TestAttachCancelledAndBrokenOutput(t *testing.T) {
	conn, theirs, err := NewConn(monitor.Stdout, monitor.Size{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer theirs.Close()
	theirs.Write(monitor.AppendFrame(nil, monitor.FrameStdout, []byte("x")))
	if _, err := Attach(context.Background(), conn, AttachOptions{Stdout: brokenWriter{}}); err == nil || errors.Is(err, ErrLost) {
		t.Errorf("a broken output gives %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Attach(ctx, conn, AttachOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled attach gives %v", err)
	}
}
