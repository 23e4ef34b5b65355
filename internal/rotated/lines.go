package rotated

import (
	"bytes"
	"io"
	"os"
)

const (
	// MaxLine is the longest line given in one piece, in bytes without its newline. It bounds the memory.
	MaxLine = 1 << 20

	firstBuffer = 64 << 10
)

// File is what Lines needs of a file.
type File interface {
	io.ReaderAt
	Stat() (os.FileInfo, error)
}

// Piece is a line, or a part of one longer than MaxLine.
type Piece struct {
	Text        []byte // without newline; valid until the next call
	Start       int64  // where the line begins in the file
	First, Last bool   // Text begins the line, ends it
}

// Lines cuts a file, which may be growing, into lines with bounded memory.
type Lines struct {
	f       File
	limit   int64 // where to stop; negative: at the end of the file
	offset  int64 // in the file, of buf[hi]
	start   int64 // in the file, of the current line
	buf     []byte
	lo, hi  int
	scanned int // bytes after lo known to hold no newline
	inside  bool
}

// NewLines reads lines from offset on, up to limit, or with a negative limit for as long as f grows.
func NewLines(f File, offset, limit int64) *Lines {
	return &Lines{f: f, limit: limit, offset: offset, start: offset}
}

// Next gives the next whole line, or piece of an over-long one. The error is io.EOF when there is none yet; then Next may
// be called again after the file has grown. A file that became shorter than what has been read is read again from
// its start: somebody emptied it.
func (l *Lines) Next() (Piece, error) {
	for {
		if i := bytes.IndexByte(l.buf[l.lo+l.scanned:l.hi], '\n'); i >= 0 {
			return l.take(l.scanned+i, 1), nil
		}
		l.scanned = l.hi - l.lo
		if l.scanned >= MaxLine {
			return l.take(MaxLine, 0), nil
		}
		if err := l.fill(); err != nil {
			return Piece{}, err
		}
	}
}

// Rest gives what follows the last newline, once the file does not grow any more; false when that is nothing.
func (l *Lines) Rest() (Piece, bool) {
	if l.lo == l.hi && !l.inside {
		return Piece{}, false
	}
	p := l.take(l.hi-l.lo, 0)
	p.Last, l.inside, l.start = true, false, l.offset
	return p, true
}

// take gives n bytes and passes over the newline after them, if there is one.
func (l *Lines) take(n, newline int) Piece {
	p := Piece{Text: l.buf[l.lo : l.lo+n], Start: l.start, First: !l.inside, Last: newline > 0}
	l.lo += n + newline
	l.scanned = 0
	l.inside = !p.Last
	if p.Last {
		l.start = l.offset - int64(l.hi-l.lo)
	}
	return p
}

// fill reads more, or gives io.EOF.
func (l *Lines) fill() error {
	l.makeRoom()
	room := l.buf[l.hi:]
	if l.limit >= 0 {
		room = room[:max(0, min(int64(len(room)), l.limit-l.offset))]
	}
	if len(room) == 0 {
		return io.EOF
	}
	n, err := l.f.ReadAt(room, l.offset)
	l.hi += n
	l.offset += int64(n)
	if n > 0 {
		return nil
	}
	if err == nil || err == io.EOF {
		return l.truncated()
	}
	return err
}

// makeRoom moves the line to the front and leaves space behind it, in a larger buffer if need be.
func (l *Lines) makeRoom() {
	if l.lo > 0 {
		l.hi = copy(l.buf, l.buf[l.lo:l.hi])
		l.lo = 0
	}
	if l.hi < len(l.buf) {
		return
	}
	grown := make([]byte, min(max(firstBuffer, 2*len(l.buf)), 2*MaxLine))
	copy(grown, l.buf[:l.hi])
	l.buf = grown
}

// truncated gives io.EOF when f has as much as was read of it, and starts again when it has less.
func (l *Lines) truncated() error {
	info, err := l.f.Stat()
	if err != nil {
		return err
	}
	if info.Size() >= l.offset {
		return io.EOF
	}
	*l = Lines{f: l.f, limit: l.limit, buf: l.buf}
	return nil
}
