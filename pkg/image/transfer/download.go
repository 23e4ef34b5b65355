package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/pod-engine/pod/internal/hint"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
)

const (
	// parallel is how many layers are downloaded at the same time, as podman does.
	parallel = 6
	// defaultPatience is how long a registry may be silent.
	defaultPatience = time.Minute
	// trickle is how many bytes have to come in that time: a registry that sends one now and then keeps nobody waiting for ever.
	trickle = 1 << 10
)

// errSilent says that a registry has not answered in time.
type errSilent struct{ patience time.Duration }

func (e errSilent) Error() string        { return fmt.Sprintf("the registry is silent for %s", e.patience) }
func (e errSilent) Is(target error) bool { return target == context.DeadlineExceeded }

// attend bounds the time that questions to a registry may take.
func (j *job) attend(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, j.patience, errSilent{j.patience})
}

// attended gives the reason why a context ended for the error that came of it.
func attended(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || cause == nil || errors.Is(cause, context.Canceled) {
		return err
	}
	return cause
}

// maxHeap is what may be in memory while the library reads an answer that it does not bound.
const maxHeap = 512 << 20

// frugal ends a context when an answer fills the memory.
func frugal(ctx context.Context, stop context.CancelFunc) (context.Context, context.CancelFunc) {
	ctx, fail := context.WithCancelCause(ctx)
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				var m runtime.MemStats
				if runtime.ReadMemStats(&m); m.HeapAlloc > maxHeap {
					fail(errors.New("the registry's answer is too long"))
				}
			}
		}
	}()
	return ctx, func() { fail(context.Canceled); stop() }
}

// downloads are the blobs of one image that come at the same time.
type downloads struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	blobs  []*blob
	all    sync.WaitGroup
}

// download starts to bring the blobs of these layers. What lies on this machine is read when it is asked for.
func (s *checkedSource) download(ctx context.Context, layers []layer) *downloads {
	d := &downloads{}
	d.ctx, d.cancel = context.WithCancelCause(ctx)
	for _, l := range layers {
		b := &blob{src: s, info: l.blob}
		if s.remote {
			b.come = sync.NewCond(&b.mu)
		}
		d.blobs = append(d.blobs, b)
	}
	if s.remote {
		d.all.Go(func() { d.begin(cmp.Or(s.j.access.Parallel, parallel)) })
	}
	return d
}

// begin starts the downloads, as many at a time as there are slots, the lowest layer first: it is unpacked first.
func (d *downloads) begin(slots uint) {
	free := make(chan struct{}, slots)
	for _, b := range d.blobs {
		select {
		case free <- struct{}{}:
		case <-d.ctx.Done():
			b.finish(context.Cause(d.ctx))
			continue
		}
		d.all.Go(func() {
			defer func() { <-free }()
			err := b.fetch(d.ctx)
			if err != nil {
				d.cancel(err)
			}
			b.finish(err)
		})
	}
}

func (d *downloads) stop() {
	d.cancel(context.Canceled)
	d.all.Wait()
	for _, b := range d.blobs {
		b.discard()
	}
}

// cause is why the first download failed, if that is behind err.
func (d *downloads) cause(err error) error {
	if cause := context.Cause(d.ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// blob is one blob: a file that grows while it comes, or what a source on this machine gives.
type blob struct {
	src  *checkedSource
	info types.BlobInfo
	kept bool

	mu   sync.Mutex
	come *sync.Cond // nil: the source is on this machine
	file *os.File
	size int64
	done bool
	err  error
}

// open gives the blob from its beginning. Its end comes when its size and digest were found right; plain says that it is not packed, so that
// who reads it will find out about the digest.
func (b *blob) open(ctx context.Context, plain bool) (io.ReadCloser, error) {
	if b.come == nil {
		stream, _, err := b.src.ImageSource.GetBlob(ctx, b.info, none.NoCache)
		if err != nil || plain {
			return stream, err
		}
		return exact(stream, b.info)
	}
	stop := context.AfterFunc(ctx, func() { b.finish(context.Cause(ctx)) })
	return &growing{b: b, stop: stop}, nil
}

// keep lets the library have the blob later.
func (b *blob) keep() { b.kept = true }

func (b *blob) discard() {
	if b.file == nil {
		return
	}
	if b.kept {
		b.src.keep(b.info.Digest, b.file.Name())
	} else {
		os.Remove(b.file.Name())
	}
	b.file.Close()
}

func (b *blob) finish(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.done {
		b.done, b.err = true, err
		b.come.Broadcast()
	}
}

// settle waits until a blob of which all has come is judged: what cannot be unpacked because it is not what the manifest says is refused for that.
func (b *blob) settle() {
	if b.come == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.size == b.info.Size && !b.done {
		b.come.Wait()
	}
}

// fetch downloads the blob to its file.
func (b *blob) fetch(ctx context.Context) error {
	file, err := os.CreateTemp(b.src.j.work.dir, "blob")
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.file = file
	b.mu.Unlock()
	watch := b.src.j.watch(ctx)
	defer watch.stop()
	stream, _, err := b.src.ImageSource.GetBlob(watch.ctx, b.info, none.NoCache)
	if err != nil {
		return watch.cause(err)
	}
	defer stream.Close()
	checked, err := exact(&watched{stream, watch}, b.info)
	if err != nil {
		return err
	}
	buf := make([]byte, 256<<10)
	for {
		n, err := checked.Read(buf)
		if n > 0 {
			if _, err := file.Write(buf[:n]); err != nil {
				return err
			}
			b.mu.Lock()
			b.size += int64(n)
			b.come.Broadcast()
			so := b.size
			b.mu.Unlock()
			b.src.tell.event(types.ProgressEventRead, b.info, uint64(so))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return watch.cause(err)
		}
	}
}

// growing reads a blob that may still be coming.
type growing struct {
	b    *blob
	at   int64
	stop func() bool
}

func (g *growing) Read(p []byte) (int, error) {
	b := g.b
	b.mu.Lock()
	for g.at == b.size && !b.done {
		b.come.Wait()
	}
	size, err, file := b.size, b.err, b.file
	b.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if g.at == size {
		return 0, io.EOF
	}
	n, err := file.ReadAt(p[:min(int64(len(p)), size-g.at)], g.at)
	g.at += int64(n)
	return n, err
}

func (g *growing) Close() error {
	g.stop()
	return nil
}

// exact reads a blob that has to have the size and the digest that the manifest says.
func exact(stream io.ReadCloser, info types.BlobInfo) (io.ReadCloser, error) {
	if !info.Digest.Algorithm().Available() {
		return nil, fmt.Errorf("blob %s: the digest is by an algorithm that is not known", clip(info.Digest.String()))
	}
	verify := info.Digest.Verifier()
	return &exactReader{stream: stream, info: info, verify: verify}, nil
}

type exactReader struct {
	stream io.ReadCloser
	info   types.BlobInfo
	verify digest.Verifier
	n      int64
}

func (e *exactReader) Close() error { return e.stream.Close() }

func (e *exactReader) Read(p []byte) (int, error) {
	n, err := e.stream.Read(p)
	e.n += int64(n)
	if e.info.Size >= 0 && e.n > e.info.Size {
		return 0, fmt.Errorf("blob %s is larger than the %d bytes that the manifest says", shortDigest(e.info.Digest), e.info.Size)
	}
	_, _ = e.verify.Write(p[:n]) // a hash does not fail
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	switch {
	case e.info.Size >= 0 && e.n < e.info.Size:
		return n, errShort{shortDigest(e.info.Digest), e.n, e.info.Size}
	case !e.verify.Verified():
		return n, fmt.Errorf("what came for blob %s has another digest", shortDigest(e.info.Digest))
	}
	return n, io.EOF
}

// errShort says that a blob ended too early, which another try may mend.
type errShort struct {
	blob      string
	got, want int64
}

func (e errShort) Error() string {
	return fmt.Sprintf("blob %s ends after %d of the %d bytes that the manifest says", e.blob, e.got, e.want)
}
func (e errShort) Is(target error) bool { return target == io.ErrUnexpectedEOF }

// silence ends a download from which nothing comes any more.
type silence struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	mu     sync.Mutex
	timer  *time.Timer
	came   int64
}

func (j *job) watch(ctx context.Context) *silence {
	s := &silence{}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.timer = time.AfterFunc(j.patience, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.came < trickle {
			s.cancel(errSilent{j.patience})
			return
		}
		s.came = 0
		s.timer.Reset(j.patience)
	})
	return s
}

func (s *silence) stop() {
	s.timer.Stop()
	s.cancel(context.Canceled)
}

func (s *silence) cause(err error) error { return attended(s.ctx, err) }

// watched tells of what is read. A reader that waits for the disk is not silence of the registry, so the time runs from the read.
type watched struct {
	io.ReadCloser
	s *silence
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.s.mu.Lock()
	w.s.came += int64(n)
	w.s.mu.Unlock()
	return n, err
}

func drain(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// unpackFailure takes the reason out of what the storage library says when its unpacking process fails.
func unpackFailure(err error) error {
	text := err.Error()
	if strings.Contains(text, "duplicates of file paths") {
		return errors.New("unpack a layer: it has two entries of the same name")
	}
	noSuchID := regexp.MustCompile(`\(requested (\d+):(\d+) for (.*?)\): `)
	if m := noSuchID.FindStringSubmatch(text); m != nil {
		return hint.Wrap(fmt.Errorf("unpack a layer: %s belongs to user %s and group %s, and there are not so many subordinate ids", printable(m[3]), m[1], m[2]),
			"give the user more ids in /etc/subuid and /etc/subgid")
	}
	_, said, ok := strings.Cut(text, "; output: ")
	if !ok {
		return err
	}
	said = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(said), ")"))
	lines := strings.Split(said, "\n")
	return fmt.Errorf("unpack a layer: %s", printable(lines[len(lines)-1]))
}

// printable makes what another program says a piece of a sentence.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

// shortDigest names a blob as people read it.
func shortDigest(d digest.Digest) string {
	_, hex, _ := strings.Cut(d.String(), ":")
	return hex[:min(len(hex), 12)]
}
