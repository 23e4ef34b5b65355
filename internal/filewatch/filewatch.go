// Package filewatch says when to look again at a file that another process writes and replaces.
//
// It uses inotify, and looks at a clock instead where that cannot be had: a user may have only 128 inotify
// instances, and programs such as editors use them up.
package filewatch

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pollInterval is how often a watcher without inotify says to look.
	pollInterval = 100 * time.Millisecond
	// recheckInterval is how often one with inotify does so unasked: some file systems (network, FUSE) do not
	// report what others write.
	recheckInterval = time.Second

	nameEvents    = unix.IN_CREATE | unix.IN_MOVED_TO
	contentEvents = unix.IN_MODIFY | unix.IN_MOVE_SELF | unix.IN_DELETE_SELF | unix.IN_ATTRIB
)

// Watcher watches one name in a directory and the content of one open file. Close ends it.
type Watcher struct {
	// C receives after something may have changed; several changes may give one value. It is never closed.
	C <-chan struct{}

	c       chan struct{}
	done    chan struct{}
	close   sync.Once
	inotify *os.File // nil: the clock only
	name    string
	watched int // watch descriptor of the content; zero: none
}

// New watches for files that appear at path. It cannot fail: what inotify does not tell, the clock does.
func New(path string) *Watcher { return newWatcher(path, recheckInterval) }

func newWatcher(path string, recheck time.Duration) *Watcher {
	w := &Watcher{c: make(chan struct{}, 1), done: make(chan struct{}), name: filepath.Base(path)}
	w.C = w.c
	interval := pollInterval
	if fd, err := watchDir(filepath.Dir(path)); err == nil {
		w.inotify = os.NewFile(uintptr(fd), "inotify")
		interval = recheck
		go w.listen()
	}
	go w.tick(interval)
	return w
}

// Polling reports whether the watcher has only the clock.
func (w *Watcher) Polling() bool { return w.inotify == nil }

// Content watches what is written to f from now on, in place of the file given before. What was written before the
// call is not reported: call it before reading f.
func (w *Watcher) Content(f *os.File) {
	if w.inotify == nil {
		return
	}
	w.control(func(inotify int) {
		if w.watched != 0 {
			unix.InotifyRmWatch(inotify, uint32(w.watched))
		}
		w.watched, _ = addWatch(inotify, f)
	})
}

// addWatch goes by the descriptor: the name may be another file by now.
func addWatch(inotify int, f *os.File) (wd int, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	err2 := conn.Control(func(fd uintptr) {
		wd, err = unix.InotifyAddWatch(inotify, "/proc/self/fd/"+strconv.Itoa(int(fd)), contentEvents)
	})
	if err2 != nil || err != nil {
		return 0, err
	}
	return wd, nil
}

// Close stops the watcher; it may be called again.
func (w *Watcher) Close() {
	w.close.Do(func() {
		close(w.done)
		if w.inotify != nil {
			w.inotify.Close()
		}
	})
}

func (w *Watcher) control(f func(inotify int)) {
	conn, err := w.inotify.SyscallConn()
	if err == nil {
		conn.Control(func(fd uintptr) { f(int(fd)) })
	}
}

func watchDir(dir string) (int, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return -1, err
	}
	if _, err := unix.InotifyAddWatch(fd, dir, nameEvents|unix.IN_ONLYDIR); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (w *Watcher) tick(interval time.Duration) {
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			w.notify()
		case <-w.done:
			return
		}
	}
}

func (w *Watcher) listen() {
	buf := make([]byte, 16<<10)
	for {
		n, err := w.inotify.Read(buf)
		if err != nil {
			return // closed
		}
		if concerns(buf[:n], w.name) {
			w.notify()
		}
	}
}

// notify never blocks: a value that waits in the channel already says all.
func (w *Watcher) notify() {
	select {
	case w.c <- struct{}{}:
	default:
	}
}

// concerns reports whether any of the events in buf is about the content or about name. Events of the directory
// carry a name; a busy directory must not wake anybody for files of others.
func concerns(buf []byte, name string) bool {
	for len(buf) >= unix.SizeofInotifyEvent {
		size := int(binary.NativeEndian.Uint32(buf[12:]))
		buf = buf[unix.SizeofInotifyEvent:]
		if size == 0 || size > len(buf) {
			return true // about the content, or that events were lost
		}
		of, _, _ := bytes.Cut(buf[:size], []byte{0})
		if string(of) == name {
			return true
		}
		buf = buf[size:]
	}
	return false
}
