// Package layertar reads layers, and other archives, that strangers made. A layer is unpacked, measured, digested and looked through in one pass, while another
// reader consumes it, and that reader is told of the end only when everything was found right.
//
// Where files are written is not decided here: who consumes the layer must not be able to write outside of its directory, whatever
// the layer says. This package refuses what is wrong by itself, so that the refusal is one sentence, and what no file system would stop:
// bombs, and attributes that are private to the storage driver.
package layertar

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// Found is what a layer was seen to have. It is complete once Read has given io.EOF.
type Found struct {
	Packed, Unpacked atomic.Int64 // bytes
	Devices          atomic.Int64 // device nodes, which an unprivileged user cannot make
	digest           string
}

// Digest is that of the unpacked layer, "sha256:…".
func (f *Found) Digest() string { return f.digest }

// Reader gives the unpacked layer. Its methods are for one goroutine.
type Reader struct {
	Found          Found
	kind           kind
	want           string
	budget         *Budget
	ctx            context.Context
	fail           context.CancelCauseFunc
	digests, scans chan *chunk
	// scanned are the chunks that the scan has passed. The consumer gets no other: a header of a few bytes can make it write a petabyte
	// of zeroes (a sparse file), whatever it is told afterwards.
	scanned chan *chunk
	pool    sync.Pool
	current *chunk
	rest    []byte
	ended   chan struct{} // closed when digest and scan are done
}

// kind is what is read.
type kind struct {
	word string // for it in errors
	// acceptable gives the reason why an entry is refused, as the end of a sentence; nil: none is.
	acceptable func(*tar.Header) error
}

// chunk is a piece of the layer that several read.
type chunk struct {
	data []byte
	refs atomic.Int32
}

const (
	chunkSize = 256 << 10
	ahead     = 8 // chunks that the fastest reader may be ahead of the slowest
)

// Open reads the layer that is packed in r, compressed or not. want is the digest that it must have unpacked, "sha256:…", or empty. Close must be
// called; when r itself waits for something, ctx must end that.
func Open(ctx context.Context, r io.Reader, want string, b *Budget) *Reader {
	return open(ctx, r, want, b, kind{"layer", acceptable})
}

// OpenArchive is Open for an archive that is no layer: only its size is bounded, and that of each file it makes. Where files are written, and which, is
// for who unpacks it to decide.
func OpenArchive(ctx context.Context, r io.Reader, l Limits) *Reader {
	return open(ctx, r, "", NewArchiveBudget(l), kind{word: "archive"})
}

func open(ctx context.Context, r io.Reader, want string, b *Budget, k kind) *Reader {
	ctx, cancel := context.WithCancelCause(ctx)
	l := &Reader{kind: k, want: want, budget: b, ctx: ctx, fail: cancel, ended: make(chan struct{})}
	l.pool.New = func() any { return &chunk{data: make([]byte, chunkSize)} }
	for _, c := range []*chan *chunk{&l.digests, &l.scans, &l.scanned} {
		*c = make(chan *chunk, ahead)
	}
	var checks sync.WaitGroup
	checks.Go(func() { l.digest() })
	checks.Go(func() {
		if err := scan(&pieces{l: l}, k, b, &l.Found); err != nil {
			l.fail(err)
		}
		close(l.scanned)
	})
	go func() {
		if err := l.fill(r); err != nil {
			l.fail(err)
		}
		close(l.digests)
		close(l.scans)
		checks.Wait()
		close(l.ended)
	}()
	return l
}

var errClosed = errors.New("it was closed")

// Close ends reading.
func (l *Reader) Close() error {
	l.fail(errClosed)
	return nil
}

// Err is why the layer is refused; nil: so far it is not.
func (l *Reader) Err() error {
	if err := context.Cause(l.ctx); err != nil && !errors.Is(err, errClosed) {
		return err
	}
	return nil
}

// Read gives io.EOF only when the whole layer was found right.
func (l *Reader) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		if l.current != nil {
			l.release(l.current)
			l.current = nil
		}
		next, err := l.next(l.scanned)
		if err != nil {
			return 0, err
		}
		if next == nil {
			<-l.ended
			if err := context.Cause(l.ctx); err != nil {
				return 0, err
			}
			return 0, io.EOF
		}
		l.current, l.rest = next, next.data
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// next gives the next chunk, nil at the end.
func (l *Reader) next(from <-chan *chunk) (*chunk, error) {
	select {
	case c := <-from:
		if err := context.Cause(l.ctx); err != nil {
			return nil, err
		}
		return c, nil
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	}
}

func (l *Reader) release(c *chunk) {
	if c.refs.Add(-1) == 0 {
		c.data = c.data[:cap(c.data)]
		l.pool.Put(c)
	}
}

// fill unpacks r and hands the pieces to all readers.
func (l *Reader) fill(r io.Reader) error {
	source := &counted{r: r, n: &l.Found.Packed, word: l.kind.word}
	plain, err := Decompress(source)
	if err != nil {
		return source.blame(err)
	}
	defer plain.Close()
	for {
		c := l.pool.Get().(*chunk)
		n, err := readFull(plain, c.data)
		if n > 0 {
			c.data = c.data[:n]
			if err := l.accept(c); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return source.blame(err)
		}
	}
}

func (l *Reader) accept(c *chunk) error {
	n := int64(len(c.data))
	total := l.Found.Unpacked.Add(n)
	if total == n && Packed(c.data) {
		return fmt.Errorf("the %s is compressed twice", l.kind.word)
	}
	if err := l.budget.stream(n, l.Found.Packed.Load(), total); err != nil {
		return err
	}
	c.refs.Store(2) // of the digest, and of the scan and then the consumer
	if err := l.give(l.digests, c); err != nil {
		return err
	}
	return l.give(l.scans, c)
}

func (l *Reader) give(to chan<- *chunk, c *chunk) error {
	select {
	case to <- c:
		return nil
	case <-l.ctx.Done():
		return context.Cause(l.ctx)
	}
}

// digest checks the digest of the unpacked layer.
func (l *Reader) digest() {
	sum := sha256.New()
	for {
		c, err := l.next(l.digests)
		if err != nil {
			return
		}
		if c == nil {
			break
		}
		sum.Write(c.data)
		l.release(c)
	}
	l.Found.digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	if l.want != "" && l.want != l.Found.digest {
		l.fail(fmt.Errorf("the layer unpacks to something with the digest %s, but the image's configuration says %s", l.Found.digest, l.want))
	}
}

// pieces is what the scan reads. A chunk is the consumer's when the scan asks for the next.
type pieces struct {
	l       *Reader
	current *chunk
	rest    []byte
}

func (p *pieces) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		if p.current != nil {
			passed := p.current
			p.current = nil
			if err := p.l.give(p.l.scanned, passed); err != nil {
				return 0, err
			}
		}
		next, err := p.l.next(p.l.scans)
		if err != nil {
			return 0, err
		}
		if next == nil {
			return 0, io.EOF
		}
		p.current, p.rest = next, next.data
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// counted is the packed layer.
type counted struct {
	r    io.Reader
	n    *atomic.Int64
	word string
	err  error // why it could not be read
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// blame gives the reason for an error of unpacking: that the layer could not be read, or what is wrong with it. The latter hides what it
// comes from, lest a layer that ends too early be taken for a connection that did.
func (c *counted) blame(err error) error {
	if c.err != nil {
		return c.err
	}
	return fmt.Errorf("unpack the %s: %v", c.word, err) //nolint:errorlint // see above
}

// readFull is io.ReadFull, but keeps apart the end of r and an end amid something.
func readFull(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}
