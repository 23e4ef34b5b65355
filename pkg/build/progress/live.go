package progress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Live is a display for a terminal, in the manner of BuildKit's: a line for each step, with the last lines that running ones have written, drawn anew
// in its place. Close leaves the lines of all steps.
type Live struct {
	out  io.Writer
	opts LiveOptions

	mu     sync.Mutex
	steps  []*liveVertex
	begun  time.Time
	drawn  int           // lines on the screen that the next frame replaces
	ended  chan struct{} // closed by Close; nil: nothing was drawn yet
	drawer sync.WaitGroup
}

// LiveOptions are what a Live must know of its terminal.
type LiveOptions struct {
	Escape func(string) string // makes text of strangers harmless
	Size   func() (rows, columns int)
	Colour bool
}

// NewLive gives a display on a terminal that out writes to.
func NewLive(out io.Writer, opts LiveOptions) *Live {
	return &Live{out: out, opts: opts, begun: time.Now()}
}

const (
	frameTime = 100 * time.Millisecond
	logLines  = 6 // of each running step
)

// Vertex is of Display.
func (l *Live) Vertex(title string) Vertex {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := &liveVertex{live: l, title: l.shown(title), begun: time.Now()}
	l.steps = append(l.steps, v)
	if l.ended == nil {
		l.ended = make(chan struct{})
		l.drawer.Go(l.keepDrawing)
	}
	return v
}

func (l *Live) keepDrawing() {
	ticks := time.NewTicker(frameTime)
	defer ticks.Stop()
	for {
		select {
		case <-l.ended:
			return
		case <-ticks.C:
			l.mu.Lock()
			l.draw(false)
			l.mu.Unlock()
		}
	}
}

// Close draws the last frame. Nothing is written afterwards.
func (l *Live) Close() {
	if l.ended == nil {
		return
	}
	close(l.ended)
	l.drawer.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draw(true)
}

// draw replaces the frame on the screen by the present one. The caller has the lock.
func (l *Live) draw(last bool) {
	rows, columns := l.opts.Size()
	var b bytes.Buffer
	if l.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", l.drawn)
	}
	lines := l.frame(time.Now(), rows, columns, last)
	for _, line := range lines {
		text := line.text
		if l.opts.Colour && line.colour != "" {
			text = line.colour + text + "\x1b[0m"
		}
		fmt.Fprintf(&b, "\r%s\x1b[K\n", text)
	}
	b.WriteString("\x1b[J")
	l.drawn = len(lines)
	l.out.Write(b.Bytes())
}

// frameLine is one line, and the escape sequence of its colour.
type frameLine struct{ text, colour string }

// frame is what the screen shows at a moment: of a frame that is not the last as much as fits, finished steps giving way to running ones.
func (l *Live) frame(now time.Time, rows, columns int, last bool) []frameLine {
	finished := 0
	var blocks [][]frameLine
	for _, v := range l.steps {
		if v.done {
			finished++
		}
		blocks = append(blocks, v.lines(now, columns, last))
	}
	state := ""
	if last {
		state = " FINISHED"
		for _, v := range l.steps {
			if v.err != nil {
				state = " FAILED"
			}
		}
	}
	out := []frameLine{{text: fit(fmt.Sprintf("[+] Building %.1fs (%d/%d)%s", now.Sub(l.begun).Seconds(), finished, len(l.steps), state), "", columns)}}
	for _, block := range l.visible(blocks, rows-2, last) {
		out = append(out, block...)
	}
	return out
}

// visible leaves out what there is no room for: finished steps from the oldest on, then what running ones have written, then steps.
func (l *Live) visible(blocks [][]frameLine, room int, last bool) [][]frameLine {
	need := 0
	for _, b := range blocks {
		need += len(b)
	}
	if last {
		return blocks
	}
	for i, v := range l.steps {
		if need > room && v.done {
			need -= len(blocks[i])
			blocks[i] = nil
		}
	}
	for i := range blocks {
		if need > room && len(blocks[i]) > 1 {
			need -= len(blocks[i]) - 1
			blocks[i] = blocks[i][:1]
		}
	}
	for i := range blocks {
		if need > room && len(blocks[i]) > 0 {
			need--
			blocks[i] = nil
		}
	}
	return blocks
}

// fit puts text at the left and right of a line of less than columns columns; the text gives way.
func fit(text, right string, columns int) string {
	room := max(columns-2-len(right), 1)
	for i, r := range text {
		if room -= width(r); room < 0 {
			text, room = text[:i], room+width(r)
			break
		}
	}
	if right == "" {
		return text
	}
	return text + strings.Repeat(" ", room+1) + right
}

// width is how many columns of a terminal a character takes: none where it goes on top of the one before it, and two where East Asian ones do
// (Unicode's EastAsianWidth.txt, W and F, as far as they are blocks). A line that is longer than it is thought to be would be left behind.
func width(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	for _, wide := range [][2]rune{
		{0x1100, 0x115f},
		{0x2e80, 0x303e},
		{0x3041, 0xa4cf},
		{0xa960, 0xa97f},
		{0xac00, 0xd7a3},
		{0xf900, 0xfaff},
		{0xfe30, 0xfe6f},
		{0xff00, 0xff60},
		{0xffe0, 0xffe6},
		{0x1f300, 0x1f64f},
		{0x1f680, 0x1f6ff},
		{0x1f900, 0x1f9ff},
		{0x20000, 0x3fffd},
	} {
		if r >= wide[0] && r <= wide[1] {
			return 2
		}
	}
	return 1
}

// liveVertex is a step; what it has is guarded by the lock of its display.
type liveVertex struct {
	live   *Live
	title  string
	begun  time.Time
	took   time.Duration
	start  bool // it is done now, rather than found
	done   bool
	cached bool
	err    error
	log    []string // the last lines written
	rest   []byte   // the line that has not ended
}

func (v *liveVertex) lines(now time.Time, columns int, last bool) []frameLine {
	took := v.took
	if !v.done {
		took = now.Sub(v.begun)
	}
	word, colour := "", ""
	switch {
	case v.done && errors.Is(v.err, context.Canceled):
		word, colour = "CANCELED ", "\x1b[33m"
	case v.done && v.err != nil:
		word, colour = "ERROR ", "\x1b[31m"
	case v.done && v.cached:
		word, colour = "CACHED ", "\x1b[34m"
	case v.done:
		colour = "\x1b[34m"
	}
	time := fmt.Sprintf("%.1fs", took.Seconds())
	if !v.start && !v.done {
		time = ""
	}
	out := []frameLine{{fit(" => "+word+v.title, time, columns), colour}}
	if v.done || last {
		return out
	}
	log := v.log
	if len(v.rest) > 0 {
		log = append(log[:len(log):len(log)], v.shown(v.rest))
	}
	for _, line := range log[max(0, len(log)-logLines):] {
		out = append(out, frameLine{fit(" => => # "+line, "", columns), "\x1b[2m"})
	}
	return out
}

// shown is a line as a terminal would be left with it.
func (v *liveVertex) shown(line []byte) string {
	line = bytes.TrimRight(line, "\r\n")
	line = line[bytes.LastIndexByte(line, '\r')+1:]
	return v.live.shown(string(line))
}

// shown is text that takes as much room as it has characters.
func (l *Live) shown(text string) string {
	return strings.ReplaceAll(l.opts.Escape(text), "\t", "    ")
}

// Start is of Vertex.
func (v *liveVertex) Start() {
	v.live.mu.Lock()
	defer v.live.mu.Unlock()
	v.begun, v.start = time.Now(), true
}

// Write is of Vertex.
func (v *liveVertex) Write(b []byte) (int, error) {
	v.live.mu.Lock()
	defer v.live.mu.Unlock()
	v.rest = append(v.rest, b...)
	for {
		i := bytes.IndexByte(v.rest, '\n')
		if i < 0 {
			break
		}
		v.log = append(v.log, v.shown(v.rest[:i]))
		v.rest = v.rest[i+1:]
	}
	if len(v.rest) > maxLine {
		v.rest = v.rest[len(v.rest)-maxLine:]
	}
	if len(v.log) > logLines {
		v.log = append([]string(nil), v.log[len(v.log)-logLines:]...)
	}
	return len(b), nil
}

// End is of Vertex.
func (v *liveVertex) End(cached bool, err error) {
	v.live.mu.Lock()
	defer v.live.mu.Unlock()
	v.took, v.done, v.cached, v.err = time.Since(v.begun), true, cached, err
}
