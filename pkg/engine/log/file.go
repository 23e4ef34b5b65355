package log

import (
	"context"
	"io"
	"os"

	"github.com/pod-engine/pod/internal/rotated"
)

// readFiles reads k8s-file and json-file.
func readFiles(ctx context.Context, src Source, opts Options, give func(Record) error) error {
	chain, err := rotated.Open(src.Path, src.MaxFile)
	if err != nil {
		return err
	}
	defer chain.Close()
	r := &reader{opts: &opts, format: formatOf(src.Driver), give: give}
	sizes, err := fileSizes(chain.Files())
	if err != nil {
		return err
	}
	if opts.Tail >= 0 {
		if r.from, err = findTail(ctx, chain.Files(), sizes, r.format, &opts); err != nil {
			return err
		}
	}
	if !opts.Follow {
		return r.readOnce(ctx, chain.Files(), sizes)
	}
	over, free := opts.over(src.Ended)
	defer free()
	r.at.file = r.from.file - 1
	return chain.Follow(ctx, r.from.file, over, r)
}

func fileSizes(files []*os.File) (sizes []int64, err error) {
	for _, f := range files {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, info.Size())
	}
	return sizes, nil
}

// position is a place in a log of several files.
type position struct {
	file   int   // counted from the oldest that was found
	offset int64 // in that file
}

func (p position) before(q position) bool {
	return p.file < q.file || p.file == q.file && p.offset < q.offset
}

// start says where reading begins: at position, and for each stream not before first. They differ where the lines of
// both streams are interleaved.
type start struct {
	position
	first [Stderr + 1]position
}

// reader gives the records of files, one after the other.
type reader struct {
	opts   *Options
	format format
	give   func(Record) error
	from   start

	cur   *os.File
	at    position // of the newest line in cur
	lines *rotated.Lines
	dec   decoder
}

// readOnce reads what was there when sizes were taken: no more, since a container may write faster than we print.
func (r *reader) readOnce(ctx context.Context, files []*os.File, sizes []int64) error {
	for i := r.from.file; i < len(files); i++ {
		r.open(files[i], i, sizes[i])
		if err := r.drain(ctx); err != nil {
			return err
		}
		if err := r.rest(); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) open(f *os.File, number int, limit int64) {
	offset := int64(0)
	if number == r.from.file {
		offset = r.from.offset
	}
	r.cur, r.at = f, position{number, offset}
	r.lines = rotated.NewLines(f, offset, limit)
	r.dec = decoder{format: r.format}
}

// Read is called by Chain.Follow.
func (r *reader) Read(ctx context.Context, f *os.File, last bool) error {
	if f != r.cur {
		r.open(f, r.at.file+1, -1)
	}
	if err := r.drain(ctx); err != nil || !last {
		return err
	}
	return r.rest()
}

// Idle is called by Chain.Follow.
func (r *reader) Idle() { r.opts.Idle() }

// drain gives the records up to the end of the current file.
func (r *reader) drain(ctx context.Context) error {
	for n := 0; ; n++ {
		p, err := r.lines.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.pass(p, false); err != nil {
			return err
		}
	}
}

// rest gives what a writer left of its last record when it ended amid it.
func (r *reader) rest() error {
	p, ok := r.lines.Rest()
	if !ok {
		return nil
	}
	return r.pass(p, true)
}

func (r *reader) pass(p rotated.Piece, cutOff bool) error {
	rec, ok := r.dec.decode(p, cutOff)
	if !ok || !r.opts.covers(rec.Time) {
		return nil
	}
	if r.skips(rec.Stream, p.Start) {
		return nil
	}
	return r.give(rec)
}

// skips reports whether a record at offset is before the place where its stream begins.
func (r *reader) skips(s Stream, offset int64) bool {
	if offset < r.at.offset {
		r.from.first = [Stderr + 1]position{} // somebody emptied the file: all it holds is new
	}
	r.at.offset = offset
	return r.at.before(r.from.first[s])
}
