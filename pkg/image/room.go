package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/reserve"
	"go.podman.io/storage"
	"golang.org/x/sys/unix"
)

// Full adds to an error that says that the store's disk is full what a person can do. Other errors stay as they are.
func (s *Store) Full(err error) error {
	if !reserve.Full(err) || hint.Of(err) != "" {
		return err
	}
	return s.hintRoom(err)
}

// FullFor is Full for an error that has the words of another program, or is of a command in a container and has none: it looks at the disk, too.
func (s *Store) FullFor(err error) error {
	if err == nil || hint.Of(err) != "" {
		return err
	}
	if strings.Contains(err.Error(), "o space left on device") || reserve.Short(s.roots[0], 1<<20) {
		return s.hintRoom(err)
	}
	return err
}

func (s *Store) hintRoom(err error) error {
	var fs unix.Statfs_t
	if unix.Statfs(s.roots[0], &fs) == nil && fs.Files > 0 && fs.Ffree == 0 {
		return hint.Wrap(err, fmt.Sprintf("df -i %s shows that the file system takes no more files; pod builder prune and pod image prune remove some", s.roots[0]))
	}
	return hint.Wrap(err, "pod system df shows what takes room; pod builder prune and pod image prune make some")
}

func (s *Store) reserve() string { return filepath.Join(s.roots[0], "pod-reserve") }

// reserveSize is room for the indexes to be written anew, and for the directories that the library makes to remove something.
func (s *Store) reserveSize() int64 {
	size := int64(256 << 10)
	for _, kind := range []string{"layers", "images"} {
		if info, err := os.Stat(s.indexFile(s.roots[0], kind)); err == nil {
			size += 2 * info.Size()
		}
	}
	return size
}

func (s *Store) keepReserve() { reserve.Keep(s.reserve(), s.reserveSize()) }

// MakeRoom gives the reserve back where there is not enough room to remove anything. That is not left until it fails: the library forgets an image before
// its layers, which then nobody knows.
func (s *Store) MakeRoom() {
	if reserve.Short(s.roots[0], s.reserveSize()) {
		reserve.Give(s.reserve())
	}
}

// patiently does act again for some time while the disk is full: builds and pulls that fail over that leave room soon.
func (s *Store) patiently(ctx context.Context, act func() error) error {
	err := act()
	for pause := 50 * time.Millisecond; reserve.Full(err) && pause < time.Second; pause *= 2 {
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
		s.MakeRoom()
		err = act()
	}
	return err
}

// deleteImage has the library remove an image with those of its layers that nothing else needs. Where the disk became too full for that half way, after the record
// of the image, the layers are removed one by one.
func (s *Store) deleteImage(ctx context.Context, img *Image) error {
	var chain []string
	var first error
	err := s.patiently(ctx, func() error {
		if first != nil {
			if _, err := s.find(ctx, img.ID); errors.Is(err, ErrNotFound) {
				_, err = s.RemoveLayers(ctx, chain)
				return err
			}
		}
		err := s.change(ctx, func(lib storage.Store) error {
			if chain == nil {
				chain = layersOf(lib, img.TopLayer)
			}
			defer s.hasten(chain)()
			_, err := lib.DeleteImage(img.ID, true)
			return err
		})
		if first == nil {
			first = err
		}
		return err
	})
	if first == nil || err == nil {
		return err
	}
	if _, gone := s.find(ctx, img.ID); errors.Is(gone, ErrNotFound) {
		return hint.Wrap(fmt.Errorf("the image has gone, and its layers cannot be removed: %w", first), "pod system check --repair --max 1m, when there is room")
	}
	return first // the library may think by now that it has removed it
}
