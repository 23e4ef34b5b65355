package log

import (
	"bytes"
	"context"
	"io"
	"os"

	"github.com/pod-engine/pod/internal/rotated"
)

const (
	// blockSize is how much is read at once on the way back.
	blockSize = 64 << 10
	// lookBack is how far before the first line that counts the beginning of another stream's partial line is looked
	// for. Further back it is not worth reading a whole log for.
	lookBack = 1 << 20
)

// findTail finds where the last opts.Tail lines begin, reading from the end. Sizes are where the files end.
func findTail(ctx context.Context, files []*os.File, sizes []int64, f format, opts *Options) (start, error) {
	t := tail{opts: opts, want: opts.Tail}
	if len(files) == 0 {
		return t.at, nil
	}
	t.at.position = position{len(files) - 1, sizes[len(files)-1]}
	for s := range t.at.first {
		t.at.first[s] = t.at.position
	}
	for i := len(files) - 1; i >= 0; i-- {
		b := backward{f: files[i], start: sizes[i]}
		for n := 0; ; n++ {
			if t.done() {
				return t.at, nil
			}
			if n%1024 == 0 && ctx.Err() != nil {
				return t.at, ctx.Err()
			}
			line, whole, err := b.previous()
			if err == io.EOF {
				break
			}
			if err != nil {
				return t.at, err
			}
			t.passed(int64(len(line)))
			rec, ok := f.parse(line)
			if ok && opts.covers(rec.Time) {
				rec.Partial = rec.Partial || !whole && f.divisible
				t.record(rec, position{i, b.start})
			}
		}
	}
	return t.at, nil
}

// tail counts the lines of output in records seen from the newest to the oldest.
type tail struct {
	opts  *Options
	want  int // lines still missing
	since int64
	at    start
	// later says whether the record of the stream seen last, which is the next in the file, is given.
	later [Stderr + 1]taken
}

// taken is the state of a stream's line on the way back.
type taken uint8

const (
	unknown  taken = iota // no record of the stream has been seen
	given                 // the line is given; a partial record before it belongs to it
	complete              // the beginning of the first line that is given has been passed
)

// passed counts the bytes seen since the last record that is given.
func (t *tail) passed(n int64) { t.since += n + 1 }

// done reports whether everything that is given has been seen.
func (t *tail) done() bool {
	if t.want > 0 {
		return false
	}
	return t.since > lookBack || t.later[Stdout] != given && t.later[Stderr] != given
}

func (t *tail) record(r Record, at position) {
	goesOn := r.Partial && t.later[r.Stream] == given
	switch {
	case t.later[r.Stream] == complete:
		return
	case goesOn:
	case t.want > 0:
		t.want--
	default:
		t.later[r.Stream] = complete
		return
	}
	t.since = 0
	t.later[r.Stream] = given
	t.at.first[r.Stream] = at
	t.at.position = at
}

// backward gives the lines of a file from the last to the first.
type backward struct {
	f     io.ReaderAt
	start int64 // of the line given last, so the end of those to come
	block []byte
	base  int64 // of block in the file
}

// previous gives the line before, at most rotated.MaxLine bytes of it, without its newline, and whether it had one; the
// line starts at b.start. At the start of the file the error is io.EOF.
func (b *backward) previous() (line []byte, whole bool, err error) {
	if b.start == 0 {
		return nil, false, io.EOF
	}
	end := b.start
	if err := b.cover(end - 1); err != nil {
		return nil, false, err
	}
	if whole = b.block[end-1-b.base] == '\n'; whole {
		end--
	}
	if b.start, err = b.lineStart(end); err != nil {
		return nil, false, err
	}
	line, err = b.text(end)
	return line, whole, err
}

// lineStart finds the start of the line whose text ends at end.
func (b *backward) lineStart(end int64) (int64, error) {
	for end > 0 {
		if err := b.cover(end - 1); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(b.block[:end-b.base], '\n'); i >= 0 {
			return b.base + int64(i) + 1, nil
		}
		end = b.base
	}
	return 0, nil
}

// cover reads the block that holds the byte at offset, unless it is there.
func (b *backward) cover(offset int64) error {
	if offset >= b.base && offset < b.base+int64(len(b.block)) {
		return nil
	}
	base := offset / blockSize * blockSize
	if b.block == nil {
		b.block = make([]byte, 0, blockSize)
	}
	b.base = base
	b.block = b.block[:blockSize]
	n, err := b.f.ReadAt(b.block, base)
	b.block = b.block[:n]
	if int64(n) > offset-base {
		return nil
	}
	if err == nil || err == io.EOF {
		return io.EOF // somebody emptied the file meanwhile
	}
	return err
}

// text gives the bytes from b.start to end, as far as they fit.
func (b *backward) text(end int64) ([]byte, error) {
	end = min(end, b.start+rotated.MaxLine)
	if b.start >= b.base && end <= b.base+int64(len(b.block)) {
		return b.block[b.start-b.base : end-b.base], nil
	}
	line := make([]byte, end-b.start)
	n, err := b.f.ReadAt(line, b.start)
	if err == io.EOF {
		err = nil
	}
	return line[:n], err
}
