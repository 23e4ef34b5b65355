package log

import (
	"context"
	"sync"
)

// Merge reads several logs at once and gives their records in the order of their times, each with the number of its
// source; of one source they stay in order. Where a source has no more for now, others do not wait for it: what it
// gets later comes later. The first error ends it.
func Merge(ctx context.Context, sources []Source, opts Options, give func(source int, r Record) error) error {
	wait := opts.Idle
	if wait == nil {
		wait = func() {}
	}
	ctx, stop := context.WithCancel(ctx)
	m := merger{in: make(chan message), state: make([]message, len(sources))}
	m.resume = make([]chan struct{}, len(sources))
	m.busy = len(sources)
	var readers sync.WaitGroup
	defer readers.Wait()
	defer stop() // runs before the wait, and ends readers that have a record to give
	for i, src := range sources {
		m.resume[i] = make(chan struct{})
		m.state[i] = message{source: i, kind: busy}
		readers.Go(func() { m.read(ctx, i, src, opts) })
	}
	return m.run(ctx, wait, give)
}

// merger holds at most one record of each source. A reader waits until its record was given, so that the text stays valid.
type merger struct {
	in     chan message
	resume []chan struct{}
	state  []message // of each source, the newest
	busy   int       // sources from which a message is due
}

type kind uint8

const (
	busy   kind = iota // reads
	record             // has a record, and waits
	idle               // has no more for now
	done               // has ended
)

type message struct {
	source int
	kind   kind
	rec    Record
	err    error
}

// read runs in a goroutine of its own.
func (m *merger) read(ctx context.Context, i int, src Source, opts Options) {
	send := func(msg message) {
		select {
		case m.in <- msg:
		case <-ctx.Done():
		}
	}
	opts.Idle = func() { send(message{source: i, kind: idle}) }
	err := Read(ctx, src, opts, func(r Record) error {
		send(message{source: i, kind: record, rec: r})
		select {
		case <-m.resume[i]:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	send(message{source: i, kind: done, err: err})
}

func (m *merger) run(ctx context.Context, wait func(), give func(int, Record) error) error {
	for {
		first := -1
		if m.busy == 0 {
			if first = m.earliest(); first < 0 {
				if m.allDone() {
					return nil
				}
				wait()
			}
		}
		if first < 0 {
			select {
			case msg := <-m.in:
				if err := m.note(msg); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		if err := give(first, m.state[first].rec); err != nil {
			return err
		}
		m.state[first].kind = busy
		m.busy++
		select {
		case m.resume[first] <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *merger) note(msg message) error {
	if m.state[msg.source].kind == busy {
		m.busy--
	}
	m.state[msg.source] = msg
	return msg.err
}

// earliest is the source with the earliest record, -1 when there is no record.
func (m *merger) earliest() int {
	first := -1
	for i, s := range m.state {
		if s.kind == record && (first < 0 || s.rec.Time.Before(m.state[first].rec.Time)) {
			first = i
		}
	}
	return first
}

func (m *merger) allDone() bool {
	for _, s := range m.state {
		if s.kind != done {
			return false
		}
	}
	return true
}
