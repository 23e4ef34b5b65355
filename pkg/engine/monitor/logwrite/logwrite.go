// Package logwrite keeps the output of a container: it cuts it into records and writes them to a file (k8s-file,
// json-file) or to the journal, in flat memory whatever the container writes. It never makes the container fail: what
// cannot be written is dropped and counted; that is reported when it begins, and the number at the end.
package logwrite

import (
	"errors"
	"strconv"
	"sync"
	"time"
)

// Stream is where a piece of output came from.
type Stream int

const (
	Stdout Stream = iota
	Stderr
)

func (s Stream) String() string {
	if s == Stderr {
		return "stderr"
	}
	return "stdout"
}

// MaxText bounds the text of one record, in bytes. Longer lines become several partial records and a full one.
const MaxText = 8 << 10

// Options says where the log goes.
type Options struct {
	Driver   string // "k8s-file", "json-file" or "journald"
	Path     string
	MaxSize  int64 // bytes per file; 0: no limit
	MaxFile  int   // files, the current one included; 0 is 1
	Tag      string
	ID, Name string
	Journal  string       // path of journald's socket; empty: where systemd has it
	Report   func(string) // takes one line about trouble
}

// sink writes records. Text has no newline; partial says that its line goes on in the next record of the stream.
type sink interface {
	record(s Stream, text []byte, partial bool)
	// flush writes what record has gathered.
	flush()
	close()
}

// Log is open for writing by several goroutines.
type Log struct {
	mu   sync.Mutex
	sink sink
	// carry is the beginning of a record for each stream that waits for more.
	carry [2][]byte
	// whole says that records must hold whole characters, since the format cannot carry pieces of them.
	whole bool
	fresh func(time.Time)
}

// Open opens the log. A log file is appended to.
func Open(o Options) (*Log, error) {
	if o.Report == nil {
		o.Report = func(string) {}
	}
	switch o.Driver {
	case "k8s-file", "json-file":
		f, err := openFile(o)
		if err != nil {
			return nil, err
		}
		if o.Driver == "json-file" {
			j := &jsonFile{file: f, tag: o.Tag}
			return &Log{sink: j, whole: true, fresh: j.at}, nil
		}
		k := &k8sFile{file: f}
		return &Log{sink: k, fresh: k.at}, nil
	case "journald":
		j := newJournal(o)
		return &Log{sink: j, fresh: func(time.Time) {}}, nil
	}
	return nil, errors.New("there is no log driver " + strconv.Quote(o.Driver))
}

// Write logs p, read from s at time now. More says that further output follows immediately, so that a last line without
// its end may wait for it; otherwise it is written at once as a partial record.
func (l *Log) Write(s Stream, p []byte, now time.Time, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fresh(now)
	p = l.fillCarry(s, p)
	for len(p) > 0 {
		line, rest, found := cut(p)
		switch {
		case found && len(line) <= MaxText:
			l.sink.record(s, line, false)
			p = rest
		case len(line) > MaxText:
			n := l.boundary(line, MaxText)
			l.sink.record(s, line[:n], true)
			p = p[n:]
		default:
			l.hold(s, line, more)
			p = nil
		}
	}
	l.sink.flush()
}

// hold takes the end of a piece of output that has no newline.
func (l *Log) hold(s Stream, tail []byte, more bool) {
	n := 0
	if !more {
		n = l.boundary(tail, len(tail))
		if n > 0 {
			l.sink.record(s, tail[:n], true)
		}
	}
	if n < len(tail) {
		l.carry[s] = append(l.carry[s][:0], tail[n:]...)
	}
}

// fillCarry completes the waiting beginning of a record with p and gives what is left of p.
func (l *Log) fillCarry(s Stream, p []byte) []byte {
	for len(l.carry[s]) > 0 && len(p) > 0 {
		carry := l.carry[s]
		line, rest, found := cut(p)
		room := MaxText - len(carry)
		if found && len(line) <= room {
			carry = append(carry, line...)
			l.sink.record(s, carry, false)
			l.carry[s] = carry[:0]
			return rest
		}
		take := min(len(line), room)
		carry = append(carry, line[:take]...)
		p = p[take:]
		n := l.boundary(carry, len(carry))
		if n > 0 {
			l.sink.record(s, carry[:n], true)
		}
		l.carry[s] = append(carry[:0], carry[n:]...)
	}
	return p
}

// Close writes what waits and closes the log.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fresh(time.Now())
	l.end()
	l.sink.close()
}

// Flush writes what waits for more output, as at the end of a container.
func (l *Log) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fresh(time.Now())
	l.end()
}

func (l *Log) end() {
	for s, carry := range l.carry {
		if len(carry) > 0 {
			l.sink.record(Stream(s), carry, true)
			l.carry[s] = carry[:0]
		}
	}
	l.sink.flush()
}
