package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/failpoint"
	"golang.org/x/sys/unix"
)

// repair fetches what is damaged again and removes leftovers. A damaged layer is replaced where it lies, so that images and containers which have
// it need not be removed: the image is pulled, by its digest, into a store of its own beside the damaged one, and the
// directory of the layer changes places with the new one. Layers have their digests for ids, so that what is fetched is what was damaged.
func (c *check) repair(ctx context.Context) error {
	var errs []error
	for i := range c.found.Damages {
		d := &c.found.Damages[i]
		if c.opts.Fetch == nil || len(d.names) == 0 {
			continue
		}
		if err := c.refetch(ctx, d); err != nil {
			errs = append(errs, fmt.Errorf("repair: %s: %w", d.Problem, err))
		}
		if ctx.Err() != nil {
			return errors.Join(errs...)
		}
	}
	for i := range c.found.Leftovers {
		l := &c.found.Leftovers[i]
		if err := failpoint.Hit("check.remove"); err != nil {
			return err
		}
		if err := l.remove(ctx); err != nil {
			errs = append(errs, fmt.Errorf("remove a leftover: %s: %w", l.What, err))
			continue
		}
		l.Removed = true
	}
	err := c.store.pinning(ctx, "take away the pins of dead processes", func() error {
		_, err := c.store.livePins(ctx, "")
		return err
	})
	return errors.Join(append(errs, err)...)
}

// refetch repairs one damage by the first name under which that works.
func (c *check) refetch(ctx context.Context, d *Damage) error {
	names := slices.DeleteFunc(slices.Clone(d.names), func(n string) bool { return strings.HasPrefix(n, "localhost/") })
	if len(names) == 0 {
		return nil
	}
	var errs []error
	for _, name := range names {
		c.opts.Told("fetching " + name)
		err := c.refetchFrom(ctx, name, d)
		if err == nil {
			d.Repaired = true
			return nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

func (c *check) refetchFrom(ctx context.Context, name string, d *Damage) (err error) {
	s := c.store
	dir, err := os.MkdirTemp(s.roots[0], "pod-repair-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	opts := s.opts
	opts.GraphRoot, opts.RunRoot, opts.Driver = dir, filepath.Join(dir, "run"), s.driverFor()
	opts.InUse, opts.RemoveContainers, opts.Unheld = nil, nil, nil
	fresh, err := Open(ctx, opts)
	if err != nil {
		return err
	}
	fetched, err := c.opts.Fetch.Pull(ctx, fresh, name, PullOptions{Policy: PullAlways})
	if err != nil {
		return err
	}
	if err := failpoint.Hit("check.fetched"); err != nil {
		return err
	}
	if d.Layer != "" {
		return s.replaceLayer(fresh, d.Layer)
	}
	if len(fetched) == 0 || fetched[0].ID != d.Images[0] {
		return errors.New("the registry has another image under this digest")
	}
	return s.replaceData(fresh, d.Images[0])
}

// replaceLayer exchanges the files of a layer with those that another store has of it.
func (s *Store) replaceLayer(fresh *Store, id string) error {
	parts := []string{filepath.Join(s.driverFor(), id, "diff")}
	if s.driverFor() == "vfs" {
		parts[0] = filepath.Join("vfs", "dir", id)
	}
	parts = append(parts, filepath.Join(s.driverFor()+"-layers", id+".tar-split.gz"))
	for _, part := range parts {
		from, to := filepath.Join(fresh.roots[0], part), filepath.Join(s.roots[0], part)
		if !exists(from) {
			return fmt.Errorf("the image that was fetched has no layer %s", ShortID(id))
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE)
		if errors.Is(err, unix.ENOENT) {
			err = unix.Rename(from, to)
		}
		if err != nil {
			return &fs.PathError{Op: "replace", Path: to, Err: err}
		}
		if err := failpoint.Hit("check.replaced"); err != nil {
			return err
		}
	}
	return nil
}

// replaceData writes the data of an image anew. The record stays as it is.
func (s *Store) replaceData(fresh *Store, id string) error {
	m, err := fresh.find(context.Background(), id)
	if err != nil {
		return err
	}
	for _, key := range m.img.blob {
		data, err := fresh.blob(m.img, key)
		if err != nil {
			return err
		}
		file := filepath.Join(s.roots[0], s.driverFor()+"-images", id, blobFile(key))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := atomicfile.Write(file, data); err != nil {
			return err
		}
	}
	return nil
}
