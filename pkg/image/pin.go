package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
)

// A pin keeps an image, and with it its layers, from being removed by pod while a process works with it: a build, a commit, a save.
// It is a file beside the store, locked by that process, so that it ends with it however it dies. Hold is for what
// outlives the process.
//
// Pinning, and removing an image once nobody is seen to use it, exclude each other by a lock that both hold for moments.

// Pin is a held image.
type Pin struct {
	path string
	lock *filelock.Lock
}

// Pin keeps the image with this whole id until Release or the end of the process. purpose is what a person reads who wants to remove it:
// "build". The error is ErrNotFound (wrapped) when the image is not there. Others who share the store can remove the image,
// though not a layer that something has been put on.
func (s *Store) Pin(ctx context.Context, imageID, purpose string) (pin *Pin, err error) {
	m, err := s.find(ctx, imageID)
	if err != nil {
		return nil, err
	}
	if m.img.ReadOnly || s.readOnly {
		return &Pin{}, nil
	}
	err = s.pinning(ctx, "pin an image", func() error {
		pin, err = s.pin(ctx, imageID, purpose)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := failpoint.Hit("image.pinned"); err != nil {
		return nil, errors.Join(err, pin.Release())
	}
	return pin, nil
}

// recording keeps an image that is about to be recorded, or to get a name, from who thinks that nobody needs it.
func (s *Store) recording(ctx context.Context, imageID string, do func() error) error {
	var pin *Pin
	err := s.pinning(ctx, "record an image", func() (err error) {
		pin, err = s.pinFile(ctx, imageID, "record")
		return err
	})
	if err != nil {
		return err
	}
	return errors.Join(do(), pin.Release())
}

func (s *Store) pin(ctx context.Context, imageID, purpose string) (*Pin, error) {
	// Removed while this waited?
	if _, err := s.find(ctx, imageID); err != nil {
		return nil, err
	}
	return s.pinFile(ctx, imageID, purpose)
}

// pinFile makes the file of a pin, whether or not the image is there. The caller has the lock.
func (s *Store) pinFile(ctx context.Context, imageID, purpose string) (*Pin, error) {
	// Takes away the pins of processes that died: of an image that nobody removes they would become many.
	if _, err := s.livePins(ctx, ""); err != nil {
		return nil, err
	}
	path := filepath.Join(s.pinDir(), imageID+"."+strconv.Itoa(os.Getpid())+"."+strconv.FormatUint(s.pins.Add(1), 10))
	lock, err := filelock.Acquire(ctx, path, purpose)
	if err != nil {
		return nil, fmt.Errorf("pin image %s: %w", ShortID(imageID), err)
	}
	return &Pin{path, lock}, nil
}

// Release ends the pin. It may be called more than once.
func (p *Pin) Release() error {
	if p == nil || p.lock == nil {
		return nil
	}
	err := errors.Join(os.Remove(p.path), p.lock.Release())
	p.lock = nil
	return err
}

const pinLock = "lock"

func (s *Store) pinDir() string { return filepath.Join(s.storage.GraphRoot, "pod-pins") }

// pinning runs do while nobody else pins, or removes an image.
func (s *Store) pinning(ctx context.Context, purpose string, do func() error) error {
	if _, err := s.Library(); err != nil {
		return err // it says better than mkdir(2) what keeps the store from being changed
	}
	if err := os.MkdirAll(s.pinDir(), 0o700); err != nil {
		return fmt.Errorf("%s: %w", purpose, err)
	}
	lock, err := filelock.Acquire(ctx, filepath.Join(s.pinDir(), pinLock), purpose)
	if err != nil {
		return fmt.Errorf("%s: %w", purpose, err)
	}
	defer lock.Release()
	return do()
}

// pinned says who has pinned an image, as "process 12: build".
func (s *Store) pinned(ctx context.Context, imageID string) ([]string, error) {
	holders, err := s.livePins(ctx, imageID)
	if err != nil {
		return nil, fmt.Errorf("look who uses image %s: %w", ShortID(imageID), err)
	}
	return holders, nil
}

// livePins gives the holders of the pins whose name begins with prefix, and takes away those of processes that died. The caller has the lock.
func (s *Store) livePins(ctx context.Context, prefix string) ([]string, error) {
	entries, err := os.ReadDir(s.pinDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var holders []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) || e.Name() == pinLock {
			continue
		}
		path := filepath.Join(s.pinDir(), e.Name())
		lock, err := filelock.Try(path)
		switch {
		case err == nil:
			imageID, _, _ := strings.Cut(e.Name(), ".")
			err := s.dropFirstName(ctx, imageID)
			if err == nil {
				os.Remove(path) // which its process may have done on its way out
			}
			if err := errors.Join(err, lock.Release()); err != nil {
				return nil, err
			}
		case errors.Is(err, filelock.ErrHeld):
			holders = append(holders, strings.TrimPrefix(filelock.Holder(path), "by "))
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return holders, nil
}
