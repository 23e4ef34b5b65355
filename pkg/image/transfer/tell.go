package transfer

import (
	"maps"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/types"
)

// teller tells of layers in the words of the library's events, so that they are shown as those are.
type teller struct {
	of       *progress
	events   chan types.ProgressProperties
	ended    chan struct{}
	stop     func()
	once     sync.Once
	mu       sync.Mutex
	lastRead map[digest.Digest]time.Time
}

// interval is the time between two events about one blob.
const interval = 100 * time.Millisecond

func (p *progress) teller() *teller {
	t := &teller{of: p, events: make(chan types.ProgressProperties), ended: make(chan struct{}), lastRead: map[digest.Digest]time.Time{}}
	t.stop = p.watch(t.events, t.ended)
	return t
}

func (t *teller) event(kind types.ProgressEvent, blob types.BlobInfo, offset uint64) {
	if !t.due(blob.Digest) && kind == types.ProgressEventRead {
		return
	}
	select {
	case t.events <- types.ProgressProperties{Event: kind, Artifact: blob, Offset: offset}:
	case <-t.ended:
	}
}

// due reports whether it is time for another event about a blob.
func (t *teller) due(d digest.Digest) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Sub(t.lastRead[d]) < interval {
		return false
	}
	t.lastRead[d] = now
	return true
}

// end shows nothing more, and keeps the library from showing the same blobs again. It may be called twice.
func (t *teller) end() {
	t.once.Do(func() {
		close(t.ended)
		t.stop()
		t.of.tell(maps.Keys(t.lastRead))
	})
}
