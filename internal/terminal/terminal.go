// Package terminal serves the person at a terminal: raw mode that is always taken back, the window's size, detach keys, and
// signals passed on to a container.
package terminal

import (
	"fmt"
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
)

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// Size is a window's size in character cells.
type Size struct{ Rows, Columns uint16 }

// WindowSize is the size of the terminal's window.
func WindowSize(f *os.File) (Size, error) {
	w, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return Size{}, fmt.Errorf("read window size of %q: %w", f.Name(), err)
	}
	return Size{Rows: w.Row, Columns: w.Col}, nil
}

// WatchSize delivers the size of the terminal's window now and after each change, until stop is called, which closes the
// channel. Only the newest size is kept for a slow reader. Sizes that cannot be read are left out.
func WatchSize(f *os.File) (sizes <-chan Size, stop func()) {
	changes := make(chan os.Signal, 1)
	signal.Notify(changes, unix.SIGWINCH)
	out := make(chan Size, 1)
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(out)
		for {
			if size, err := WindowSize(f); err == nil {
				select {
				case <-out: // only this goroutine sends, so there is room now
				default:
				}
				out <- size
			}
			select {
			case <-changes:
			case <-done:
				return
			}
		}
	}()
	return out, sync.OnceFunc(func() {
		signal.Stop(changes)
		close(done)
		<-ended
	})
}

// Raw puts the terminal into raw mode: every key reaches the reader as it is typed, ctrl-c included. The caller must call
// restore, which may be called any number of times and from any goroutine, before the process ends by its own will; a
// process that dies by SIGKILL cannot restore anything. Output is not processed either: the terminal on the other side does that.
func Raw(f *os.File) (restore func() error, err error) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("put %q into raw mode: %w", f.Name(), err)
	}
	raw := *before
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	// Draining first keeps what was already written from being shown by the new rules.
	if err := unix.IoctlSetTermios(fd, unix.TCSETSW, &raw); err != nil {
		return nil, fmt.Errorf("put %q into raw mode: %w", f.Name(), err)
	}
	return sync.OnceValue(func() error {
		if err := unix.IoctlSetTermios(fd, unix.TCSETSW, before); err != nil {
			return fmt.Errorf("take %q out of raw mode: %w", f.Name(), err)
		}
		return nil
	}), nil
}
