package rotated

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// memory is a file that the test grows and empties. It gives at most chunk bytes per read.
type memory struct {
	data  []byte
	chunk int
}

type memoryInfo struct {
	os.FileInfo
	size int64
}

func (i memoryInfo) Size() int64        { return i.size }
func (i memoryInfo) ModTime() time.Time { return time.Time{} }

func (m *memory) Stat() (os.FileInfo, error) { return memoryInfo{size: int64(len(m.data))}, nil }

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(m.data)) {
		return 0, io.EOF
	}
	if m.chunk > 0 && len(p) > m.chunk {
		p = p[:m.chunk]
	}
	return copy(p, m.data[off:]), nil
}

// all joins pieces to lines and checks each one's place.
func all(t *testing.T, m *memory, l *Lines) (lines []string) {
	t.Helper()
	var line []byte
	for {
		p, err := l.Next()
		if err == io.EOF {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.First != (len(line) == 0) && len(p.Text) > 0 {
			t.Fatalf("piece at %d: First is %v after %d bytes", p.Start, p.First, len(line))
		}
		if len(p.Text) > MaxLine {
			t.Fatalf("a piece of %d bytes", len(p.Text))
		}
		line = append(line, p.Text...)
		if p.Last {
			if at := m.data[p.Start:]; !bytes.HasPrefix(at, line) {
				t.Fatalf("line %q does not start at %d", line, p.Start)
			}
			lines = append(lines, string(line))
			line = line[:0]
		}
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 3*MaxLine+5)
	for _, c := range []struct {
		in   string
		want []string
		rest string
	}{
		{"", nil, ""},
		{"\n", []string{""}, ""},
		{"a\nb\n", []string{"a", "b"}, ""},
		{"a\n\n\nb", []string{"a", "", ""}, "b"},
		{"a\r\n\x00\n\xff\n", []string{"a\r", "\x00", "\xff"}, ""},
		{long + "\nb\n", []string{long, "b"}, ""},
		{long[:MaxLine] + "\nb\n", []string{long[:MaxLine], "b"}, ""},
		{long[:MaxLine-1] + "\nb\n", []string{long[:MaxLine-1], "b"}, ""},
	} {
		for _, chunk := range []int{0, 1 + len(c.in)/3, 64<<10 - 1} {
			m := &memory{[]byte(c.in), chunk}
			l := NewLines(m, 0, -1)
			if got := all(t, m, l); strings.Join(got, "\n") != strings.Join(c.want, "\n") || len(got) != len(c.want) {
				t.Errorf("%.20q in chunks of %d: %.50q", c.in, chunk, got)
			}
			p, ok := l.Rest()
			if ok != (c.rest != "") || string(p.Text) != c.rest {
				t.Errorf("rest of %.20q: %.50q, %v", c.in, p.Text, ok)
			}
		}
	}
}

func TestLinesWhileGrowing(t *testing.T) {
	m := &memory{}
	l := NewLines(m, 0, -1)
	for _, step := range []struct{ add, want string }{
		{"a", ""}, {"b\nc", "ab"}, {"", ""}, {"\n\n", "c|"}, {"d\n", "d"},
	} {
		m.data = append(m.data, step.add...)
		if got := strings.Join(all(t, m, l), "|"); got != step.want {
			t.Fatalf("after %q: %q, want %q", step.add, got, step.want)
		}
	}
}

func TestLinesLimit(t *testing.T) {
	m := &memory{data: []byte("ab\ncd\nef\n")}
	l := NewLines(m, 3, 7)
	if got := all(t, m, l); len(got) != 1 || got[0] != "cd" {
		t.Errorf("lines %q", got)
	}
	if p, ok := l.Rest(); !ok || string(p.Text) != "e" || p.Start != 6 {
		t.Errorf("rest %q at %d", p.Text, p.Start)
	}
}

func TestLinesTruncated(t *testing.T) {
	m := &memory{data: []byte("first\nsecond\nhal")}
	l := NewLines(m, 0, -1)
	all(t, m, l)
	m.data = []byte("new\n")
	if got := all(t, m, l); len(got) != 1 || got[0] != "new" {
		t.Errorf("after the file was emptied: %q", got)
	}
	m.data = nil
	if got := all(t, m, l); got != nil {
		t.Errorf("from an empty file: %q", got)
	}
}

func TestLinesMemoryIsBounded(t *testing.T) {
	m := &memory{data: bytes.Repeat([]byte("x"), 64*MaxLine), chunk: 1 << 16}
	l := NewLines(m, 0, -1)
	all(t, m, l)
	if len(l.buf) > 2*MaxLine {
		t.Errorf("a buffer of %d bytes for a line without end", len(l.buf))
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\n\nc"), uint64(1))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		m := &memory{chunk: 1 + r.IntN(len(data)+1)}
		l := NewLines(m, 0, -1)
		var got []string
		for len(m.data) < len(data) {
			m.data = data[:len(m.data)+1+r.IntN(len(data)-len(m.data))]
			got = append(got, all(t, m, l)...)
		}
		if p, ok := l.Rest(); ok {
			got = append(got, string(p.Text))
		} else {
			got = append(got, "")
		}
		if strings.Join(got, "\n") != string(data) {
			t.Errorf("%q read as %q", data, got)
		}
	})
}
