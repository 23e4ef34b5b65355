package logwrite

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

var now = time.Date(2026, 11, 23, 19, 10, 11, 120000000, time.FixedZone("", 3600))

func open(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestK8sRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := open(t, Options{Driver: "k8s-file", Path: path})
	l.Write(Stdout, []byte("whole\n\npar"), now, false)
	l.Write(Stderr, []byte("\x00\xff\n"), now, false)
	l.Write(Stdout, []byte("t\n"), now, false)
	l.Close()
	const stamp = "2026-11-23T19:10:11.120000000+01:00 "
	want := stamp + "stdout F whole\n" + stamp + "stdout F \n" + stamp + "stdout P par\n" +
		stamp + "stderr F \x00\xff\n" + stamp + "stdout F t\n"
	if got, _ := os.ReadFile(path); string(got) != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

func TestJSONRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := open(t, Options{Driver: "json-file", Path: path, Tag: "a\"b"})
	l.Write(Stderr, []byte("<\x01\t\"\\\r\u2028é\xff>\n"), now, false)
	l.Write(Stdout, []byte("half"), now, false)
	l.Close()
	want := `{"log":"\u003c\u0001\t\"\\\r\u2028é\ufffd\u003e\n","stream":"stderr","attrs":{"tag":"a\"b"},"time":"2026-11-23T18:10:11.12Z"}` + "\n" +
		`{"log":"half","stream":"stdout","attrs":{"tag":"a\"b"},"time":"2026-11-23T18:10:11.12Z"}` + "\n"
	if got, _ := os.ReadFile(path); string(got) != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

// readK8s and readJSON join the text of both streams of a log file.
func readK8s(t testing.TB, data []byte) (text [2]string) {
	for line := range strings.Lines(string(data)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if len(f) != 4 || f[2] != "F" && f[2] != "P" || !strings.HasSuffix(line, "\n") || len(f[3]) > MaxText {
			t.Fatalf("malformed record %q", line)
		}
		s := Stdout
		if f[1] == "stderr" {
			s = Stderr
		}
		text[s] += f[3]
		if f[2] == "F" {
			text[s] += "\n"
		}
	}
	return text
}

func readJSON(t testing.TB, data []byte) (text [2]string) {
	for line := range strings.Lines(string(data)) {
		var r struct {
			Log, Stream string
			Time        time.Time
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Time.IsZero() {
			t.Fatalf("malformed record %q: %v", line, err)
		}
		if r.Stream == "stderr" {
			text[Stderr] += r.Log
		} else {
			text[Stdout] += r.Log
		}
	}
	return text
}

// FuzzRoundTrip cuts arbitrary output into arbitrary pieces and reads it back: byte by byte for k8s-file, and character by
// character, wherever the pieces were cut, for json-file.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("one\ntwo"), int64(1), uint16(0))
	f.Add([]byte("é\u2028\xff\xf0\x9f\x98\x80\n\n"), int64(2), uint16(100))
	f.Add(bytes.Repeat([]byte("😀x"), 5000), int64(3), uint16(9000))
	f.Add(append(bytes.Repeat([]byte{0}, MaxText), '\n'), int64(4), uint16(300))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, seed int64, limit uint16) {
		for _, driver := range []string{"k8s-file", "json-file"} {
			path := filepath.Join(dir, "log")
			if limit > 0 {
				limit = max(limit, 20000) // few enough files
			}
			l := open(t, Options{Driver: driver, Path: path, MaxSize: int64(limit), MaxFile: 1 << 20})
			want := feed(l, data, rand.New(rand.NewSource(seed)))
			l.Close()
			got := collect(t, path, driver, int64(limit))
			for s := range want {
				text := want[s]
				if driver == "json-file" {
					text = valid(text)
				}
				if got[s] != text {
					t.Errorf("%s %s: got %q, want %q", driver, Stream(s), got[s], text)
				}
			}
		}
	})
}

// valid replaces each byte that is not UTF-8, as the json-file format does.
func valid(text string) string { return string([]rune(text)) }

func feed(l *Log, data []byte, random *rand.Rand) (want [2]string) {
	for len(data) > 0 {
		n := 1 + random.Intn(len(data))
		if random.Intn(2) == 0 {
			n = min(n, 1+random.Intn(5))
		}
		s := Stream(random.Intn(2))
		want[s] += string(data[:n])
		l.Write(s, data[:n], now, random.Intn(2) == 0)
		data = data[n:]
	}
	return want
}

// collect reads all files of a rotated log, oldest first, and removes them.
func collect(t testing.TB, path, driver string, limit int64) (text [2]string) {
	var all []byte
	last := 0
	for ; ; last++ {
		if _, err := os.Stat(path + "." + strconv.Itoa(last+1)); err != nil {
			break
		}
	}
	for n := last; n >= 0; n-- {
		name := path
		if n > 0 {
			name += "." + strconv.Itoa(n)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if limit > 0 && int64(len(data)) > limit && bytes.Count(data, []byte("\n")) > 1 {
			t.Errorf("a file of several records has %d bytes, the limit is %d", len(data), limit)
		}
		all = append(all, data...)
		os.Remove(name)
	}
	if driver == "json-file" {
		return readJSON(t, all)
	}
	return readK8s(t, all)
}

// Rotation happens at every possible place of a sequence of records and never splits one.
func TestRotationAtEverySplit(t *testing.T) {
	var data []byte
	for i := range 40 {
		data = append(data, strings.Repeat("x", i)+"\n"...)
	}
	for limit := int64(1); limit < 3500; limit += 7 {
		path := filepath.Join(t.TempDir(), "log")
		l := open(t, Options{Driver: "k8s-file", Path: path, MaxSize: limit, MaxFile: 100})
		l.Write(Stdout, data, now, false)
		l.Close()
		if got := collect(t, path, "k8s-file", limit); got[Stdout] != string(data) {
			t.Fatalf("with a limit of %d the log holds %q", limit, got[Stdout])
		}
	}
}

func TestRotationKeepsAtMostMaxFile(t *testing.T) {
	for _, files := range []int{0, 1, 2, 3} {
		dir := t.TempDir()
		path := filepath.Join(dir, "log")
		for range 3 { // the size of what is there counts after a restart too
			l := open(t, Options{Driver: "k8s-file", Path: path, MaxSize: 200, MaxFile: files})
			for i := range 20 {
				l.Write(Stdout, []byte("line "+strconv.Itoa(i)+"\n"), now, false)
			}
			l.Close()
		}
		entries, _ := os.ReadDir(dir)
		if len(entries) != max(files, 1) {
			t.Errorf("max-file %d keeps %v", files, entries)
		}
		for _, e := range entries {
			if info, _ := e.Info(); info.Size() > 200 {
				t.Errorf("%s has %d bytes", e.Name(), info.Size())
			}
		}
		if data, _ := os.ReadFile(path); !strings.HasSuffix(string(data), "line 19\n") {
			t.Errorf("the newest record is not in the log: %q", data)
		}
	}
}

// A reader that has the old file open reads it to its end.
func TestRotationKeepsOpenFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := open(t, Options{Driver: "k8s-file", Path: path, MaxSize: 60})
	l.Write(Stdout, []byte("first\n"), now, false)
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	l.Write(Stdout, []byte("second\n"), now, false)
	l.Close()
	buffer := make([]byte, 200)
	n, _ := reader.Read(buffer)
	if !strings.HasSuffix(string(buffer[:n]), "F first\n") {
		t.Errorf("the follower reads %q", buffer[:n])
	}
}

func TestTornRecordIsClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	os.WriteFile(path, []byte("2026-11-23T19:10:11.000000000+01:00 stdout F tor"), 0o600)
	l := open(t, Options{Driver: "k8s-file", Path: path})
	l.Write(Stdout, []byte("next\n"), now, false)
	l.Close()
	data, _ := os.ReadFile(path)
	if got := readK8s(t, data); got[Stdout] != "tor\nnext\n" {
		t.Errorf("got %q", got[Stdout])
	}
}

func TestLogMovedAwayOrTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := open(t, Options{Driver: "k8s-file", Path: path, MaxSize: 120})
	l.Write(Stdout, []byte("one\n"), now, false)
	os.Truncate(path, 0)
	l.Write(Stdout, []byte("two\n"), now, false)
	l.Write(Stdout, []byte("three\n"), now, false)
	os.Remove(path)
	for range 4 {
		l.Write(Stdout, []byte("four\n"), now, false)
	}
	l.Close()
	data, _ := os.ReadFile(path)
	if got := readK8s(t, data); !strings.HasSuffix(got[Stdout], "four\n") {
		t.Errorf("got %q", got[Stdout])
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{
		{Driver: "syslog"}, {Driver: "k8s-file", Path: filepath.Join(dir, "no", "log")}, {Driver: "k8s-file", Path: fifo},
	} {
		if l, err := Open(o); err == nil {
			l.Close()
			t.Errorf("%+v is accepted", o)
		}
	}
}

// One endless line costs no more memory than the carry and the batch.
func TestMemoryIsFlat(t *testing.T) {
	for _, driver := range []string{"k8s-file", "json-file"} {
		l := open(t, Options{Driver: driver, Path: filepath.Join(t.TempDir(), "log"), MaxSize: 1 << 20})
		chunk := bytes.Repeat([]byte("é"), 8<<10)
		l.Write(Stdout, chunk, now, true)
		allocs := testing.AllocsPerRun(200, func() { l.Write(Stdout, chunk, now, true) })
		if allocs > 8 { // renames and opens of the rotation, spread
			t.Errorf("%s: %v allocations per 16 KiB", driver, allocs)
		}
		l.Close()
	}
}

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

func TestBoundary(t *testing.T) {
	l := &Log{whole: true}
	for _, test := range []struct {
		text  string
		limit int
		want  int
	}{
		{"abc", 3, 3}, {"aé", 2, 1}, {"aé", 3, 3}, {"😀", 3, 0}, {"a😀", 4, 1}, {"a\xff", 2, 2}, {"\x80\x80\x80\x80", 4, 4},
	} {
		if got := l.boundary([]byte(test.text), test.limit); got != test.want {
			t.Errorf("boundary(%q, %d) = %d, want %d", test.text, test.limit, got, test.want)
		}
		if !utf8.ValidString(test.text[:test.want]) && utf8.ValidString(test.text) {
			t.Errorf("the case of %q is wrong", test.text)
		}
	}
}
