package transfer

import (
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/types"
)

// progress tells a person what goes on. Rules: a terminal gets one bar per layer; a pipe gets one line when a layer is done, so
// that a log is short and stable; nil gets nothing. All of it is conversation and belongs on stderr.
type progress struct {
	out      io.Writer
	terminal bool
	mu       sync.Mutex             // lines of parallel copies do not mix
	told     map[digest.Digest]bool // what has been shown before the library skips it; guarded by mu
}

func (p *progress) line(format string, args ...any) {
	if p.out == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// news reports whether an event of the library is about something that was not shown yet.
func (p *progress) news(e types.ProgressProperties) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return e.Event != types.ProgressEventSkipped || !p.told[e.Artifact.Digest]
}

// tell notes which blobs have been shown.
func (p *progress) tell(blobs iter.Seq[digest.Digest]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.told == nil {
		p.told = map[digest.Digest]bool{}
	}
	for d := range blobs {
		p.told[d] = true
	}
}

// watch shows the events of one copy until stop is called. It takes events also when nobody wants to see them, and after stop
// until the copy has returned, so that one that was abandoned is not kept from ending.
func (p *progress) watch(events <-chan types.ProgressProperties, returned <-chan struct{}) (stop func()) {
	show := func(types.ProgressProperties) {}
	finish := func() {}
	switch {
	case p.out == nil:
	case p.terminal:
		bars := newBars(p.out)
		show, finish = bars.show, bars.finish
	default:
		show = p.plain
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		defer finish()
		for {
			select {
			case e := <-events:
				if p.news(e) {
					show(e)
				}
			case <-end:
				go discard(events, returned)
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}

func discard(events <-chan types.ProgressProperties, returned <-chan struct{}) {
	for {
		select {
		case <-events:
		case <-returned:
			return
		}
	}
}

func (p *progress) plain(e types.ProgressProperties) {
	switch e.Event {
	case types.ProgressEventDone:
		p.line("%s: done, %s", short(e), size(e))
	case types.ProgressEventSkipped:
		p.line("%s: already here", short(e))
	}
}

// short names a blob as people read it: the first 12 digits of its digest.
func short(e types.ProgressProperties) string {
	_, hex, _ := strings.Cut(e.Artifact.Digest.String(), ":")
	if len(hex) > 12 {
		return hex[:12]
	}
	return hex
}

func size(e types.ProgressProperties) string {
	n := float64(max(e.Artifact.Size, int64(e.Offset)))
	for _, unit := range []string{"B", "kB", "MB"} {
		if n < 1000 {
			return fmt.Sprintf("%.3g%s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.3gGB", n)
}
