package progress

import (
	"bytes"
	"context"
	"errors"
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
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(v.plain.out, "#%d CANCELED\n", v.number)
	case err != nil:
		fmt.Fprintf(v.plain.out, "#%d ERROR: %s\n", v.number, v.plain.escape(err.Error()))
	case cached:
		fmt.Fprintf(v.plain.out, "#%d CACHED\n", v.number)
	default:
		fmt.Fprintf(v.plain.out, "#%d DONE %.1fs\n", v.number, time.Since(v.begun).Seconds())
	}
}
