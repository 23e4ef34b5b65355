package transfer

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"time"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/types"
)

const (
	// digestion is how many times longer than to a question a registry may be silent to what it was sent: it may store and digest a large layer
	// before it answers.
	digestion = 5
	// stir is how many bytes have to be read in the time of patience: the runtime itself reads a few now and then.
	stir = 16 << 10
)

// attendCopy ends a copy to or from a registry when nothing moves any more. What is copied into the store is brought in by an arrival, which attends to
// the registry itself, and what the library does after that takes as long as it takes.
//
// The library reads answers, and what it sends, itself, and may read a large layer from the store before it sends a byte. That this process
// reads (proc_pid_io(5)) is what all of it has in common; showing the progress only writes.
func (j *job) attendCopy(ctx context.Context, dst, src types.ImageReference) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	switch {
	case dst.Transport() == docker.Transport:
		go whileReading(ctx, cancel, digestion*j.patience)
	case src.Transport() == docker.Transport && dst.Transport().Name() != "containers-storage":
		go whileReading(ctx, cancel, j.patience)
	}
	return ctx, func() { cancel(context.Canceled) }
}

// whileReading cancels once this process has read next to nothing for the time of patience.
func whileReading(ctx context.Context, cancel context.CancelCauseFunc, patience time.Duration) {
	last, since := bytesRead(), time.Now()
	tick := time.NewTicker(max(patience/10, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			switch read := bytesRead(); {
			case read-last >= stir:
				last, since = read, now
			case now.Sub(since) > patience:
				cancel(errSilent{patience})
				return
			}
		}
	}
}

// bytesRead is how many bytes this process has read from files and connections.
func bytesRead() int64 {
	text, _ := os.ReadFile("/proc/self/io")
	for line := range bytes.Lines(text) {
		if n, ok := bytes.CutPrefix(line, []byte("rchar: ")); ok {
			read, _ := strconv.ParseInt(string(bytes.TrimSpace(n)), 10, 64)
			return read
		}
	}
	return time.Now().UnixNano() // not told: then nothing is taken for silence
}
