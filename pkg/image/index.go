package image

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The storage library keeps one JSON array of records per kind and replaces the file whole (temporary file, rename),
// so a reader without a lock sees one complete state of each kind.

// imageRecord, layerRecord and containerRecord are the fields of the library's records that are used here.
type imageRecord struct {
	ID             string            `json:"id"`
	Digest         string            `json:"digest"`
	Names          []string          `json:"names"`
	NamesHistory   []string          `json:"names-history"`
	Layer          string            `json:"layer"`
	BigDataNames   []string          `json:"big-data-names"`
	BigDataSizes   map[string]int64  `json:"big-data-sizes"`
	BigDataDigests map[string]string `json:"big-data-digests"`
	Created        time.Time         `json:"created"`
}

type layerRecord struct {
	ID         string    `json:"id"`
	Parent     string    `json:"parent"`
	DiffDigest string    `json:"diff-digest"`
	DiffSize   int64     `json:"diff-size"`
	Created    time.Time `json:"created"`
	Flags      struct {
		Incomplete bool `json:"incomplete"` // it is being made or removed, or who did that was killed
	} `json:"flags"`
}

type containerRecord struct {
	ID      string   `json:"id"`
	Names   []string `json:"names"`
	ImageID string   `json:"image"`
	Layer   string   `json:"layer"`
}

// manifestPrefix begins the names under which an image's manifests are stored.
const manifestPrefix = "manifest"

// driverFor is the driver whose files a root holds.
func (s *Store) driverFor() string {
	if s.storage.GraphDriverName != "" {
		return s.storage.GraphDriverName
	}
	// Written by a command since this one began, or only additional stores so far.
	return "overlay"
}

func (s *Store) indexFile(root, kind string) string {
	return filepath.Join(root, s.driverFor()+"-"+kind, kind+".json")
}

// images calls yield with each image record for which keep, shown the raw JSON, is true. It stops when yield
// returns false. Records that cannot be read are left out.
func (s *Store) images(keep func(raw []byte) bool, yield func(*Image) bool) error {
	for i, root := range s.roots {
		data, err := os.ReadFile(s.indexFile(root, "images"))
		if err != nil {
			// An additional store that is not there (not mounted, say) must not hide the user's own images.
			if i > 0 || errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return fmt.Errorf("read the index of images: %w", err)
		}
		// The store's own root and an image store given with it are both written by the user.
		readOnly := root != s.storage.GraphRoot && root != s.storage.ImageStore
		for raw := range records(data) {
			if !keep(raw) {
				continue
			}
			var r imageRecord
			if json.Unmarshal(raw, &r) != nil || !isID(r.ID) {
				continue
			}
			if !yield(r.image(root, readOnly)) {
				return nil
			}
		}
	}
	return nil
}

func (r imageRecord) image(root string, readOnly bool) *Image {
	unnamed := slices.ContainsFunc(r.Names, isFirstName)
	img := &Image{
		ID: r.ID, Names: slices.DeleteFunc(r.Names, isFirstName), unnamed: unnamed, History: slices.DeleteFunc(r.NamesHistory, isFirstName), Digest: r.Digest, Created: r.Created, TopLayer: r.Layer, ReadOnly: readOnly,
		List: slices.Contains(r.BigDataNames, instancesKey), root: root, blob: r.BigDataNames,
	}
	if r.Digest != "" {
		img.Digests = append(img.Digests, r.Digest)
	}
	for _, name := range r.BigDataNames {
		img.data += r.BigDataSizes[name]
		if d := r.BigDataDigests[name]; strings.HasPrefix(name, manifestPrefix) && d != "" && !slices.Contains(img.Digests, d) {
			img.Digests = append(img.Digests, d)
		}
	}
	return img
}

// all gives every image; one that is in several stores only from the first.
func (s *Store) all() ([]*Image, error) {
	var out []*Image
	seen := map[string]bool{}
	err := s.images(func([]byte) bool { return true }, func(img *Image) bool {
		if !seen[img.ID] {
			seen[img.ID] = true
			out = append(out, img)
		}
		return true
	})
	return out, err
}

// layers gives the layers of all stores by id, those of containers too.
func (s *Store) layers() (map[string]layerRecord, error) {
	out := map[string]layerRecord{}
	for i, file := range s.layerIndexes() {
		data, err := os.ReadFile(file)
		if err != nil {
			if i > 0 || errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return nil, fmt.Errorf("read the index of layers: %w", err)
		}
		for raw := range records(data) {
			var r layerRecord
			if json.Unmarshal(raw, &r) == nil && r.ID != "" {
				if _, ok := out[r.ID]; !ok {
					out[r.ID] = r
				}
			}
		}
	}
	return out, nil
}

// layerIndexes are the files that have records of layers. Containers that are removed at their end have theirs in files of their own.
func (s *Store) layerIndexes() []string {
	var files []string
	for _, root := range s.roots {
		file := s.indexFile(root, "layers")
		files = append(files, file, filepath.Join(filepath.Dir(file), "volatile-layers.json"))
	}
	return append(files, filepath.Join(s.storage.RunRoot, s.driverFor()+"-layers", "volatile-layers.json"))
}

// containersOf gives the storage-library containers made from an image.
func (s *Store) containersOf(imageID string) ([]containerRecord, error) {
	all, err := s.containers([]byte(imageID))
	return all[imageID], err
}

// containers gives the storage-library containers whose record contains needle, by image.
func (s *Store) containers(needle []byte) (map[string][]containerRecord, error) {
	out := map[string][]containerRecord{}
	name := s.driverFor() + "-containers"
	for _, file := range []string{
		filepath.Join(s.storage.GraphRoot, name, "containers.json"),
		filepath.Join(s.storage.GraphRoot, name, "volatile-containers.json"),
		filepath.Join(s.storage.RunRoot, name, "volatile-containers.json"),
	} {
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the index of containers: %w", err)
		}
		for raw := range records(data) {
			var r containerRecord
			if bytes.Contains(raw, needle) && json.Unmarshal(raw, &r) == nil {
				out[r.ImageID] = append(out[r.ImageID], r)
			}
		}
	}
	return out, nil
}

// blob reads one piece of data stored with an image.
func (s *Store) blob(img *Image, key string) ([]byte, error) {
	return os.ReadFile(filepath.Join(img.root, s.driverFor()+"-images", img.ID, blobFile(key)))
}

// blobFile is the file name the library gives to a key.
func blobFile(key string) string {
	for i := 0; i < len(key); i++ {
		if c := key[i]; c != '.' && !isDigit(c) && (c < 'a' || c > 'z') {
			return "=" + base64.StdEncoding.EncodeToString([]byte(key))
		}
	}
	return key
}

// records yields the objects of a JSON array one by one without decoding them. Text that is not an array of objects
// ends it early, so that the records before a damage are still seen.
func records(data []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		start, depth, inString := 0, 0, false
		for i := 0; i < len(data); i++ {
			c := data[i]
			if inString {
				switch c {
				case '\\':
					i++
				case '"':
					inString = false
				}
				continue
			}
			switch c {
			case '"':
				inString = true
			case '{':
				if depth == 0 {
					start = i
				}
				depth++
			case '}':
				depth--
				if depth < 0 || depth == 0 && !yield(data[start:i+1]) {
					return
				}
			}
		}
	}
}
