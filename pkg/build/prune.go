package build

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/image"
	"golang.org/x/sys/unix"
)

// EntryKind is what an entry of the cache holds.
type EntryKind string

const (
	EntryStep  EntryKind = "regular"         // the layer of a step
	EntryMount EntryKind = "exec.cachemount" // the files of a RUN --mount=type=cache
	EntryImage EntryKind = "image"           // which image a build gave; it holds no files
	EntryStats EntryKind = "source.local"    // what is known of the files of a context
)

// Entry is one thing that the cache keeps.
type Entry struct {
	ID      string
	Kind    EntryKind
	Size    int64 // bytes
	Created time.Time
	Used    time.Time // last
	Text    string    // for people: the step, the name of the cache

	path  string
	layer string
}

// Entries lists what the cache keeps, what was used last first.
func (b *Builder) Entries() ([]Entry, error) {
	var out []Entry
	err := filepath.WalkDir(b.cacheDir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		if e, ok := readEntry(path, d); ok {
			out = append(out, e)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, find := range []func() ([]Entry, error){b.mountEntries, b.statEntries} {
		more, err := find()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		out = append(out, more...)
	}
	slices.SortFunc(out, func(x, y Entry) int { return cmp.Or(y.Used.Compare(x.Used), strings.Compare(x.ID, y.ID)) })
	return out, nil
}

// Layer is the id of the layer that the entry keeps; empty: none.
func (e Entry) Layer() string { return e.layer }

// readEntry reads the record of a step or an image. One that cannot be read is an entry too, so that it is pruned.
func readEntry(path string, d fs.DirEntry) (Entry, bool) {
	info, err := d.Info()
	if err != nil {
		return Entry{}, false
	}
	e := Entry{ID: d.Name(), Kind: EntryImage, Used: info.ModTime(), Created: info.ModTime(), path: path}
	text, err := os.ReadFile(path)
	if err != nil {
		return e, true
	}
	var step stepRecord
	if json.Unmarshal(text, &step) == nil && step.Layer != "" {
		e.Kind, e.Size, e.Created, e.Text, e.layer = EntryStep, step.Size, step.Created, firstLine(step.Step), step.Layer
	}
	return e, true
}

func (b *Builder) mountEntries() ([]Entry, error) {
	dirs, err := os.ReadDir(filepath.Join(b.Dir, "mounts"))
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, d := range dirs {
		path := filepath.Join(b.Dir, "mounts", d.Name())
		e := Entry{ID: d.Name(), Kind: EntryMount, path: path, Size: diskUsage(path)}
		if name, err := os.ReadFile(filepath.Join(path, "id")); err == nil {
			e.Text = "cache " + string(name)
		}
		if info, err := os.Stat(filepath.Join(path, "id")); err == nil {
			e.Used = info.ModTime()
		}
		out = append(out, e)
	}
	return out, nil
}

func (b *Builder) statEntries() ([]Entry, error) {
	files, err := os.ReadDir(filepath.Join(b.Dir, "stat"))
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, d := range files {
		info, err := d.Info()
		if err != nil {
			continue
		}
		out = append(out, Entry{
			ID: d.Name(), Kind: EntryStats, path: filepath.Join(b.Dir, "stat", d.Name()), Size: info.Size(),
			Created: info.ModTime(), Used: info.ModTime(), Text: "files of a context",
		})
	}
	return out, nil
}

// diskUsage is what the files below path take up.
func diskUsage(path string) int64 {
	var sum int64
	filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil && unix.Lstat(path, &st) == nil {
			sum += st.Blocks * 512
		}
		return nil
	})
	return sum
}

// Prune removes the entries given, and the layers of those that no image needs. It gives what was removed; the
// size of a layer that stays, because an image has it, is zero.
func (b *Builder) Prune(ctx context.Context, entries []Entry) ([]Entry, error) {
	var removed []Entry
	layers := map[string]int{} // the entry in removed that a layer's size is counted for
	for _, e := range entries {
		if err := b.removeEntry(e); err != nil {
			return removed, err
		}
		if e.layer != "" {
			if _, counted := layers[e.layer]; !counted {
				layers[e.layer] = len(removed)
			} else {
				e.Size = 0
			}
		}
		removed = append(removed, e)
	}
	if err := failpoint.Hit("prune.records"); err != nil {
		return removed, err
	}
	err := b.removeLayers(ctx, layers)
	for _, i := range layers {
		removed[i].Size = 0
	}
	return removed, err
}

// removeEntry takes an entry away whole: a cache mount that a build has is renamed first, and lives as long as that.
func (b *Builder) removeEntry(e Entry) error {
	if e.Kind != EntryMount {
		if err := os.Remove(e.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	gone := filepath.Join(b.workspaces(), "pruned-"+e.ID)
	if err := os.MkdirAll(b.workspaces(), 0o700); err != nil {
		return err
	}
	if os.Rename(e.path, gone) != nil {
		gone = e.path // another file system
	}
	return removeTree(gone)
}

// removeLayers removes the layers that nobody needs; a layer that has others on it goes after them. Those removed stay out of
// the map's end, those in use remain in it.
func (b *Builder) removeLayers(ctx context.Context, layers map[string]int) error {
	for {
		progress := false
		for id := range layers {
			err := b.Images.RemoveLayer(ctx, id)
			if errors.Is(err, image.ErrInUse) {
				continue
			}
			if err != nil {
				return err
			}
			delete(layers, id)
			progress = true
		}
		if !progress {
			return nil
		}
	}
}
