// Package layertest makes images in memory, for tests of what looks at layers.
package layertest

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"testing"

	"github.com/pod-engine/pod/pkg/scan/layerfs"
)

// Layer is the entries of a layer by path, without leading slash. Directories on the way to them are made.
type Layer map[string]File

// File is one entry.
type File struct {
	Body     string
	Mode     fs.FileMode // zero: a regular file with 0644
	Link     string      // target of a symbolic link
	Size     int64       // zero: that of Body; else a file that cannot be read
	Inode    uint64      // names with the same number are one file
	Whiteout bool
	Opaque   bool
}

// Text is a regular file.
func Text(body string) File { return File{Body: body} }

// Dir is a directory.
func Dir(mode fs.FileMode) File { return File{Mode: fs.ModeDir | mode} }

// Whiteout deletes what older layers have.
func Whiteout() File { return File{Whiteout: true} }

// Image puts layers together, oldest first.
func Image(t testing.TB, layers ...Layer) *layerfs.Image {
	t.Helper()
	var all [][]layerfs.Source
	for _, l := range layers {
		all = append(all, []layerfs.Source{l})
	}
	img, err := layerfs.Merge(context.Background(), all)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// Walk gives the entries, sorted.
func (l Layer) Walk(_ context.Context, take func(int) bool) ([]layerfs.Entry, bool, error) {
	whole := maps.Clone(l)
	for name := range l {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, there := whole[dir]; !there {
				whole[dir] = Dir(0o755)
			}
		}
	}
	entries := []layerfs.Entry{{Mode: fs.ModeDir | 0o755}}
	for i, name := range slices.Sorted(maps.Keys(whole)) {
		f := whole[name]
		e := layerfs.Entry{
			Path: name, Mode: f.Mode, Size: int64(len(f.Body)), Link: f.Link, Inode: uint64(i) + 1000, Links: 1,
			Whiteout: f.Whiteout, Opaque: f.Opaque,
		}
		if f.Size != 0 {
			e.Size = f.Size
		}
		if f.Inode != 0 {
			e.Inode, e.Links = f.Inode, 2
		}
		switch {
		case f.Link != "":
			e.Mode = fs.ModeSymlink | 0o777
		case f.Mode == 0:
			e.Mode = 0o644
		}
		if !take(1) {
			return entries, false, nil
		}
		entries = append(entries, e)
	}
	return entries, true, nil
}

// Open opens a regular file.
func (l Layer) Open(name string) (layerfs.File, error) {
	f, there := l[name]
	if !there || f.Size != 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("it cannot be read")}
	}
	return file{bytes.NewReader([]byte(f.Body))}, nil
}

type file struct{ *bytes.Reader }

func (file) Close() error { return nil }
