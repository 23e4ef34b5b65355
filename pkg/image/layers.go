package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
)

// Layers are the directories of an image's layers, newest first, as overlay wants its lower directories. One directory
// that holds everything (driver vfs) is a list of one. An image without layers has none.
type Layers struct {
	// Dirs are absolute paths.
	Dirs []string
	// BaseDir and Links are a short form of the same list: Links relative to BaseDir ("l/2B…"). With the working directory in
	// BaseDir they keep the options of mount(2) below one page for more layers. Links is nil where there is no short form.
	BaseDir string
	Links   []string
}

// Parts gives the directories of each layer, newest first: nearly always one, several where the driver keeps a layer in parts.
func (l Layers) Parts() [][]string {
	var layers [][]string
	for i, dir := range l.Dirs {
		if i > 0 && filepath.Dir(dir) == filepath.Dir(l.Dirs[i-1]) {
			last := len(layers) - 1
			layers[last] = append(layers[last], dir)
			continue
		}
		layers = append(layers, []string{dir})
	}
	return layers
}

// Layers gives the layers of the image with this whole id. Nothing is mounted and no lock is taken: hold the image first (Hold).
func (s *Store) Layers(ctx context.Context, id string) (Layers, error) {
	m, err := s.find(ctx, id)
	if err != nil {
		return Layers{}, err
	}
	return s.LayersOf(m.img)
}

// LayersOf is Layers for an image that was found before.
func (s *Store) LayersOf(img *Image) (Layers, error) {
	if img.TopLayer == "" {
		return Layers{}, nil
	}
	var l Layers
	var err error
	switch driver := s.driverFor(); driver {
	case "overlay":
		l, err = s.overlayLayers(img.TopLayer)
	case "vfs":
		l, err = s.vfsLayers(img.TopLayer)
	default:
		return l, fmt.Errorf("mount image %q: storage driver %q is not supported; overlay and vfs are", img, driver)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = hint.Wrap(err, "the image is damaged: pod rmi -f "+ShortID(img.ID)+", then pull it again")
	}
	if err != nil {
		return l, fmt.Errorf("find the layers of image %q: %w", img, err)
	}
	return l, nil
}

// HasLayer reports whether a layer is there and whole. One that is being made has a directory before it has content, and so has one whose maker was killed.
func (s *Store) HasLayer(id string) bool {
	if s.driverFor() == "overlay" {
		for _, root := range s.roots {
			// The library writes how the stream was put together when the content is in its place.
			if exists(filepath.Join(root, "overlay-layers", id+".tar-split.gz")) {
				return true
			}
		}
	}
	// Other programs may have brought it in without that.
	index, err := s.layers()
	r, ok := index[id]
	return err == nil && ok && !r.Flags.Incomplete
}

// LayerSize is how many bytes the tar stream of a layer has. The error is ErrNotFound (wrapped) when the layer is not there.
func (s *Store) LayerSize(id string) (int64, error) {
	index, err := s.layers()
	if err != nil {
		return 0, err
	}
	r, ok := index[id]
	if !ok {
		return 0, fmt.Errorf("layer %s: %w", ShortID(id), ErrNotFound)
	}
	return r.DiffSize, nil
}

func (s *Store) vfsLayers(top string) (Layers, error) {
	dir, err := s.layerDir(filepath.Join("vfs", "dir"), top)
	return Layers{Dirs: []string{dir}}, err
}

// overlayLayers follows the files that the overlay driver keeps in a layer's directory: "lower-layers", the ids
// of the layers below; in stores written by older versions only "lower", their short links; "link", its own short link.
func (s *Store) overlayLayers(top string) (Layers, error) {
	dir, err := s.layerDir("overlay", top)
	if err != nil {
		return Layers{}, err
	}
	dirs := []string{dir}
	below, err := s.lowerDirs(dir)
	if err != nil {
		return Layers{}, err
	}
	dirs = append(dirs, below...)
	l := Layers{BaseDir: filepath.Dir(dir)}
	short := true
	for _, d := range dirs {
		if exists(filepath.Join(d, "composefs-data", "composefs.blob")) {
			return Layers{}, fmt.Errorf("layer %s is stored for composefs, which needs root", filepath.Base(d))
		}
		diffs, err := diffDirs(d)
		if err != nil {
			return Layers{}, err
		}
		link := shortLink(l.BaseDir, d)
		short = short && link != ""
		for _, diff := range diffs {
			l.Dirs = append(l.Dirs, filepath.Join(d, diff))
			if diff != "diff" {
				// The link leads to diff; not joined, as that would take the ".." away.
				diff = link + "/../" + diff
			} else {
				diff = link
			}
			l.Links = append(l.Links, diff)
		}
	}
	if !short {
		l.Links = nil
	}
	return l, nil
}

// diffDirs gives the parts a layer consists of: diff, and diff1, diff2, … below it where the driver made more.
func diffDirs(layer string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(layer, "diff")); err != nil {
		return nil, err
	}
	parts := []string{"diff"}
	for {
		next := fmt.Sprintf("diff%d", len(parts))
		if !exists(filepath.Join(layer, next)) {
			return parts, nil
		}
		parts = append(parts, next)
	}
}

func (s *Store) lowerDirs(dir string) ([]string, error) {
	var dirs []string
	if ids, err := os.ReadFile(filepath.Join(dir, "lower-layers")); err == nil {
		for id := range strings.SplitSeq(string(ids), ":") {
			d, err := s.layerDir("overlay", id)
			if err != nil {
				return nil, err
			}
			dirs = append(dirs, d)
		}
		return dirs, nil
	}
	lower, err := os.ReadFile(filepath.Join(dir, "lower"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the lowest layer
	}
	if err != nil {
		return nil, err
	}
	for link := range strings.SplitSeq(string(lower), ":") {
		path, err := s.layerDir("overlay", link)
		if err != nil {
			return nil, err
		}
		target, err := os.Readlink(path) // "../ID/diff"
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, filepath.Dir(filepath.Join(filepath.Dir(path), target)))
	}
	return dirs, nil
}

// layerDir finds name below the driver's directory of the first store that has it.
func (s *Store) layerDir(driver, name string) (string, error) {
	for _, root := range s.roots {
		if dir := filepath.Join(root, driver, name); exists(dir) {
			return dir, nil
		}
	}
	return "", &fs.PathError{Op: "find", Path: filepath.Join(s.roots[0], driver, name), Err: fs.ErrNotExist}
}

// shortLink gives the short link of a layer relative to base, or "" when the layer lies elsewhere or has no link that
// works (a power loss can leave such a one).
func shortLink(base, layer string) string {
	if filepath.Dir(layer) != base {
		return ""
	}
	name, err := os.ReadFile(filepath.Join(layer, "link"))
	if err != nil || len(name) == 0 {
		return ""
	}
	link := filepath.Join("l", string(name))
	target, err := os.Readlink(filepath.Join(base, link))
	if err != nil || target != filepath.Join("..", filepath.Base(layer), "diff") {
		return ""
	}
	return link
}
