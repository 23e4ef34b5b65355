package podtest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A store is what the index files of the storage library say that it holds.
type store struct {
	dir        string
	images     map[string]bool // ids
	layers     map[string]bool // of images and of leases, with all layers below them
	containers map[string]bool // the leases of images: pod-lease-*
}

// readStore reads the index files in the storage library's directory. One that is not there is empty.
func readStore(dir string) (*store, error) {
	var images []struct {
		ID     string   `json:"id"`
		Layer  string   `json:"layer"`
		Mapped []string `json:"mapped-layers"`
	}
	var containers []struct {
		ID    string   `json:"id"`
		Names []string `json:"names"`
		Layer string   `json:"layer"`
	}
	var layers []struct {
		ID     string `json:"id"`
		Parent string `json:"parent"`
	}
	err := errors.Join(
		readIndex(filepath.Join(dir, "overlay-images", "images.json"), &images),
		readIndex(filepath.Join(dir, "overlay-containers", "containers.json"), &containers),
		readIndex(filepath.Join(dir, "overlay-layers", "layers.json"), &layers),
	)
	parents := make(map[string]string)
	for _, l := range layers {
		parents[l.ID] = l.Parent
	}
	s := &store{dir, make(map[string]bool), make(map[string]bool), make(map[string]bool)}
	hold := func(layers ...string) {
		for _, layer := range layers {
			for ; layer != "" && !s.layers[layer]; layer = parents[layer] {
				s.layers[layer] = true
			}
		}
	}
	for _, i := range images {
		s.images[i.ID] = true
		hold(append(i.Mapped, i.Layer)...)
	}
	for _, c := range containers {
		if len(c.Names) > 0 && strings.HasPrefix(c.Names[0], "pod-lease-") {
			s.containers[c.ID] = true
			hold(c.Layer)
		}
	}
	return s, err
}

func readIndex(path string, into any) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// keeps reports whether a directory of the store, or the lease of an image, belongs to an image that is there.
func (s *store) keeps(name string) bool {
	id := filepath.Base(name)
	switch filepath.Base(filepath.Dir(name)) {
	case "overlay":
		return s.layers[id] || id == "l" || id == "tempdirs" // the driver's own
	case "overlay-containers":
		return s.containers[id]
	case "leases":
		return s.images[id]
	}
	return id == "held" && s.images[filepath.Base(filepath.Dir(name))]
}
