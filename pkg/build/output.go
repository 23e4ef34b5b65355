package build

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/pod-engine/pod/pkg/build/progress"
	"golang.org/x/sys/unix"
)

// DefaultMaxOutput is how much of a step's output is kept for its error unless a Job says otherwise, in bytes.
const DefaultMaxOutput = 16 << 20

const (
	// memoryOutput is kept in memory before a file is made for it: most steps write less.
	memoryOutput = 64 << 10
	// tailOutput is kept of the end in addition, since that is where the reason is.
	tailOutput = 256 << 10
)

// Output is what a step has written, for the error if it fails: all of it up to a limit, and its end. What memory is too small for is in a file without a
// name in the workspace, so that it is gone whenever the build is. Its methods may be called from several goroutines.
type Output struct {
	dir   string
	limit int64

	mu      sync.Mutex
	head    []byte   // the beginning, until there is a file
	file    *os.File // the beginning
	kept    int64    // bytes of it
	dropped int64    // bytes between it and tail
	tail    []byte
	broken  error // why there is no more in the file
}

// newOutput is for a step; limit is as in Job.MaxOutput.
func (w *workspace) newOutput(limit int64) *Output {
	if limit == 0 {
		limit = DefaultMaxOutput
	}
	if limit < 0 {
		limit = 1<<63 - 1
	}
	return &Output{dir: w.Dir, limit: limit}
}

// Write never fails: a full disk must not be the end of a step that writes nothing but messages.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := len(b)
	if room := o.limit - o.kept; room > 0 && o.broken == nil {
		part := b[:min(int64(len(b)), room)]
		n, err := o.keep(part)
		o.kept += int64(n)
		o.broken = err
		b = b[n:]
	}
	o.tail = append(o.tail, b...)
	if len(o.tail) > 2*tailOutput {
		cut := len(o.tail) - tailOutput
		o.dropped += int64(cut)
		o.tail = append([]byte(nil), o.tail[cut:]...)
	}
	return all, nil
}

func (o *Output) keep(b []byte) (int, error) {
	if o.file == nil {
		if len(o.head)+len(b) <= memoryOutput {
			o.head = append(o.head, b...)
			return len(b), nil
		}
		f, err := unnamed(o.dir)
		if err != nil {
			return 0, err
		}
		if _, err := f.Write(o.head); err != nil {
			f.Close()
			return 0, err
		}
		o.file, o.head = f, nil
	}
	return o.file.Write(b)
}

// unnamed makes a file that nobody finds.
func unnamed(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) {
		return f, err
	}
	// A file system that has none, such as NFS.
	if f, err = os.CreateTemp(dir, "output-"); err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}

// Len is how many bytes Reader gives.
func (o *Output) Len() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept + int64(len(o.tail))
}

// Reader reads what is kept. Where something was left out it says so.
func (o *Output) Reader() io.Reader {
	o.mu.Lock()
	defer o.mu.Unlock()
	var parts []io.Reader
	if o.file != nil {
		parts = append(parts, io.NewSectionReader(o.file, 0, o.kept))
	} else {
		parts = append(parts, bytes.NewReader(o.head))
	}
	tail := o.tail
	if dropped := o.dropped; dropped > 0 {
		// Go on with a whole line.
		if _, after, ok := bytes.Cut(tail, []byte("\n")); ok {
			dropped += int64(len(tail) - len(after))
			tail = after
		}
		note := fmt.Sprintf("\n[%d bytes of output are left out here", dropped)
		if o.broken != nil {
			note += ": " + o.broken.Error()
		}
		parts = append(parts, bytes.NewReader([]byte(note+"]\n")))
	}
	return io.MultiReader(append(parts, bytes.NewReader(tail))...)
}

// close gives the file back; nothing can be read afterwards.
func (o *Output) close() {
	if o.file != nil {
		o.file.Close()
	}
}

// keptVertex is a step on a display whose output is kept as well.
type keptVertex struct {
	progress.Vertex
	output *Output
}

func (k keptVertex) Write(b []byte) (int, error) {
	k.output.Write(b)
	return k.Vertex.Write(b)
}
