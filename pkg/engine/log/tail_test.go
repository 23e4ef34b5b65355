package log

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/container"
)

// piece is a write of a container to one of its streams; "rotate" stands for a rotation.
type piece struct {
	stream Stream
	text   string
}

func (l *testLog) play(pieces []piece) {
	for _, p := range pieces {
		if p.stream == 0 {
			l.rotate()
			continue
		}
		l.output(p.stream, []byte(p.text))
	}
}

func TestTail(t *testing.T) {
	rotate := piece{}
	o := func(s string) piece { return piece{Stdout, s} }
	e := func(s string) piece { return piece{Stderr, s} }
	for name, c := range map[string]struct {
		pieces         []piece
		n              int
		stdout, stderr string
	}{
		"none":                       {[]piece{o("a\n")}, 0, "", ""},
		"of an empty log":            {nil, 3, "", ""},
		"fewer than there are":       {[]piece{o("a\nb\nc\n")}, 2, "b\nc\n", ""},
		"more than there are":        {[]piece{o("a\nb\n")}, 9, "a\nb\n", ""},
		"without newline":            {[]piece{o("a\nb\nc")}, 2, "b\nc", ""},
		"joined":                     {[]piece{o("a\n"), o("b"), o("c"), o("d\n")}, 1, "bcd\n", ""},
		"across files":               {[]piece{o("a\nb\n"), rotate, o("c\n"), rotate, o("d\n")}, 3, "b\nc\nd\n", ""},
		"joined across files":        {[]piece{o("a\nb"), rotate, o("c"), rotate, o("d\n")}, 1, "bcd\n", ""},
		"both streams":               {[]piece{o("a\n"), e("b\n"), o("c\n"), e("d\n")}, 3, "c\n", "b\nd\n"},
		"interleaved partial":        {[]piece{o("x\n"), o("a"), e("e\n"), o("b\n")}, 1, "ab\n", ""},
		"interleaved partial, two":   {[]piece{o("x\n"), o("a"), e("e\n"), o("b\n")}, 2, "ab\n", "e\n"},
		"two open lines":             {[]piece{o("x\no"), e("y\ne")}, 2, "", "y\ne"},
		"three of two open lines":    {[]piece{o("x\no"), e("y\ne")}, 3, "o", "y\ne"},
		"two open lines, one wanted": {[]piece{o("x\no"), e("y\ne")}, 1, "", "e"},
		"empty newest file":          {[]piece{o("a\nb\n"), rotate}, 1, "b\n", ""},
		"several empty files":        {[]piece{o("a\n"), rotate, rotate, rotate}, 1, "a\n", ""},
	} {
		for _, driver := range drivers() {
			l := newTestLog(t, driver, 5)
			l.play(c.pieces)
			for _, followed := range []bool{false, true} {
				got := l.read(Options{Tail: c.n, Follow: followed})
				if got.stdout.String() != c.stdout || got.stderr.String() != c.stderr {
					t.Errorf("%s (%s, follow %v): %q and %q", name, driver, followed, &got.stdout, &got.stderr)
				}
			}
		}
	}
}

// TestTailAgainstModel compares with counting the lines of what was written.
func TestTailAgainstModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		l := newTestLog(t, container.LogK8sFile, 100)
		var all string
		for range 1 + r.IntN(40) {
			text := strings.Repeat("x", r.IntN(3000)) + strings.Repeat("\n", r.IntN(3))
			l.output(Stdout, []byte(text))
			all += text
			if r.IntN(10) == 0 {
				l.rotate()
			}
		}
		lines := strings.SplitAfter(all, "\n")
		if lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		for n := range len(lines) + 2 {
			want := strings.Join(lines[max(0, len(lines)-n):], "")
			if got := l.read(Options{Tail: n}).stdout.String(); got != want {
				t.Fatalf("tail %d of %.100q: %.100q, want %.100q", n, all, got, want)
			}
		}
	}
}

func TestTailOfLongLines(t *testing.T) {
	l := newTestLog(t, container.LogK8sFile, 3)
	long := strings.Repeat("z", 3*blockSize+7)
	l.output(Stdout, []byte("a\n"+long+"\nb\n"+long))
	if got := l.read(Options{Tail: 2}).stdout.String(); got != "b\n"+long {
		t.Errorf("%d bytes %.20q", len(got), got)
	}
	if got := l.read(Options{Tail: 3}).stdout.String(); got != long+"\nb\n"+long {
		t.Errorf("%d bytes %.20q", len(got), got)
	}
}

// counting is a file that counts what is read of it.
type counting struct {
	io.ReaderAt
	bytes int
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.bytes += n
	return n, err
}

func TestBackwardReadsOnlyTheEnd(t *testing.T) {
	l := newTestLog(t, container.LogK8sFile, 1)
	for i := range 20000 {
		l.raw(l.encode(Stdout, fmt.Appendf(nil, "line %d", i), true))
	}
	f, err := os.Open(l.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	c := &counting{ReaderAt: f}
	b := backward{f: c, start: info.Size()}
	for range 10 {
		if _, _, err := b.previous(); err != nil {
			t.Fatal(err)
		}
	}
	if c.bytes > 2*blockSize {
		t.Errorf("%d of %d bytes were read for ten lines", c.bytes, info.Size())
	}
}

// TestTailLookBackIsBounded: the start of a partial line of the other stream is looked for some way only.
func TestTailLookBackIsBounded(t *testing.T) {
	l := newTestLog(t, container.LogK8sFile, 1)
	l.output(Stderr, []byte("far"))
	for range 2 * lookBack / 1000 {
		l.output(Stdout, []byte(strings.Repeat("x", 1000)+"\n"))
	}
	l.output(Stderr, []byte("near\n"))
	if got := l.read(Options{Tail: 1}); got.stderr.String() != "near\n" || got.stdout.Len() != 0 {
		t.Errorf("stderr %q, %d bytes of stdout", &got.stderr, got.stdout.Len())
	}
}

func BenchmarkRead(b *testing.B) {
	l := newTestLog(b, container.LogK8sFile, 1)
	for range 100000 {
		l.raw(l.encode(Stdout, []byte(strings.Repeat("x", 80)), true))
	}
	info, _ := os.Stat(l.path)
	for _, c := range []struct {
		name string
		opts Options
	}{{"All", Options{Tail: -1}}, {"Tail10", Options{Tail: 10}}} {
		b.Run(c.name, func(b *testing.B) {
			if c.opts.Tail < 0 {
				b.SetBytes(info.Size())
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := Read(b.Context(), l.source(), c.opts, func(Record) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
