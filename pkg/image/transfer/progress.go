package transfer

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"go.podman.io/image/v5/types"
)

// progress tells a person what goes on. Rules: a terminal gets one bar per layer; a pipe gets one line when a layer is done, so
// that a log is short and stable; nil gets nothing. All of it is conversation and belongs on stderr.
type progress struct {
	out      io.Writer
	terminal bool
	mu       sync.Mutex // lines of parallel copies do not mix
}

func (p *progress) line(format string, args ...any) {
	if p.out == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
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
				show(e)
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
