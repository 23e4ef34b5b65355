// Package log reads what a container wrote, from where its log driver keeps it. It writes nothing: the monitor does.
//
// k8s-file is one line per record, "TIME STREAM TAG TEXT", where TAG P says that the next record of the stream goes on
// with the same line of output, and F that the line ends. json-file is docker's: one JSON object per line, whose text
// has the newline that ends the line of output. Both are rotated by renaming. journald is read by journalctl.
//
// Memory is bounded whatever the files hold. A line that is no record is passed over; of a record cut off at the end of
// a file what there is is given.
package log

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
)

// Stream is what a record was written to. A container with a terminal has only Stdout.
type Stream uint8

// The streams have the numbers of their file descriptors.
const (
	Stdout Stream = 1
	Stderr Stream = 2
)

// Record is a line of output, or a part of one.
type Record struct {
	Time   time.Time
	Stream Stream
	// Text is without the newline that ended the line; it is valid only during the call it was passed to.
	Text []byte
	// Partial says that no newline followed: the stream's next record goes on with the line.
	Partial bool
}

// Source is the log of one container.
type Source struct {
	Driver  container.LogDriver
	Path    string // of the newest file; with k8s-file and json-file
	ID      string // of the container; with journald
	Name    string // of the container, for errors
	MaxFile int    // the most files that rotation keeps
	// Ended is closed when the container has ended and the monitor has written everything. Nil counts as closed.
	Ended <-chan struct{}
}

// Options say what of a log is read.
type Options struct {
	// Follow waits for more until the source has ended, or until Until.
	Follow bool
	// Since and Until leave out what was written earlier, and later; zero does not.
	Since, Until time.Time
	// Tail is the number of lines, of both streams together, to begin before the end. Lines that Since and Until leave
	// out do not count. Negative: all.
	Tail int
	// Idle is called, if it is not nil, when Read has given all there is and waits for more.
	Idle func()
}

// ErrUnreadable is wrapped by the error about log drivers that keep nothing.
var ErrUnreadable = errors.New("cannot read logs")

// Read calls give for each record in order and returns its error if it gives one. A missing file is an empty log. When
// following, a cancelled ctx is an error as everywhere.
func Read(ctx context.Context, src Source, opts Options, give func(Record) error) error {
	if src.Ended == nil {
		ended := make(chan struct{})
		close(ended)
		src.Ended = ended
	}
	if opts.Idle == nil {
		opts.Idle = func() {}
	}
	var err error
	switch src.Driver {
	case container.LogK8sFile, container.LogJSONFile:
		err = readFiles(ctx, src, opts, give)
	case container.LogJournald:
		err = readJournal(ctx, src, opts, give)
	case container.LogNone, container.LogPassthrough:
		err = fmt.Errorf("this container is using the '%s' log driver, %w", src.Driver, ErrUnreadable)
		err = hint.Wrap(err, "make the container with --log-driver k8s-file")
	default:
		err = fmt.Errorf("this container is using the unknown log driver %q, %w", src.Driver, ErrUnreadable)
	}
	if err != nil && !errors.Is(err, ErrUnreadable) && ctx.Err() == nil {
		return fmt.Errorf("read the logs of %q: %w", src.Name, err)
	}
	return err
}

// covers reports whether a record of time t was asked for.
func (o *Options) covers(t time.Time) bool {
	return !t.Before(o.Since) && (o.Until.IsZero() || !t.After(o.Until))
}

// over gives a channel that is closed when the source has ended or Until has come, and a function to free it.
func (o *Options) over(ended <-chan struct{}) (<-chan struct{}, func()) {
	if o.Until.IsZero() {
		return ended, func() {}
	}
	ctx, cancel := context.WithDeadline(context.Background(), o.Until)
	go func() {
		select {
		case <-ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx.Done(), cancel
}
