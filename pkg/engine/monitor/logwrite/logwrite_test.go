package logwrite

import (
	"bytes"
	"encoding/json"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
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
