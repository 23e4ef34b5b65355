package main

import (
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/pod-engine/pod/internal/terminal"
)

// copies are the pipes between the caller's streams and a process. A process is never handed the caller's terminal: whoever
// has a descriptor of it can type into it (TIOCSTI).
type copies struct {
	theirs []*os.File // ends of the process, to be closed here once it has them
	begun  chan bool  // whether the process was started
	done   []chan struct{}
	active atomic.Int64 // when something was copied last, in nanoseconds of time.Since(start)
	start  time.Time
}

// execStreams gives the streams of the process: the caller's own, or pipes where those are terminals.
func (a *app) execStreams(interactive bool) (streams [3]*os.File, c *copies, err error) {
	c = &copies{begun: make(chan bool, 1), start: time.Now()}
	if interactive {
		streams[0] = a.In
		if terminal.IsTerminal(a.In) {
			if streams[0], err = c.input(a.In); err != nil {
				return streams, c, err
			}
		}
	}
	streams[1] = a.Out
	if terminal.IsTerminal(a.Out) {
		if streams[1], err = c.output(a.Out, nil); err != nil {
			return streams, c, err
		}
	}
	// The runtime writes its own complaints to the process's stderr; they are held back until it is known to have started
	// the process, since the error that is printed says the same.
	streams[2], err = c.output(a.Err, c.begun)
	return streams, c, err
}

// begin says whether the process was started; without it, nothing of what was held back is shown.
func (c *copies) begin(started bool) {
	c.begun <- started
	for _, f := range c.theirs {
		f.Close()
	}
	if !started {
		for _, done := range c.done {
			<-done
		}
	}
}

// quiet is how long a stream that something else holds open is waited for after the process has ended and nothing comes.
const quiet = 200 * time.Millisecond

// wait returns when all output of a process that has ended is copied. What it left running may hold the streams open.
func (c *copies) wait() {
	ended := time.Since(c.start)
	for _, done := range c.done {
		for finished := false; !finished; {
			last := max(ended, time.Duration(c.active.Load()))
			rest := quiet - (time.Since(c.start) - last)
			if rest <= 0 {
				return
			}
			select {
			case <-done:
				finished = true
			case <-time.After(rest):
			}
		}
	}
}

func (c *copies) input(from *os.File) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.theirs = append(c.theirs, r)
	go func() {
		io.Copy(w, from)
		w.Close()
	}()
	return r, nil
}

// output gives a stream that is copied to another; with held, only once true came out of it.
func (c *copies) output(to *os.File, held <-chan bool) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.theirs = append(c.theirs, w)
	done := make(chan struct{})
	c.done = append(c.done, done)
	go func() {
		defer close(done)
		defer r.Close()
		if held != nil && !<-held {
			return
		}
		io.Copy(&noted{to, c}, r)
	}()
	return w, nil
}

// noted notes when something was copied.
type noted struct {
	to     io.Writer
	copies *copies
}

func (n *noted) Write(p []byte) (int, error) {
	defer func() { n.copies.active.Store(int64(time.Since(n.copies.start))) }()
	return n.to.Write(p)
}
