package main_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/client"
	"golang.org/x/sys/unix"
)

func TestStdin(t *testing.T) {
	forRuntimes(t, func(t *testing.T, runtime string) {
		b := newBox(t, runtime, "cat")
		b.launch.Stdin, b.launch.StdinOnce = true, true
		conn, theirs := b.connect(everything, monitor.Size{})
		control := b.start(theirs)
		a := b.attach(conn, "")
		b.expect(control, monitor.Running)
		flood := strings.Repeat("0123456789abcde\n", 64<<10)
		io.WriteString(a.stdin, flood)
		a.stdin.Close()
		a.wait(t, 0)
		b.finish(control, 0)
		if a.stdout.String() != flood {
			t.Errorf("%d bytes came back of %d", len(a.stdout.String()), len(flood))
		}
		if b.logText("stdout") != flood {
			t.Error("the log differs from the output")
		}
	})
}

// Without StdinOnce the end of one client is not the container's; with it, a client that just leaves ends stdin.
func TestStdinOfSeveralClients(t *testing.T) {
	b := newBox(t, "crun", "cat")
	b.launch.Stdin = true
	control := b.start(nil)
	b.expect(control, monitor.Running)
	first := b.attach(b.dial(), "")
	io.WriteString(first.stdin, "one\n")
	first.stdin.Close()
	eventually(t, "the first client reads its line", func() bool { return first.stdout.String() == "one\n" })
	second := b.attach(b.dial(), "")
	io.WriteString(second.stdin, "two\n")
	eventually(t, "both read the second line", func() bool {
		return first.stdout.String() == "one\ntwo\n" && second.stdout.String() == "two\n"
	})
	r, _ := monitor.ReadRunRecord(filepath.Join(b.run, monitor.RunFile))
	r.Process().Signal(9)
	first.wait(t, 137)
	second.wait(t, 137)
	b.finish(control, 137)

	b.launch.StdinOnce = true
	control = b.start(nil)
	b.expect(control, monitor.Running)
	conn := b.dial()
	third := b.attach(conn, "q")
	io.WriteString(third.stdin, "q") // detach
	<-third.done
	if !errors.Is(third.err, client.ErrDetached) {
		t.Errorf("the detach key gave %v", third.err)
	}
	b.finish(control, 0) // cat saw the end of its input
}

func TestTerminal(t *testing.T) {
	forRuntimes(t, func(t *testing.T, runtime string) {
		b := newBox(t, runtime, "sh", "-c", "stty size; read x; stty size; echo got $x; read y; exit 5")
		b.launch.Terminal, b.launch.Stdin = true, true
		conn, theirs := b.connect(everything, monitor.Size{Rows: 40, Columns: 132})
		control := b.start(theirs)
		a := b.attach(conn, "\x10\x11")
		b.expect(control, monitor.Running)
		eventually(t, "the size is right from the start", func() bool { return strings.Contains(a.stdout.String(), "40 132") })
		a.resize <- monitor.Size{Rows: 41, Columns: 133}
		io.WriteString(a.stdin, "a\x10b\n") // a broken detach sequence goes through
		eventually(t, "the new size is there", func() bool {
			return strings.Contains(a.stdout.String(), "41 133") && strings.Contains(a.stdout.String(), "got a\x10b\r\n")
		})
		a.stdin.Write([]byte("\x10"))
		a.stdin.Write([]byte("\x11"))
		<-a.done
		if !errors.Is(a.err, client.ErrDetached) {
			t.Fatalf("the detach keys gave %v", a.err)
		}
		again := b.attach(b.dial(), "")
		io.WriteString(again.stdin, "end\n")
		again.wait(t, 5)
		b.finish(control, 5)
		if text := b.logText("stdout"); !strings.Contains(text, "40 132") || !strings.Contains(text, "41 133") {
			t.Errorf("logged %q", text)
		}
	})
}

func TestTerminalEndOfInput(t *testing.T) {
	b := newBox(t, "crun", "cat")
	b.launch.Terminal, b.launch.Stdin = true, true
	conn, theirs := b.connect(everything, monitor.Size{})
	control := b.start(theirs)
	a := b.attach(conn, "")
	b.expect(control, monitor.Running)
	io.WriteString(a.stdin, "line\n")
	a.stdin.Close()
	a.wait(t, 0)
	b.finish(control, 0)
}

func TestPassthrough(t *testing.T) {
	forRuntimes(t, func(t *testing.T, runtime string) {
		b := newBox(t, runtime, "sh", "-c", "cat; echo err >&2")
		b.launch.LogDriver, b.launch.LogPath = "passthrough", ""
		var pipes [3][2]*os.File
		for i := range pipes {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			pipes[i] = [2]*os.File{r, w}
		}
		control := b.start(nil, func(o *client.StartOptions) {
			o.Stdio = [3]*os.File{pipes[0][0], pipes[1][1], pipes[2][1]}
		})
		pipes[1][1].Close()
		pipes[2][1].Close()
		b.expect(control, monitor.Running)
		io.WriteString(pipes[0][1], "through")
		pipes[0][1].Close()
		b.finish(control, 0)
		out, _ := io.ReadAll(pipes[1][0])
		errs, _ := io.ReadAll(pipes[2][0])
		if string(out) != "through" || string(errs) != "err\n" {
			t.Errorf("got %q and %q", out, errs)
		}
	})
}

// hello connects a client that is only a socket, so that it can misbehave.
func (b *box) raw(streams monitor.Streams) *os.File {
	b.t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	dir, err := os.Open(b.run)
	if err != nil {
		b.t.Fatal(err)
	}
	defer dir.Close()
	old, _ := os.Getwd()
	os.Chdir(b.run)
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: monitor.AttachFile})
	os.Chdir(old)
	if err != nil {
		b.t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "raw")
	f.Write(monitor.AppendFrame(nil, monitor.FrameHello, []byte{byte(streams)}))
	return f
}

// A client that stops reading slows the container; when it dies, the container goes on and nothing is missing in the log.
func TestClientStopsReadingThenDies(t *testing.T) {
	b := newBox(t, "crun", "sh", "-c", "read go; seq 200000; echo done >&2")
	b.launch.Stdin = true
	control := b.start(nil)
	b.expect(control, monitor.Running)
	stalled := b.raw(monitor.Stdout)
	watcher := b.attach(b.dial(), "")
	io.WriteString(watcher.stdin, "go\n")
	size := func() int64 {
		info, err := os.Stat(b.launch.LogPath)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	last, since := int64(-1), time.Now()
	eventually(t, "the log stands still", func() bool {
		if now := size(); now != last || now == 0 {
			last, since = now, time.Now()
		}
		return time.Since(since) > 300*time.Millisecond
	})
	if strings.Contains(watcher.stderr.String(), "done") {
		t.Fatal("the client that does not read did not slow the container")
	}
	stalled.Close()
	watcher.wait(t, 0)
	b.finish(control, 0)
	var want bytes.Buffer
	for i := 1; i <= 200000; i++ {
		want.WriteString(itoa(i) + "\n")
	}
	if b.logText("stdout") != want.String() || watcher.stdout.String() != want.String() {
		t.Error("output is missing")
	}
}

func itoa(n int) string {
	var digits [20]byte
	i := len(digits)
	for ; n > 0; n /= 10 {
		i--
		digits[i] = byte('0' + n%10)
	}
	return string(digits[i:])
}

// A client that is slow at the container's end keeps neither the exit record nor the monitor waiting, and still gets all.
func TestClientSlowAtTheEnd(t *testing.T) {
	b := newBox(t, "crun", "sh", "-c", "read go; head -c 260000 /dev/zero; head -c 60000 /dev/zero >&2; exit 3")
	b.launch.Stdin = true
	control := b.start(nil)
	b.expect(control, monitor.Running)
	slow := b.raw(monitor.Stdin | monitor.Stdout | monitor.Stderr)
	slow.Write(monitor.AppendFrame(nil, monitor.FrameStdin, []byte("go\n")))
	start := time.Now()
	b.finish(control, 3)
	if waited := time.Since(start); waited > 5*time.Second {
		t.Errorf("the monitor waited %v for the client", waited)
	}
	got := map[monitor.FrameType]int{}
	for {
		var header [monitor.FrameHeader]byte
		if _, err := io.ReadFull(slow, header[:]); err != nil {
			break
		}
		kind, length, err := monitor.ParseHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		payload := make([]byte, length)
		if _, err := io.ReadFull(slow, payload); err != nil {
			t.Fatal(err)
		}
		got[kind] += length
		if kind == monitor.FrameExit && binary.BigEndian.Uint32(payload) != 3 {
			t.Errorf("exit frame %v", payload)
		}
	}
	if got[monitor.FrameStdout] != 260000 || got[monitor.FrameStderr] != 60000 || got[monitor.FrameExit] != 4 {
		t.Errorf("the slow client got %v", got)
	}
}

// A process that outlives the container and keeps its stdout open does not keep the monitor.
func TestLeakedWriter(t *testing.T) {
	for _, leak := range []string{"sleep 1000 & echo last", "yes & sleep 0.1; echo last >&2"} {
		b := newBox(t, "crun", "sh", "-c", leak)
		b.withoutPIDNamespace()
		b.launch.LogMaxSize = 1 << 20
		control := b.start(nil)
		b.expect(control, monitor.Running)
		b.finish(control, 0)
		if !strings.Contains(b.logText("stdout")+b.logText("stderr"), "last\n") {
			t.Error("the last line is not in the log")
		}
	}
}

func TestRotationUnderFlood(t *testing.T) {
	b := newBox(t, "crun", "sh", "-c", "seq 100000")
	b.launch.LogMaxSize, b.launch.LogMaxFile = 100_000, 3
	control := b.start(nil)
	b.expect(control, monitor.Running)
	b.finish(control, 0)
	var all []byte
	for _, name := range []string{".2", ".1", ""} {
		data, err := os.ReadFile(b.launch.LogPath + name)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 100_000 {
			t.Errorf("log file %q has %d bytes", name, len(data))
		}
		all = append(all, data...)
	}
	if _, err := os.Stat(b.launch.LogPath + ".3"); err == nil {
		t.Error("there are more files than asked for")
	}
	text := joinRecords(t, all, "stdout")
	if !strings.HasSuffix(text, "\n99999\n100000\n") || strings.Count(text, "\n") < 3000 {
		t.Errorf("%d lines are kept, the last %q", strings.Count(text, "\n"), text[max(0, len(text)-20):])
	}
}

// A log whose disk is full loses records, not the container.
func TestLogDiskFull(t *testing.T) {
	b := newBox(t, "crun", "sh", "-c", "seq 100000; exit 4")
	disk := filepath.Join(b.dir, "disk")
	os.Mkdir(disk, 0o755)
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=128k"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(disk, unix.MNT_DETACH)
	b.launch.LogPath = filepath.Join(disk, "log")
	b.launch.ExitFile = filepath.Join(disk, "exit")
	conn, theirs := b.connect(everything, monitor.Size{})
	control := b.start(theirs)
	a := b.attach(conn, "")
	b.expect(control, monitor.Running)
	a.wait(t, 4)
	b.finish(control, 4)
	if !strings.HasSuffix(a.stdout.String(), "\n100000\n") {
		t.Error("the client did not get all output")
	}
	b.logText("stdout") // holds whole records only
	text, _ := os.ReadFile(filepath.Join(b.run, monitor.MonitorLog))
	if n := strings.Count(string(text), "records are dropped"); n != 1 {
		t.Errorf("the loss is reported %d times:\n%s", n, text)
	}
	e, err := monitor.ReadExitRecord(b.launch.ExitFile)
	if err != nil {
		e, err = monitor.ReadExitRecord(filepath.Join(b.run, monitor.ExitFallback))
	}
	if err != nil || e.Code != 4 {
		t.Errorf("exit record %+v, %v", e, err)
	}
}
