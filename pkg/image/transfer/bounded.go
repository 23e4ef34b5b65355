package transfer

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"io"
	"os"

	"github.com/pod-engine/pod/internal/layertar"
)

// bounded gives a file with the archive at path, a regular file, which the library may read: it unpacks a compressed one to a file, and all of an OCI archive to a
// directory, however much comes of it. So what is compressed is unpacked here, and the rest looked through.
func (j *job) bounded(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	start, err := bufio.NewReaderSize(f, 512).Peek(6)
	if err != nil {
		return path, nil //nolint:nilerr // the library says what is wrong with what is that short
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if !layertar.Packed(start) {
		return path, j.measure(ctx, f, func(*tar.Header, io.Reader) error { return nil })
	}
	plain := layertar.OpenArchive(ctx, f, j.limits)
	defer plain.Close()
	out, err := os.CreateTemp(j.work.dir, "plain")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, plain)
	return out.Name(), errors.Join(err, out.Close())
}

// measure refuses an archive whose files together are too large, holes included, and shows each of them.
func (j *job) measure(ctx context.Context, f io.Reader, show func(*tar.Header, io.Reader) error) error {
	entries, sum := tar.NewReader(f), layertar.NewArchiveBudget(j.limits)
	for ctx.Err() == nil {
		h, err := entries.Next()
		if err != nil {
			return nil //nolint:nilerr // the end, or what the library words better
		}
		if err := sum.File(h.Size); err != nil {
			return err
		}
		if err := show(h, entries); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// measureLayers reads the compressed layers of a docker archive through, as far as the limits go. The library does the same to learn their sizes, to their
// ends.
func (j *job) measureLayers(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	all := layertar.NewBudget(j.limits)
	return j.measure(ctx, f, func(h *tar.Header, r io.Reader) error {
		content := bufio.NewReaderSize(r, 64<<10)
		if start, err := content.Peek(6); err != nil || !layertar.Packed(start) {
			return nil //nolint:nilerr // no layer is that short
		}
		return all.Measure(ending{ctx, content})
	})
}

// ending is a reader that ends with a context.
type ending struct {
	ctx context.Context
	io.Reader
}

func (e ending) Read(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.Reader.Read(p)
}
