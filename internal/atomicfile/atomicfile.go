// Package atomicfile replaces files whole: a reader sees the old content or the new, never a mixture, also
// after a crash.
package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Write replaces the file at path with data and mode 0600 and returns when both the content and the
// directory entry are on disk: temporary file, fsync, rename, fsync of the directory.
func Write(path string, data []byte) error {
	return write(path, data, true)
}

// WriteVolatile is Write without the two fsyncs: for records that need not survive a power loss, such as those on
// a tmpfs and those of --rm containers.
func WriteVolatile(path string, data []byte) error {
	return write(path, data, false)
}

// Stream is Write of what write produces, which may be more than fits into memory. What is there and is not a regular file (a pipe,
// /dev/null) is written to. See Unnamed for what is left when the process dies.
func Stream(path string, write func(io.Writer) error) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	f, err := NewUnnamed(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Place(path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

func write(path string, data []byte, durable bool) error {
	return replace(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}, durable)
}

func replace(path string, write func(io.Writer) error, durable bool) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err = write(f); err != nil {
		return err
	}
	if durable {
		if err = f.Sync(); err != nil {
			return err
		}
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	if durable {
		return SyncDir(dir)
	}
	return nil
}

// SyncDir makes the entries of a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
