package image

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"go.podman.io/storage"
	"golang.org/x/sys/unix"
)

// hasten helps the library to remove layers, until done is called: it removes their files one after the other, which takes most of the time of rmi. It
// has marked a layer for removal on the disk before it sets its directory aside (tempdirs/temp-dir-X/N-LAYER), so whatever is
// found there goes, with a crash or without; files are taken away there by all processors, and the library finds few.
func (s *Store) hasten(layers []string) (done func()) {
	h := s.helper(layers)
	h.all.Go(h.watch)
	return func() { h.cancel(); h.all.Wait() }
}

func (s *Store) helper(layers []string) *helper {
	h := &helper{root: filepath.Join(s.roots[0], s.driverFor(), "tempdirs"), layers: layers, slots: make(chan struct{}, max(2, runtime.NumCPU()))}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// layersOf gives a layer and those below it, as far as they are there.
func layersOf(lib storage.Store, top string) (ids []string) {
	for id := top; id != ""; {
		l, err := lib.Layer(id)
		if err != nil {
			break
		}
		ids = append(ids, id)
		id = l.Parent
	}
	return ids
}

type helper struct {
	ctx    context.Context
	cancel context.CancelFunc
	root   string
	layers []string // the highest first, as the library removes them
	slots  chan struct{}
	all    sync.WaitGroup
}

// watch finds directories that have been set aside.
func (h *helper) watch() {
	const pause = 2 * time.Millisecond
	tick := time.NewTicker(pause)
	defer tick.Stop()
	begun := map[string]bool{}
	for {
		for _, dir := range h.setAside() {
			if !begun[dir] {
				begun[dir] = true
				h.begin(dir)
			}
		}
		select {
		case <-h.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// setAside lists them, those first that the library comes to last.
func (h *helper) setAside() []string {
	found := map[string]string{}
	dirs, _ := filepath.Glob(filepath.Join(h.root, "temp-dir-*", "*-*")) // the pattern is good
	for _, dir := range dirs {
		_, id, _ := strings.Cut(filepath.Base(dir), "-")
		found[id] = dir
	}
	var out []string
	for _, id := range slices.Backward(h.layers) {
		if dir := found[id]; dir != "" {
			out = append(out, dir)
		}
	}
	return out
}

// begin empties the directory at path.
func (h *helper) begin(path string) {
	if fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0); err == nil {
		h.empty(os.NewFile(uintptr(fd), path))
	}
}

// empty removes the files in a directory and those below it, and closes it. Images choose the names in it, so that everything is done by descriptor
// and no link is followed. What cannot be removed, or is gone already, is the library's concern.
func (h *helper) empty(dir *os.File) {
	defer dir.Close()
	entries, _ := dir.ReadDir(-1) // see above
	for _, e := range entries {
		if h.ctx.Err() != nil {
			return
		}
		if !e.IsDir() {
			_ = unix.Unlinkat(int(dir.Fd()), e.Name(), 0) // see above
			continue
		}
		fd, err := unix.Openat(int(dir.Fd()), e.Name(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		sub := os.NewFile(uintptr(fd), e.Name())
		select {
		case h.slots <- struct{}{}:
			h.all.Go(func() {
				defer func() { <-h.slots }()
				h.empty(sub)
			})
		default:
			h.empty(sub)
		}
	}
}
