package logwrite

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestJournal(t *testing.T) {
	dir := t.TempDir()
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(socket)
	path := filepath.Join(dir, "socket")
	if err := unix.Bind(socket, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	id := strings.Repeat("ab", 32)
	l := open(t, Options{Driver: "journald", Journal: path, ID: id, Name: "web"})
	l.Write(Stdout, []byte("out\n"), now, false)
	l.Write(Stderr, []byte("a\x00b"), now, false)
	l.Close()
	for _, want := range []map[string]string{
		{"MESSAGE": "out", "PRIORITY": "6"},
		{"MESSAGE": "a\x00b", "PRIORITY": "3", "CONTAINER_PARTIAL_MESSAGE": "true"},
	} {
		packet := make([]byte, 64<<10)
		n, _, err := unix.Recvfrom(socket, packet, unix.MSG_DONTWAIT)
		if err != nil {
			t.Fatal(err)
		}
		got := parseEntry(t, packet[:n])
		want["CONTAINER_ID"], want["CONTAINER_ID_FULL"], want["CONTAINER_NAME"] = id[:12], id, "web"
		want["CONTAINER_TAG"], want["SYSLOG_IDENTIFIER"] = id[:12], id[:12]
		if len(got) != len(want) {
			t.Errorf("entry %q, want %q", got, want)
		}
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%s is %q, want %q", name, got[name], value)
			}
		}
	}
}

func parseEntry(t *testing.T, entry []byte) map[string]string {
	t.Helper()
	fields := map[string]string{}
	for len(entry) > 0 {
		name, rest, ok := bytes.Cut(entry, []byte("\n"))
		if !ok || len(rest) < 8 {
			t.Fatalf("malformed entry %q", entry)
		}
		n := binary.LittleEndian.Uint64(rest)
		fields[string(name)] = string(rest[8 : 8+n])
		entry = rest[8+n+1:]
	}
	return fields
}

func TestJournalLargeEntry(t *testing.T) {
	dir := t.TempDir()
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(socket)
	path := filepath.Join(dir, "socket")
	if err := unix.Bind(socket, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	j := newJournal(Options{Journal: path, ID: "id", Name: "web"})
	j.record(Stdout, []byte("small"), false)
	if err := unix.SetsockoptInt(j.socket, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<10); err != nil {
		t.Fatal(err)
	}
	j.record(Stdout, bytes.Repeat([]byte("x"), 40<<10), false)
	j.close()
	packet, rights := make([]byte, 64<<10), make([]byte, unix.CmsgSpace(4))
	unix.Recvfrom(socket, packet, unix.MSG_DONTWAIT)
	n, oob, _, _, err := unix.Recvmsg(socket, packet, rights, unix.MSG_DONTWAIT)
	if err != nil || n != 0 {
		t.Fatalf("the large entry came as %d bytes, %v", n, err)
	}
	messages, _ := unix.ParseSocketControlMessage(rights[:oob])
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	n, _ = unix.Pread(fds[0], packet, 0)
	if got := parseEntry(t, packet[:n]); len(got["MESSAGE"]) != 40<<10 {
		t.Errorf("the file's entry has a message of %d bytes", len(got["MESSAGE"]))
	}
}

func TestJournalThatIsNotThere(t *testing.T) {
	var reports []string
	l := open(t, Options{Driver: "journald", Journal: filepath.Join(t.TempDir(), "no"), ID: "id", Report: func(text string) {
		reports = append(reports, text)
	}})
	l.Write(Stdout, []byte("a\nb\nc\n"), now, false)
	l.Close()
	if len(reports) != 2 || !strings.Contains(reports[1], "3 records") {
		t.Errorf("reports %q", reports)
	}
}
