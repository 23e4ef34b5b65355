// Package layerfs shows the layers of an image as what they are in the store, directories, without mounting them: each file with the
// layer that brought it, and the files that a later layer deleted or replaced.
//
// What an image holds is hostile. Nothing is followed out of a layer, only regular files are opened, and a limit ends everything that
// an image could make endless.
package layerfs

import (
	"context"
	"io"
	"io/fs"
)

// Entry is one directory entry of a layer.
type Entry struct {
	Path     string // without leading slash
	Mode     fs.FileMode
	Size     int64
	UID, GID uint32
	Link     string // target of a symbolic link
	Inode    uint64
	Links    uint64 // names of the file

	// Whiteout deletes the path from the layers below; it is no file. Opaque hides what the layers below have in a directory.
	Whiteout, Opaque bool
}

// Source is a layer. Its methods may be called from several goroutines.
type Source interface {
	// Walk gives the entries, a directory before what is in it. It asks take before it goes on with so many more; whole is false when there
	// are entries that it does not give, because take refused or they are too deep.
	Walk(ctx context.Context, take func(entries int) bool) (entries []Entry, whole bool, err error)
	// Open opens a regular file of the layer.
	Open(path string) (File, error)
}

// File is an open regular file.
type File interface {
	io.Reader
	io.ReaderAt
	io.Closer
}
