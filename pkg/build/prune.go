package build

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
	"golang.org/x/sys/unix"
)

// Records are pruned in three steps, so that a prune that is killed leaves nothing that nobody knows: they are moved away, from where the next prune
// takes them up; then the layers go that no record leads to any more; then the records.

// Prune removes what the policy chooses, and the layers that nobody needs then. It gives what was removed; the size of a layer that stays,
// because an image or another layer needs it, is zero. What builds that run have used stays.
func (b *Builder) Prune(ctx context.Context, p Policy) ([]Entry, error) {
	began := time.Now()
	entries, err := b.Entries()
	if err != nil {
		return nil, err
	}
	b.Images.MakeRoom()
	// Builds that begin from now on find a record or not; see touch.
	busy := b.oldestBuild()
	b.removeTorn(began, busy)
	var removed []Entry
	for _, e := range p.Choose(entries, b.freeSpace()) {
		if !busy.IsZero() && e.Used.After(busy) {
			continue
		}
		gone, err := b.removeEntry(e)
		if err != nil {
			return removed, err
		}
		if gone {
			removed = append(removed, e)
		}
	}
	b.removeMoved()
	if err := failpoint.Hit("prune.records"); err != nil {
		return removed, err
	}
	return removed, b.finishPrune(ctx, removed)
}

// removeTorn removes the records that builds which have ended were writing when they were killed: whoever writes one now has begun since.
func (b *Builder) removeTorn(began, busy time.Time) {
	if !busy.IsZero() && busy.Before(began) {
		began = busy
	}
	hidden, _ := filepath.Glob(filepath.Join(b.cacheDir(), "*", ".*"))
	for _, path := range hidden {
		info, err := os.Lstat(path)
		if err == nil && info.ModTime().Before(began) && !strings.HasPrefix(filepath.Base(path), prunedPrefix) {
			os.Remove(path)
		}
	}
}

// finishPrune removes the layers of the records that were moved away, also by a prune that was killed, and then those.
func (b *Builder) finishPrune(ctx context.Context, removed []Entry) error {
	moved, err := filepath.Glob(filepath.Join(b.cacheDir(), "*", prunedPrefix+"*"))
	if err != nil {
		return err
	}
	var layers []string
	for _, path := range moved {
		info, err := os.Lstat(path)
		if err != nil {
			continue
		}
		if e, ok := readEntry(path, fs.FileInfoToDirEntry(info)); ok && e.layer != "" {
			layers = append(layers, e.layer)
		}
	}
	gone, err := b.Images.RemoveLayers(ctx, layers)
	freed := map[string]bool{}
	for _, id := range gone {
		freed[id] = true
	}
	for i, e := range removed {
		if e.layer != "" && !freed[e.layer] {
			removed[i].Size = 0
		}
	}
	if err != nil {
		return err
	}
	if err := failpoint.Hit("prune.layers"); err != nil {
		return err
	}
	for _, path := range moved {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// oldestBuild is when the build that runs and began first began; zero: none runs.
func (b *Builder) oldestBuild() (oldest time.Time) {
	for _, path := range b.Images.WorkLocks() {
		lock, err := filelock.Try(path)
		if err == nil {
			lock.Release()
			continue
		}
		// The lock was written to when it was taken.
		info, err := os.Stat(path)
		if err == nil && (oldest.IsZero() || info.ModTime().Before(oldest)) {
			oldest = info.ModTime()
		}
	}
	return oldest
}

// freeSpace is what the file system of the store has for this user, in bytes.
func (b *Builder) freeSpace() int64 {
	var fs unix.Statfs_t
	if unix.Statfs(b.Images.GraphRoot(), &fs) != nil {
		return 0
	}
	return int64(fs.Bavail) * fs.Bsize
}

// removeEntry takes an entry away whole, unless it was used since it was listed.
func (b *Builder) removeEntry(e Entry) (gone bool, err error) {
	switch e.Kind {
	case EntryStep, EntryImage:
		return moveRecord(e)
	case EntryMount:
		if inUse(e.path) {
			return false, nil
		}
		return true, b.moveCache(e.path)
	}
	if err := os.Remove(e.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return true, nil
}

func moveRecord(e Entry) (gone bool, err error) {
	dir, name := filepath.Split(e.path)
	// Not over the record of another layer that a prune has left there.
	moved := filepath.Join(dir, prunedPrefix+name+"-"+e.layer)
	if err := os.Rename(e.path, moved); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return false, err
	}
	info, err := os.Lstat(moved)
	if err != nil {
		return false, err
	}
	if info.ModTime().Equal(e.touched) {
		return true, nil
	}
	// A build has it. If it was written anew meanwhile, the older one is pruned.
	err = unix.Renameat2(unix.AT_FDCWD, moved, unix.AT_FDCWD, e.path, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EEXIST) {
		return true, nil
	}
	return false, err
}
