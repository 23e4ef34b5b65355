package event

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pod-engine/pod/internal/rotated"
)

// keep is how many files there are: the journal and the one before it.
const keep = 2

// Options say which events are read.
type Options struct {
	// Since and Until leave out what happened earlier, and later; zero does not.
	Since, Until time.Time
	// New leaves out what is in the journal already.
	New bool
	// Follow waits for further events, until Until has come if that is given.
	Follow bool
	// Match chooses among the events; nil takes all.
	Match func(Event) bool
	// Idle is called, if it is not nil, when all there is has been read, before waiting for more.
	Idle func()
}

// Read calls give for each event in the journal at path, in the order in which they were appended, and returns its
// error if it gives one. A journal that does not exist is empty. What is no event is passed over. A reader that follows
// misses nothing unless two whole files are filled while it reads one.
func Read(ctx context.Context, path string, o Options, give func(Event) error) error {
	if err := read(ctx, path, &o, give); err != nil && ctx.Err() == nil {
		return fmt.Errorf("read the events in %q: %w", path, err)
	}
	return ctx.Err()
}

func read(ctx context.Context, path string, o *Options, give func(Event) error) error {
	chain, err := rotated.Open(path, keep)
	if err != nil {
		return err
	}
	defer chain.Close()
	r := &reader{opts: o, give: give}
	files := chain.Files()
	first := 0
	if o.New && len(files) > 0 {
		first = len(files) - 1
		info, err := files[first].Stat()
		if err != nil {
			return err
		}
		r.offset = info.Size()
	}
	if o.Follow {
		over, free := o.over()
		defer free()
		return chain.Follow(ctx, first, over, r)
	}
	for _, f := range files[first:] {
		if err := r.Read(ctx, f, true); err != nil {
			return err
		}
	}
	return nil
}

// over gives a channel that is closed when Until has come, nil without Until, and a function to free it.
func (o *Options) over() (<-chan struct{}, func()) {
	if o.Until.IsZero() {
		return nil, func() {}
	}
	ctx, cancel := context.WithDeadline(context.Background(), o.Until)
	return ctx.Done(), cancel
}

// reader gives the events of files, one after the other.
type reader struct {
	opts   *Options
	give   func(Event) error
	offset int64 // where to begin in the first file
	cur    *os.File
	lines  *rotated.Lines
}

// Read is called by Chain.Follow. A last line without newline is torn, or being written; it is not an event.
func (r *reader) Read(ctx context.Context, f *os.File, last bool) error {
	if f != r.cur {
		r.cur, r.lines = f, rotated.NewLines(f, r.offset, -1)
		r.offset = 0
	}
	for {
		p, err := r.lines.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if e, ok := decode(p); ok && r.opts.wants(e) {
			if err := r.give(e); err != nil {
				return err
			}
		}
	}
}

// Idle is called by Chain.Follow.
func (r *reader) Idle() {
	if r.opts.Idle != nil {
		r.opts.Idle()
	}
}

func decode(p rotated.Piece) (Event, bool) {
	var e Event
	if !p.First || !p.Last || json.Unmarshal(p.Text, &e) != nil {
		return Event{}, false
	}
	return e, e.Type != "" && e.Status != "" && !e.Time.IsZero()
}

func (o *Options) wants(e Event) bool {
	if e.Time.Before(o.Since) || !o.Until.IsZero() && e.Time.After(o.Until) {
		return false
	}
	return o.Match == nil || o.Match(e)
}
