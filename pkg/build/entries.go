package build

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

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
	Size    int64 // bytes; zero where an entry that was used later has the same layer
	Created time.Time
	// Used is when it was used last. What a layer lies on has been used whenever the layer was.
	Used   time.Time
	Text   string // for people: the step, the name of the cache
	Shared bool   // an image has the layer, too

	path, layer, parent string
	touched             time.Time // as the file says
}

// Entries lists what the cache keeps, what was used last first; of what was used at the same time, what a layer lies on comes before the layer.
func (b *Builder) Entries() ([]Entry, error) {
	out, err := readEntries(b.cacheDir())
	if err != nil {
		return nil, err
	}
	ofImages, err := b.Images.ImageLayerIDs()
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Shared = ofImages[out[i].layer]
	}
	for _, find := range []func() ([]Entry, error){b.mountEntries, b.statEntries} {
		more, err := find()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		out = append(out, more...)
	}
	sortEntries(out)
	return out, nil
}

// CachedLayers gives the ids of the layers that the cache in the directory dir (Builder.Dir) keeps.
func CachedLayers(dir string) (map[string]bool, error) {
	entries, err := readEntries(filepath.Join(dir, "cache"))
	out := map[string]bool{}
	for _, e := range entries {
		if e.layer != "" {
			out[e.layer] = true
		}
	}
	return out, err
}

// prunedPrefix begins the name of a record that is being pruned.
const prunedPrefix = ".pruned-"

// readEntries reads the records of steps and images below dir.
func readEntries(dir string) ([]Entry, error) {
	var out []Entry
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		if e, ok := readEntry(path, d); ok {
			out = append(out, e)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return out, err
}

// readEntry reads the record of a step or an image. One that cannot be read is an entry too, so that it is pruned.
func readEntry(path string, d fs.DirEntry) (Entry, bool) {
	info, err := d.Info()
	if err != nil {
		return Entry{}, false
	}
	e := Entry{ID: d.Name(), Kind: EntryImage, Used: info.ModTime(), Created: info.ModTime(), touched: info.ModTime(), path: path}
	text, err := os.ReadFile(path)
	if err != nil {
		return e, !errors.Is(err, fs.ErrNotExist)
	}
	var step stepRecord
	if json.Unmarshal(text, &step) == nil && step.Layer != "" {
		e.Kind, e.Size, e.Created, e.Text = EntryStep, step.Size, step.Created, firstLine(step.Step)
		e.layer, e.parent = step.Layer, step.Parent
	}
	return e, true
}

// sortEntries puts entries in the order of Builder.Entries, and completes Used and Size.
func sortEntries(entries []Entry) {
	byLayer := map[string][]*Entry{}
	for i := range entries {
		if e := &entries[i]; e.layer != "" {
			byLayer[e.layer] = append(byLayer[e.layer], e)
		}
	}
	depth := map[string]int{}
	var measure func(layer string, seen int) int
	measure = func(layer string, seen int) int {
		list := byLayer[layer]
		if d, ok := depth[layer]; ok || len(list) == 0 || seen > len(entries) {
			return d
		}
		depth[layer] = 1 + measure(list[0].parent, seen+1)
		return depth[layer]
	}
	for layer := range byLayer {
		measure(layer, 0)
	}
	// From the highest layers down, so that each has its time before it hands it on.
	for _, layer := range slices.SortedFunc(maps.Keys(depth), func(a, b string) int { return cmp.Or(depth[b]-depth[a], strings.Compare(a, b)) }) {
		for _, e := range byLayer[layer] {
			for _, below := range byLayer[e.parent] {
				if below.Used.Before(e.Used) {
					below.Used = e.Used
				}
			}
		}
	}
	slices.SortFunc(entries, func(x, y Entry) int {
		return cmp.Or(y.Used.Compare(x.Used), depth[x.layer]-depth[y.layer], strings.Compare(x.ID, y.ID))
	})
	counted := map[string]bool{}
	for i := range entries {
		if e := &entries[i]; e.layer != "" && counted[e.layer] {
			e.Size = 0
		} else {
			counted[e.layer] = true
		}
	}
}

func (b *Builder) mountEntries() ([]Entry, error) {
	dirs, err := os.ReadDir(b.cachesDir())
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, d := range dirs {
		if !isCache(d.Name()) {
			continue
		}
		path := filepath.Join(b.cachesDir(), d.Name())
		e := Entry{ID: d.Name(), Kind: EntryMount, path: path, Size: diskUsage(path)}
		if name, err := os.ReadFile(filepath.Join(path, "id")); err == nil {
			e.Text = "cache " + string(name)
		}
		if info, err := os.Stat(filepath.Join(path, "id")); err == nil {
			e.Used, e.touched = info.ModTime(), info.ModTime()
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
			Created: info.ModTime(), Used: info.ModTime(), touched: info.ModTime(), Text: "files of a context",
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
