package build

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// Plain is a display of lines, for a pipe or a log file: each begins with the number of its step.
type Plain struct {
	out    io.Writer
	escape func(string) string // makes text of strangers harmless for a terminal

	mu   sync.Mutex
	next int
}

// NewPlain gives a display that writes to out, what comes from the build through escape.
func NewPlain(out io.Writer, escape func(string) string) *Plain {
	return &Plain{out: out, escape: escape}
}

// Vertex is of Display.
func (p *Plain) Vertex(title string) Vertex {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	v := &plainVertex{plain: p, number: p.next, begun: time.Now()}
	fmt.Fprintf(p.out, "#%d %s\n", v.number, p.escape(title))
	return v
}

type plainVertex struct {
	plain  *Plain
	number int
	begun  time.Time
	rest   []byte // a line that has not ended yet
	tail   tail
}

func (v *plainVertex) Start() {
	v.plain.mu.Lock()
	defer v.plain.mu.Unlock()
	v.begun = time.Now()
}

// Write shows whole lines; a line that grows without an end is cut.
func (v *plainVertex) Write(b []byte) (int, error) {
	v.plain.mu.Lock()
	defer v.plain.mu.Unlock()
	v.tail.Write(b)
	v.rest = append(v.rest, b...)
	for {
		i := bytes.IndexByte(v.rest, '\n')
		if i < 0 && len(v.rest) < maxLine {
			return len(b), nil
		}
		if i < 0 {
			i = len(v.rest) - 1
		}
		v.line(string(bytes.TrimRight(v.rest[:i+1], "\r\n")))
		v.rest = v.rest[i+1:]
	}
}

// maxLine is the longest line that is waited for, in bytes.
const maxLine = 16 << 10

func (v *plainVertex) line(text string) {
	fmt.Fprintf(v.plain.out, "#%d %.3f %s\n", v.number, time.Since(v.begun).Seconds(), v.plain.escape(text))
}

func (v *plainVertex) End(cached bool, err error) {
	v.plain.mu.Lock()
	defer v.plain.mu.Unlock()
	if len(v.rest) > 0 {
		v.line(string(v.rest))
	}
	switch {
	case err != nil:
		fmt.Fprintf(v.plain.out, "#%d ERROR\n", v.number)
	case cached:
		fmt.Fprintf(v.plain.out, "#%d CACHED\n", v.number)
	default:
		fmt.Fprintf(v.plain.out, "#%d DONE %.1fs\n", v.number, time.Since(v.begun).Seconds())
	}
}

func (v *plainVertex) Output() string { return v.tail.String() }

// Silent is a display that shows nothing.
type Silent struct{}

// Vertex is of Display.
func (Silent) Vertex(string) Vertex { return &silentVertex{} }

type silentVertex struct{ tail tail }

func (v *silentVertex) Start()                      {}
func (v *silentVertex) Write(b []byte) (int, error) { return v.tail.Write(b) }
func (v *silentVertex) End(bool, error)             {}
func (v *silentVertex) Output() string              { return v.tail.String() }

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
	cut  bool
}

// maxTail is how much of a step's output is kept for the error, in bytes.
const maxTail = 64 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if len(t.kept) > 2*maxTail {
		t.kept, t.cut = append([]byte(nil), t.kept[len(t.kept)-maxTail:]...), true
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := t.kept
	if t.cut {
		// Begin with a whole line.
		if _, after, ok := bytes.Cut(text, []byte("\n")); ok {
			text = after
		}
	}
	return string(text)
}
