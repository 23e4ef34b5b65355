package podtest

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// addFiles lists what is below pod's own directories, the temporary directory, and the objects in the image store.
func (s Snapshot) addFiles(w *World) error {
	pod := filepath.Join(w.DataDir(), "pod")
	store := filepath.Join(w.DataDir(), "containers", "storage")
	held, err := readStore(store)
	f := fileSweep{s, w, held}
	return errors.Join(err,
		f.walk(pod, len(strings.Split(pod, "/"))+1),
		f.walk(w.RunDir(), len(strings.Split(w.RunDir(), "/"))+2),
		f.walk(w.TempDir(), 0),
		f.walk(filepath.Join(store, "pod-pins"), 0),
		f.list(filepath.Join(store, "overlay", "staging")),
		f.list(filepath.Join(store, "overlay")),
		f.list(filepath.Join(store, "overlay-containers")),
		f.list(filepath.Join(store, "overlay-images")),
		f.list(filepath.Join(store, "tmp")),
	)
}

// fileSweep adds files to a snapshot.
type fileSweep struct {
	Snapshot
	world *World
	held  *store
}

// walk adds all files below dir, and its directories that are deeper than depth: those above are the layout, not objects.
func (f fileSweep) walk(dir string, depth int) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case errors.Is(err, fs.ErrPermission):
			return fs.SkipDir // of a subordinate user; its parent has been listed
		case err != nil:
			return err
		case name == dir:
			return nil
		case d.IsDir() && len(strings.Split(name, "/")) <= depth:
			return nil
		}
		f.addPath(name)
		return nil
	})
}

// list adds the directories in dir, not what is in them.
func (f fileSweep) list(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.IsDir() {
			f.addPath(filepath.Join(dir, e.Name()))
		}
	}
	return err
}

func (f fileSweep) addPath(name string) {
	relative := strings.TrimPrefix(name, f.world.Dir+"/")
	for _, pattern := range lasting() {
		if ok, _ := path.Match(pattern, relative); ok {
			return
		}
	}
	// What belongs to an image goes with the image.
	if !f.held.keeps(name) {
		f.add("file " + relative)
	}
}
