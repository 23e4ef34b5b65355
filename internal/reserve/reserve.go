// Package reserve keeps some space and some files on a disk for what makes room there: to remove something takes both, for an index that is written
// anew, for a directory that grows. What is kept is given back when the disk is full.
package reserve

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// files is how many files and, with their directory, inodes a reserve gives back but one.
const files = 16

// Keep sees that there is a reserve of at least size bytes at path. On a disk that has not even that there is none.
func Keep(path string, size int64) {
	each := size/files + 1
	info, err := os.Lstat(filepath.Join(path, strconv.Itoa(files-1)))
	if err == nil && info.Size() >= each {
		return
	}
	// What it is to be grows with an index: not a little at a time.
	if makeAll(path, 2*each) != nil {
		os.RemoveAll(path)
	}
}

func makeAll(path string, each int64) error {
	os.Remove(path) // the file of a version before; a directory that has files stays
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	for i := range files {
		if err := os.WriteFile(filepath.Join(path, strconv.Itoa(i)), make([]byte, each), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Give gives the reserve at path back, and reports whether there was one.
func Give(path string) bool {
	_, err := os.Lstat(path)
	return err == nil && os.RemoveAll(path) == nil
}

// Short reports whether the file system of path has less left than a reserve of size bytes gives back.
func Short(path string, size int64) bool {
	var fs unix.Statfs_t
	if unix.Statfs(path, &fs) != nil {
		return false
	}
	return int64(fs.Bavail)*fs.Bsize < size || fs.Files > 0 && fs.Ffree <= files
}

// Full reports whether err says that a disk is full, or that the user's part of it is.
func Full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
