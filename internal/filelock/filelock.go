// Package filelock is advisory locking of files with flock(2). A lock belongs to the open file, not to the process: it is
// freed by the kernel when the last descriptor of it closes, however the holder died, and a child that
// inherits the descriptor holds it on.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/failpoint"
	"golang.org/x/sys/unix"
)

// ErrHeld says that somebody else holds the lock.
var ErrHeld = errors.New("locked by another process")

// Lock is a held lock.
type Lock struct{ f *os.File }

// Acquire takes the lock on the file at path, which it creates when missing, waiting until the deadline in ctx or, without one,
// for Patience. The error of a wait that ended names the holder. purpose is left in the file for such messages.
//
// When the file was renamed or removed while waiting (its object is gone) the error is fs.ErrNotExist.
func Acquire(ctx context.Context, path, purpose string) (*Lock, error) {
	return acquire(ctx, path, purpose, os.O_RDWR|os.O_CREATE)
}

// Share takes the lock on the file at path, which it creates when missing, together with all who share it: Try finds it held, and Acquire
// waits. Like Acquire it waits for one who has it alone, and its error is fs.ErrNotExist when the file has gone meanwhile.
func Share(ctx context.Context, path string) (*Lock, error) {
	return take(ctx, path, os.O_RDWR|os.O_CREATE, unix.LOCK_SH)
}

// AcquireExisting is Acquire of a file that must be there.
func AcquireExisting(ctx context.Context, path, purpose string) (*Lock, error) {
	return acquire(ctx, path, purpose, os.O_RDWR)
}

// maxPause is the longest time between two looks at a lock. It bounds how long a lock stays unused after its holder's death.
const maxPause = 25 * time.Millisecond

// Patience bounds a wait for which the context sets no deadline.
const Patience = 30 * time.Second

func acquire(ctx context.Context, path, purpose string, flags int) (*Lock, error) {
	lock, err := take(ctx, path, flags, unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	lock.sign(purpose)
	return lock, nil
}

// sign says who holds the lock. With a full disk it holds all the same, only its holder stays unnamed.
func (l *Lock) sign(purpose string) {
	l.f.Truncate(0)
	fmt.Fprintf(l.f, "%d %s\n", os.Getpid(), purpose)
}

// take opens the file with flags of open(2) and takes the lock as how says, which is LOCK_EX or LOCK_SH.
func take(ctx context.Context, path string, flags, how int) (*Lock, error) {
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := wait(ctx, f, path, how); err != nil {
		f.Close()
		return nil, err
	}
	if same, err := stillThere(f, path); err != nil || !same {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, os.ErrNotExist)
	}
	return &Lock{f}, nil
}

// Try takes the lock on an existing file, or returns ErrHeld at once.
func Try(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := flock(f, unix.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return &Lock{f}, nil
}

// Claim is Try of a file that need not be there: who makes a directory and then locks a file in it may have died in between, or be about to lock
// it. That one waits then as for any lock, and is told that what it made is gone, if it is. The error is fs.ErrNotExist when this is too late itself.
func Claim(path, purpose string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = flock(f, unix.LOCK_EX)
	if same, gone := stillThere(f, path); err == nil && !same {
		err = errors.Join(gone, fmt.Errorf("lock %s: %w", path, os.ErrNotExist))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	lock := &Lock{f}
	lock.sign(purpose)
	return lock, nil
}

// File is the open file that carries the lock, for a child to inherit.
func (l *Lock) File() *os.File { return l.f }

// At is fs.ErrNotExist (wrapped) when the locked file is not, or no longer, the one at path.
func (l *Lock) At(path string) error {
	there, err := stillThere(l.f, path)
	if err == nil && !there {
		err = &fs.PathError{Op: "find the locked", Path: path, Err: fs.ErrNotExist}
	}
	return err
}

// Release frees the lock unless a child inherited it.
func (l *Lock) Release() error { return l.f.Close() }

func flock(f *os.File, how int) error {
	err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrHeld
	}
	return err
}

// wait polls: flock(2) has no time-out, and a blocked thread could not be called back.
func wait(ctx context.Context, f *os.File, path string, how int) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, failpoint.Patience(Patience))
		defer cancel()
	}
	pause := time.Millisecond
	for {
		err := flock(f, how)
		if !errors.Is(err, ErrHeld) {
			return err
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return fmt.Errorf("%s is %w (%s)", path, ErrHeld, Holder(path))
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

// Holder says who holds the lock at path, as "process 123: start", from what its holder left there.
func Holder(path string) string {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "by an unknown process"
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, 200))
	pid, purpose, ok := strings.Cut(strings.TrimSpace(string(b)), " ")
	if !ok {
		return "by an unknown process"
	}
	return fmt.Sprintf("by process %s: %s", pid, purpose)
}

func stillThere(f *os.File, path string) (bool, error) {
	held, err := f.Stat()
	if err != nil {
		return false, err
	}
	now, err := os.Lstat(path)
	if err != nil {
		return false, err
	}
	return os.SameFile(held, now), nil
}
