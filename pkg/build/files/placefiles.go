package files

import (
	"context"
	"os"
	"path"
	"runtime"
	"sync"
)

// files copies regular files beside each other, since each waits for the file system several times. The directory of one is made before it is taken.
type files struct {
	work    chan entry // nil: few files, none is taken
	workers sync.WaitGroup
	mu      sync.Mutex
	err     error
	failed  string
}

// manyFiles is from how many on others are started for them.
const manyFiles = 64

// startFiles begins to copy files of the listing below dir.
func (p *Placer) startFiles(ctx context.Context, l *Listing, dir *os.File) *files {
	f := &files{}
	if len(l.entries) < manyFiles {
		return f
	}
	f.work = make(chan entry, manyFiles)
	for range min(runtime.NumCPU(), readers) {
		f.workers.Go(func() {
			at := &cursor{root: dir}
			defer at.close()
			buffer := make([]byte, copyBuffer)
			for e := range f.work {
				if f.stopped() {
					continue
				}
				parent, err := at.parent(e.rel)
				if err == nil {
					err = p.placeRegular(ctx, l, e, parent, path.Base(e.rel), buffer)
				}
				if err != nil {
					f.fail(e, err)
				}
			}
		})
	}
	return f
}

// take hands a file over; false: the caller copies it.
func (f *files) take(e entry) bool {
	if f.work == nil {
		return false
	}
	f.work <- e
	return true
}

func (f *files) stopped() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err != nil
}

func (f *files) fail(e entry, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err, f.failed = err, e.rel
	}
}

// wait gives the first error, when all files are done.
func (f *files) wait(dest string) error {
	if f.work == nil {
		return nil
	}
	close(f.work)
	f.workers.Wait()
	if f.err != nil {
		return &os.PathError{Op: "copy to", Path: path.Join(dest, f.failed), Err: f.err}
	}
	return nil
}
