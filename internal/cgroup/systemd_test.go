package cgroup

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

func TestInUnit(t *testing.T) {
	for text, want := range map[string]bool{
		"0::/user.slice/pod-monitor-a.scope\n": true, "0::/user.slice/xpod-monitor-a.scope\n": false,
		"0::/pod-monitor-a.scope/x\n": false, "": false,
	} {
		if got := inUnit(text, "pod-monitor-a.scope"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// A stand-in for systemd shows what is asked: no user id, and one unit with the process in it.
func TestScopeForPID(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		socket := filepath.Join(t.TempDir(), "private")
		asked, auth := serveManager(t, socket, refuse)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		// Nobody moves the process here, so a granted request ends with the context.
		err := ScopeForPID(ctx, socket, "pod-monitor-x.scope", "user.slice", os.Getpid())
		if refuse && (err == nil || !strings.Contains(err.Error(), "no such slice")) || !refuse && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("refused %v: error %v", refuse, err)
		}
		if got := <-auth; got != "DATA" { // empty: no user is claimed
			t.Errorf("authenticated with %q", got)
		}
		body := (<-asked).Body
		if len(body) != 4 || body[0] != "pod-monitor-x.scope" || body[1] != "fail" {
			t.Errorf("asked for %v", body)
		}
	}
}

// systemd cannot move what has ended, and says so to nobody who asked.
func TestScopeForPIDOfAnEndedProcess(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "private")
	serveManager(t, socket, false)
	if err := ScopeForPID(t.Context(), socket, "a.scope", "user.slice", cmd.Process.Pid); err != nil {
		t.Error(err)
	}
}

func TestScopeForPIDWithoutSystemd(t *testing.T) {
	err := ScopeForPID(t.Context(), filepath.Join(t.TempDir(), "private"), "a.scope", "user.slice", os.Getpid())
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// serveManager answers one call, of which it delivers the message and the line of authentication.
func serveManager(t *testing.T, socket string, refuse bool) (<-chan *dbus.Message, <-chan string) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	asked, auth := make(chan *dbus.Message, 1), make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			line = strings.Trim(line, "\x00\r\n")
			switch {
			case line == "AUTH":
				c.Write([]byte("REJECTED EXTERNAL\r\n"))
			case line == "AUTH EXTERNAL":
				c.Write([]byte("DATA\r\n"))
			case strings.HasPrefix(line, "DATA"):
				auth <- line
				c.Write([]byte("OK 0123456789abcdef0123456789abcdef\r\n"))
			case line == "BEGIN":
				message, err := dbus.DecodeMessage(r)
				if err != nil {
					return
				}
				asked <- message
				answer(c, message, refuse)
				r.ReadByte() // until the client hangs up
				return
			default:
				c.Write([]byte("ERROR\r\n"))
			}
		}
	}()
	return asked, auth
}

func answer(c net.Conn, call *dbus.Message, refuse bool) {
	reply := &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(call.Serial()),
	}}
	reply.Body = []any{dbus.ObjectPath("/job/1")}
	reply.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(reply.Body...))
	if refuse {
		reply.Type = dbus.TypeError
		reply.Headers[dbus.FieldErrorName] = dbus.MakeVariant("org.freedesktop.systemd1.Error")
		reply.Body = []any{"no such slice"}
		reply.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(reply.Body...))
	}
	reply.EncodeTo(c, binary.LittleEndian)
}
