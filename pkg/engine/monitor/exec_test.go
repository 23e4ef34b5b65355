package monitor

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/process"
	"golang.org/x/sys/unix"
)

func TestExecRequest(t *testing.T) {
	want := &Exec{Dir: "exec/1", Argv: []string{"/usr/bin/crun", "exec", "a b", "c=d"}, Terminal: true, EventPrefix: `{"a":1,`}
	payload, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeExec(payload); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, bad := range map[string]string{
		"nothing": "", "half": string(payload[:len(payload)-1]), "no command": "dir=exec/1\x00terminal=false\x00event-prefix=\x00",
		"unknown key": string(payload) + "user=0\x00",
	} {
		if _, err := DecodeExec([]byte(bad)); err == nil {
			t.Errorf("%s is taken for a request", name)
		}
	}
	if _, err := (&Exec{Argv: []string{strings.Repeat("a", MaxPayload)}}).Encode(); err == nil {
		t.Error("a request longer than a frame is encoded")
	}
}

func TestProcessIsNamed(t *testing.T) {
	who, err := process.Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseProcess(AppendProcess(nil, who)); err != nil || got != who {
		t.Errorf("over the socket: %+v, %v", got, err)
	}
	if _, err := ParseProcess([]byte{1}); err == nil {
		t.Error("a short answer is taken for a process")
	}
	path := filepath.Join(t.TempDir(), ProcessFile)
	if err := WriteProcess(path, who); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadProcess(path); err != nil || got != who {
		t.Errorf("from the file: %+v, %v", got, err)
	}
}

func TestRightsGoWithTheFirstByte(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	defer theirs.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sent := make(chan error, 1)
	long := AppendFrame(nil, FrameExec, make([]byte, MaxPayload))
	go func() {
		err := SendRights(ours, append(long, long...), []int{int(w.Fd())})
		w.Close()
		sent <- err
	}()
	var header [FrameHeader]byte
	n, fds, err := ReceiveRights(theirs, header[:])
	if err != nil || n != len(header) || len(fds) != 1 {
		t.Fatalf("%d bytes, descriptors %v, %v", n, fds, err)
	}
	if _, err := io.CopyN(io.Discard, theirs, int64(2*len(long)-n)); err != nil {
		t.Error(err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if _, err := unix.Write(fds[0], []byte("over")); err != nil {
		t.Error(err)
	}
	unix.Close(fds[0])
	if text, err := io.ReadAll(r); string(text) != "over" {
		t.Errorf("through the descriptor came %q, %v", text, err)
	}
}
