package build

import (
	"context"
	"fmt"
	"os"

	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/image"
	"golang.org/x/sys/unix"
)

// relinked puts the layer that a COPY --link made over other layers above at. False: there is none, or it cannot be had.
func (s *solve) relinked(ctx context.Context, at made, key string, remember func(madeLayer) error) (madeLayer, bool) {
	record, ok := s.readRecord(key)
	if !ok || !touch(s.recordPath(key)) {
		return madeLayer{}, false
	}
	before, err := s.Images.LayersOf(&image.Image{ID: record.Layer, TopLayer: record.Layer})
	if err != nil || len(before.Dirs) == 0 || before.BaseDir == "" { // vfs: what is below the layer is in its directory, too
		return madeLayer{}, false
	}
	l, err := s.copyLayer(ctx, at, before.Dirs[0], func(l image.Layer) error { return remember(madeLayer{l, record.Created}) })
	if err != nil {
		if ctx.Err() == nil {
			s.Warn(fmt.Sprintf("the layer of an earlier build cannot be used again: %s", err))
		}
		return madeLayer{}, false
	}
	return madeLayer{l, record.Created}, true
}

// copyLayer makes a layer with the files of another one's directory.
func (s *solve) copyLayer(ctx context.Context, at made, dir string, remember func(image.Layer) error) (image.Layer, error) {
	u, err := s.work.newUpper()
	if err != nil {
		return image.Layer{}, err
	}
	defer u.close()
	from, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return image.Layer{}, err
	}
	defer from.Close()
	to, err := os.OpenFile(u.upper, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return image.Layer{}, err
	}
	defer to.Close()
	l, err := (&files.Tree{Root: from}).Walk(ctx, "", nil, "")
	if err != nil {
		return image.Layer{}, err
	}
	defer l.Close()
	if err := (&files.Placer{Root: to, Now: s.now()}).Place(ctx, l, "/", false); err != nil {
		return image.Layer{}, err
	}
	layers, err := s.layersOf(at)
	if err == nil {
		err = s.settle(layers, u)
	}
	if err != nil {
		return image.Layer{}, err
	}
	return s.Images.AddLayer(ctx, at.top(), u.upper, remember)
}
