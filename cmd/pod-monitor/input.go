package main

import (
	"os"
	"sync"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

// endOfTransmission is what a person types (Ctrl-D) to end the input of a terminal.
const endOfTransmission = 4

// input carries what clients send to the stdin of the current try: a pipe or a terminal. Clients that write before there
// is one wait; a try that has ended discards.
type input struct {
	mu       sync.Mutex
	ready    *sync.Cond
	writing  sync.Mutex // one frame at a time; not held by those who end a write by closing the file
	file     *os.File   // nil between tries
	wanted   bool       // the container has stdin at all
	terminal bool
	once     bool
	over     bool // no input comes any more: once has been, or the container is at its end
	size     monitor.Size
}

func newInput(l *monitor.Launch) *input {
	in := &input{wanted: l.Stdin && l.LogDriver != "passthrough", terminal: l.Terminal, once: l.StdinOnce}
	in.ready = sync.NewCond(&in.mu)
	return in
}

// attach makes f the place where input goes. Its owner closes it after detach.
func (in *input) attach(f *os.File) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.file = f
	if in.terminal {
		in.applySize()
	} else if in.over {
		f.Close() // the end of input holds for later tries too
	}
	in.ready.Broadcast()
}

// detach discards what is being written, and stops input until the next attach.
func (in *input) detach() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.file != nil && !in.terminal {
		in.file.Close()
	} else if in.file != nil {
		in.file.SetWriteDeadline(time.Unix(1, 0))
	}
	in.file = nil
}

// write waits until p is the container's. Input that the container does not take any more is dropped.
func (in *input) write(p []byte) {
	if !in.wanted {
		return
	}
	in.writing.Lock()
	defer in.writing.Unlock()
	in.mu.Lock()
	for in.file == nil && !in.over {
		in.ready.Wait()
	}
	f, over := in.file, in.over
	in.mu.Unlock()
	if f != nil && !over {
		f.Write(p)
	}
}

// end is the end of one client's input: said by it, or because it left.
func (in *input) end(said bool) {
	if !in.wanted || in.terminal && !said {
		return
	}
	if in.terminal {
		in.write([]byte{endOfTransmission})
		return
	}
	if !in.once {
		return
	}
	in.writing.Lock() // what came before goes first
	defer in.writing.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.over = true
	if in.file != nil {
		in.file.Close()
	}
	in.ready.Broadcast()
}

// finish releases everybody who waits for a try that will not come.
func (in *input) finish() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.over = true
	in.ready.Broadcast()
}

// resize sets the terminal's size, or keeps it for the terminal to come.
func (in *input) resize(size monitor.Size) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.size = size
	if in.terminal && in.file != nil {
		in.applySize()
	}
}

func (in *input) applySize() {
	size := in.size
	if size == (monitor.Size{}) {
		return
	}
	winsize := &unix.Winsize{Row: size.Rows, Col: size.Columns}
	if conn, err := in.file.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, winsize) })
	}
}
