package rotated

import (
	"context"
	"os"

	"github.com/pod-engine/pod/internal/filewatch"
)

// Reader is what Follow calls; all by one goroutine.
type Reader interface {
	// Read takes what f holds beyond the last call for it. With last set, the writer has finished with f, and there is
	// no further call for it.
	Read(ctx context.Context, f *os.File, last bool) error
	// Idle is called when everything there is has been read, before waiting for more.
	Idle()
}

// Follow reads the files found by Open from number first on, and then what is written, across rotations, until ended
// is closed (nil: never) and everything written before that has been read, or until ctx is done. A log removed by somebody
// is not an error: there may be more in the open file, or a new one.
func (c *Chain) Follow(ctx context.Context, first int, ended <-chan struct{}, r Reader) error {
	watch := filewatch.New(c.path)
	defer watch.Close()
	for {
		over := closed(ended) // asked before reading: what was written earlier is then read
		if err := c.drain(ctx, &first, watch, r); err != nil {
			return err
		}
		if over {
			return c.finish(ctx, r)
		}
		r.Idle()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
		case <-watch.C:
		}
	}
}

// drain reads to the end of the newest file.
func (c *Chain) drain(ctx context.Context, first *int, watch *filewatch.Watcher, r Reader) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.cur != nil {
			if err := r.Read(ctx, c.cur, false); err != nil {
				return err
			}
		}
		next, err := c.next(first)
		if err != nil || next == nil {
			return err
		}
		watch.Content(next)
		// Only now is it sure that the writer has finished with the current file.
		if err := c.finish(ctx, r); err != nil {
			next.Close()
			return err
		}
		if err := c.advance(next); err != nil {
			next.Close()
			return err
		}
	}
}

// next gives the files found by Open, then what the writer made after the current one.
func (c *Chain) next(first *int) (*os.File, error) {
	for len(c.files) > 0 {
		f := c.files[0]
		c.files = c.files[1:]
		if *first--; *first < 0 {
			return f, nil
		}
		if err := c.leaveOut(f); err != nil {
			return nil, err
		}
	}
	return c.successor()
}

func (c *Chain) finish(ctx context.Context, r Reader) error {
	if c.cur == nil {
		return nil
	}
	return r.Read(ctx, c.cur, true)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
