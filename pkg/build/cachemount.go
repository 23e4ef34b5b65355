package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/internal/undo"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/plan"
	"golang.org/x/sys/unix"
)

// A cache mount is a directory mounts/ID/data, which lives from build to build; mounts/ID/id says what it is called. See cachelock.go for who has it.

// lockPatience is how long a RUN waits for another that has the same cache with sharing=locked.
const lockPatience = 24 * time.Hour

// mountDir is the directory of the cache of a name. As with BuildKit one that began with files of a stage or image, seed is their key, is another cache than
// one that began with other files, or with none.
func (b *Builder) mountDir(id, seed string) string {
	if seed == "" {
		return filepath.Join(b.cachesDir(), sum(id)[:32])
	}
	return filepath.Join(b.cachesDir(), sum(id, seed)[:32])
}

// cache mounts a cache, which is made when it is not there yet.
func (m *mounts) cache(ctx context.Context, mount plan.Mount) error {
	root, err := m.openCache(ctx, mount)
	// Another build may begin with an empty one (--no-cache) just when this one makes or opens it, or a prune may take it: then it has gone, and there is another or none.
	for tries := 0; errors.Is(err, os.ErrNotExist) && tries < 10 && ctx.Err() == nil; tries++ {
		root, err = m.openCache(ctx, mount)
	}
	if err != nil {
		return err
	}
	defer root.Close()
	// Steps write into the cache, this moment too: what a link there leads to is looked for in the cache (CVE-2024-23651).
	f, err := (&files.Tree{Root: root}).Subtree(mount.Source)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no %q in the cache %q", mount.Source, mount.ID)
	}
	if err == nil {
		m.add(f, mount.Target, mount.ReadOnly)
	}
	return err
}

// openCache opens the files of a cache, which is held until the step is done.
func (m *mounts) openCache(ctx context.Context, mount plan.Mount) (*os.File, error) {
	data, lock, err := m.holdCache(ctx, mount)
	if err != nil {
		return nil, err
	}
	if err := failpoint.Hit("build.cacheheld"); err != nil {
		return nil, err
	}
	if err := m.fillCache(ctx, mount, data); err != nil {
		return nil, fmt.Errorf("make the cache %q: %w", mount.ID, err)
	}
	now := time.Now()
	os.Chtimes(filepath.Join(filepath.Dir(data), "id"), now, now) // prune goes by the last use
	root, err := os.OpenFile(data, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := lock.At(useFile(filepath.Dir(data))); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// holdCache gives the directory of a cache's files, which this RUN has in its way of sharing from now on.
func (m *mounts) holdCache(ctx context.Context, mount plan.Mount) (data string, lock *filelock.Lock, err error) {
	for {
		var held undo.Stack
		data, lock, err := m.tryCache(ctx, mount, &held)
		if err == nil {
			m.done.Push(held.Run)
			return data, lock, nil
		}
		held.Run()
		if !errors.Is(err, os.ErrNotExist) {
			return "", nil, err
		}
		// It was moved away before it was held.
	}
}

func (m *mounts) tryCache(ctx context.Context, mount plan.Mount, held *undo.Stack) (data string, lock *filelock.Lock, err error) {
	dir, lock, err := m.shareCache(ctx, mount.ID, m.seeds[mount.Target], held)
	if err != nil {
		return "", nil, err
	}
	data = filepath.Join(dir, "data")
	switch mount.Sharing {
	case "locked":
		err = lockCache(ctx, filepath.Join(dir, "lock"), mount.ID, held)
	case "private":
		data, err = privateCache(dir, held)
	}
	return data, lock, err
}

func lockCache(ctx context.Context, path, id string, held *undo.Stack) error {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	lock, err := filelock.Acquire(ctx, path, "build")
	if err != nil {
		return fmt.Errorf("wait for the cache %q: %w", id, err)
	}
	held.Push(lock.Release)
	return nil
}

// privateCache gives the first data directory that no other RUN has.
func privateCache(dir string, held *undo.Stack) (string, error) {
	for n := 0; ; n++ {
		data := filepath.Join(dir, "data")
		if n > 0 {
			data += "-" + strconv.Itoa(n)
		}
		if err := writeNew(data + ".lock"); err != nil {
			return "", err
		}
		lock, err := filelock.Try(data + ".lock")
		if errors.Is(err, filelock.ErrHeld) {
			continue
		}
		if err == nil {
			held.Push(lock.Release)
		}
		return data, err
	}
}

func writeNew(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// fillCache makes the data of a cache whole under another name and renames it, so that a build that dies leaves no half of it.
func (m *mounts) fillCache(ctx context.Context, mount plan.Mount, data string) error {
	if _, err := os.Lstat(data); err == nil {
		return nil
	}
	dir, err := os.MkdirTemp(filepath.Dir(data), "new-")
	if err != nil {
		return err
	}
	defer removeTree(dir)
	whole := filepath.Join(dir, "data")
	if err := os.Mkdir(whole, 0o755); err != nil {
		return err
	}
	imported := false
	if !m.emptied(mount.ID) {
		if imported, err = m.others.fillMount(ctx, mount.ID, whole); err != nil {
			return err
		}
	}
	if !imported {
		if err := m.dressCache(ctx, mount, dir, whole); err != nil {
			return err
		}
	}
	if err := failpoint.Hit("build.cachemount"); err != nil {
		return err
	}
	err = os.Rename(whole, data)
	if errors.Is(err, os.ErrExist) || errors.Is(err, unix.ENOTEMPTY) {
		return nil // another build was faster
	}
	return err
}

// dressCache gives a new cache its first content, owner and permissions.
func (m *mounts) dressCache(ctx context.Context, mount plan.Mount, dir, whole string) error {
	if mount.From != nil {
		if err := m.copyInto(ctx, mount, dir); err != nil {
			return err
		}
	}
	mode, uid, gid := uint64(0o755), uint64(0), uint64(0)
	for value, given := range map[*uint64]*uint64{&mode: mount.Mode, &uid: mount.UID, &gid: mount.GID} {
		if given != nil {
			*value = *given
		}
	}
	if mount.From == nil || mount.UID != nil || mount.GID != nil {
		if err := os.Chown(whole, int(uid), int(gid)); err != nil {
			return files.OwnerError(files.Owner{UID: int(uid), GID: int(gid)}, err)
		}
	}
	if mount.From == nil || mount.Mode != nil {
		return unix.Chmod(whole, uint32(mode&0o7777))
	}
	return nil
}

// copyInto gives a cache its first content.
func (m *mounts) copyInto(ctx context.Context, mount plan.Mount, dir string) error {
	tree, err := m.tree(ctx, *mount.From)
	if err != nil {
		return err
	}
	l, err := tree.List(ctx, "", nil)
	if err != nil {
		return err
	}
	defer l.Close()
	root, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer root.Close()
	return (&files.Placer{Root: root, Now: m.now()}).Place(ctx, l, "/data", false)
}
