package transfer

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// longestTurn bounds how long a pull waits for another one of the same image. Waiting only saves work: the store takes two at the
// same time too, and keeps one copy.
const longestTurn = 30 * time.Minute

// turn waits until no other process pulls the image called name into this store, and keeps others waiting until release is
// called. Who waited then finds the layers there. The lock of an image is one byte of a file that all share (an open-file-description
// lock, fcntl(2)), so that there is neither a file for each name nor anything to clean up.
func (j *job) turn(ctx context.Context, name string) (release func(), err error) {
	if err := os.MkdirAll(j.store.GraphRoot(), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(j.store.GraphRoot(), "pod-pulls.lock"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("wait for other pulls: %w", err)
	}
	hash := fnv.New32a()
	hash.Write([]byte(name))
	byte1 := unix.Flock_t{Type: unix.F_WRLCK, Start: int64(hash.Sum32()), Len: 1}
	ctx, cancel := context.WithTimeout(ctx, longestTurn)
	defer cancel()
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &byte1)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) {
			f.Close()
			return nil, fmt.Errorf("wait for other pulls of %q: %w", name, err)
		}
		if pause == time.Millisecond {
			j.tell.line("Waiting for another pull of %s...", name)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			f.Close()
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return func() {}, nil
			}
			return nil, ctx.Err()
		}
	}
}
