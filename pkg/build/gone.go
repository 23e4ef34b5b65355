package build

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/pod-engine/pod/pkg/image"
	"golang.org/x/sys/unix"
)

// goneError says that a layer or image which this build has made or found is no longer there. What a build is known to use, pod leaves alone; but a layer that
// is made once more just when a prune removes it is gone the moment after, and podman, in the same store, knows nothing of builds of pod's.
type goneError struct{ error }

func (e goneError) Unwrap() error { return e.error }

// maxTries is how often a build is carried out when what it needs is removed meanwhile. All that is still there is found in the cache.
const maxTries = 5

// gone marks an error about layers or an image that were there before. Others, and nil, it gives as they are.
func gone(err error) error {
	if errors.Is(err, image.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return goneError{err}
	}
	return err
}

// chainOf gives the directories of a layer and of the others below it, n in all. While a layer is being made or removed its directory may not say what it lies on.
func (b *Builder) chainOf(top string, n int) (image.Layers, error) {
	layers, err := b.Images.LayersOf(&image.Image{ID: top, TopLayer: top})
	if err == nil && layers.BaseDir != "" && len(layers.Dirs) < n { // vfs has one directory for all
		err = fmt.Errorf("layer %s has gone: %w", image.ShortID(top), image.ErrNotFound)
	}
	return layers, gone(err)
}

// lowers are the directories of layers that a solve has used, as they were then. A step over a layer that is removed meanwhile, and perhaps made again by
// another build, sees a part of it.
type lowers struct {
	mu   sync.Mutex
	seen map[string]lower
}

type lower struct{ dev, ino uint64 }

func lowerAt(dir string) (lower, error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return lower{}, &os.PathError{Op: "find", Path: dir, Err: err}
	}
	return lower{st.Dev, st.Ino}, nil
}

// note remembers directories that are about to be used.
func (l *lowers) note(dirs []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = map[string]lower{}
	}
	for _, dir := range dirs {
		if _, ok := l.seen[dir]; ok {
			continue
		}
		found, err := lowerAt(dir)
		if err != nil {
			return gone(err)
		}
		l.seen[dir] = found
	}
	return nil
}

// intact is an error unless all are what they were.
func (l *lowers) intact() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for dir, was := range l.seen {
		if now, err := lowerAt(dir); err != nil || now != was {
			return goneError{fmt.Errorf("the layer in %s was removed meanwhile", filepath.Dir(dir))}
		}
	}
	return nil
}

func isGone(err error) bool {
	var g goneError
	return errors.As(err, &g)
}
