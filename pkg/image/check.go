package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
)

// CheckOptions say how a store is checked.
type CheckOptions struct {
	// Full reads all layers and compares their digests. Else their files are only looked at: whether they are there and have their sizes.
	Full bool
	// Repair fetches damaged images again, into their places, where they have the name of a registry, and removes leftovers.
	Repair bool
	// Fetch is how; nil: damaged images are only reported.
	Fetch Puller
	// Age is how old a layer must be that no image has, to be a leftover: one that is younger may belong to an image that is being made. Zero: a day.
	Age time.Duration
	// Told is called with each sentence about what is being done.
	Told func(string)
}

// Checked is what Check found.
type Checked struct {
	Images, Layers int // that were looked at
	Damages        []Damage
	Leftovers      []Leftover
}

// Damage is an image or layer that is not what it should be.
type Damage struct {
	Layer    string   // id of the layer; empty: the image itself
	Images   []string // ids of the images that it concerns
	Problem  string   // a sentence
	Repaired bool
	names    []string // of the images
}

// Leftover is something that no image needs and that nobody else will take away.
type Leftover struct {
	What    string // a sentence
	Removed bool
	remove  func(context.Context) error
}

// Check looks for damage in the store: records that cannot be read, data and files that are missing or changed, and what crashes have left behind. It reads without a lock, as
// the other readers do; only repairs take one. Additional read-only stores are not looked at.
func (s *Store) Check(ctx context.Context, opts CheckOptions) (Checked, error) {
	if opts.Age == 0 {
		opts.Age = 24 * time.Hour
	}
	if opts.Told == nil {
		opts.Told = func(string) {}
	}
	c, err := s.look(ctx, opts)
	if err == nil && len(c.found.Damages) > 0 {
		// Another command may have been about to remove or to make what looks damaged: what is, is still.
		seen := c.found.Damages
		if c, err = s.look(ctx, opts); err == nil {
			c.found.Damages = slices.DeleteFunc(c.found.Damages, func(d Damage) bool {
				return !slices.ContainsFunc(seen, func(was Damage) bool { return was.Problem == d.Problem && was.Layer == d.Layer })
			})
		}
	}
	if err == nil && opts.Repair {
		err = c.repair(ctx)
	}
	return c.found, err
}

// look is Check without repairs.
func (s *Store) look(ctx context.Context, opts CheckOptions) (*check, error) {
	c := &check{store: s, opts: opts}
	// Directories are listed before the index is read: what is made meanwhile is in the index then.
	dirs, err := c.layerDirs()
	if err != nil {
		return c, err
	}
	if c.family, err = s.family(); err != nil {
		return c, err
	}
	c.checkRecords()
	if err := c.checkImages(ctx); err != nil {
		return c, err
	}
	if err := c.checkLayers(ctx); err != nil {
		return c, err
	}
	return c, c.findLeftovers(ctx, dirs)
}

type check struct {
	store  *Store
	opts   CheckOptions
	family *family
	found  Checked
}

// checkRecords compares how many records the index files have with how many could be read.
func (c *check) checkRecords() {
	for kind, read := range map[string]int{"images": c.own(), "layers": len(c.family.layers)} {
		data, err := os.ReadFile(c.store.indexFile(c.store.roots[0], kind))
		if err != nil {
			continue
		}
		n := 0
		for range records(data) {
			n++
		}
		if text := strings.TrimSpace(string(data)); n > read && len(c.store.roots) == 1 || !strings.HasSuffix(text, "]") && text != "" {
			c.found.Damages = append(c.found.Damages, Damage{Problem: fmt.Sprintf("the index of %s is damaged: %s", kind, c.store.indexFile(c.store.roots[0], kind))})
		}
	}
}

func (c *check) own() int {
	n := 0
	for _, img := range c.family.images {
		if !img.ReadOnly {
			n++
		}
	}
	return n
}

// checkImages compares the stored data of each image with what its record and its id say.
func (c *check) checkImages(ctx context.Context) error {
	for _, img := range c.family.images {
		if err := ctx.Err(); err != nil {
			return err
		}
		if img.ReadOnly {
			continue
		}
		c.found.Images++
		if problem := c.imageProblem(ctx, img); problem != "" {
			c.found.Damages = append(c.found.Damages, Damage{Images: []string{img.ID}, Problem: fmt.Sprintf("image %s: %s", img, problem), names: img.RepoDigests()})
		}
	}
	return nil
}

func (c *check) imageProblem(ctx context.Context, img *Image) string {
	for _, key := range img.blob {
		data, err := c.store.blob(img, key)
		if err != nil {
			return fmt.Sprintf("its data %q cannot be read: %v", key, err)
		}
		want := digest.Digest(strings.TrimPrefix(key, manifestPrefix+"-"))
		if want.Validate() == nil && digest.FromBytes(data) != want {
			return fmt.Sprintf("its data %q has changed", key)
		}
	}
	if img.List {
		// It has neither configuration nor layers.
		if _, err := c.store.ManifestList(ctx, img.ID); err != nil {
			return err.Error()
		}
		return ""
	}
	if _, err := c.store.RawManifest(img); err != nil {
		return err.Error()
	}
	conf, err := c.store.Config(img)
	if err != nil {
		return err.Error()
	}
	if have := len(c.family.chain(img.TopLayer)); have != len(conf.RootFS.DiffIDs) {
		return fmt.Sprintf("it should have %d layers, %d are in the store", len(conf.RootFS.DiffIDs), have)
	}
	return ""
}

// checkLayers looks at each layer of each image once.
func (c *check) checkLayers(ctx context.Context) error {
	users := map[string][]*Image{}
	for _, img := range c.family.images {
		for _, id := range c.family.chain(img.TopLayer) {
			if !img.ReadOnly {
				users[id] = append(users[id], img)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(users)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.found.Layers++
		problem, err := c.layerProblem(ctx, c.family.layers[id])
		if err != nil {
			return err
		}
		if problem == "" {
			continue
		}
		d := Damage{Layer: id, Problem: fmt.Sprintf("layer %s of %s: %s", ShortID(id), users[id][0], problem)}
		for _, img := range users[id] {
			d.Images, d.names = append(d.Images, img.ID), append(d.names, img.RepoDigests()...)
		}
		c.found.Damages = append(c.found.Damages, d)
	}
	return nil
}

// layerProblem says what is wrong with a layer. The error is for what keeps it from being looked at.
func (c *check) layerProblem(ctx context.Context, l layerRecord) (string, error) {
	dir, err := c.store.layerFiles(l.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return "its directory is missing", nil
	}
	if err != nil {
		return "", err
	}
	defer dir.Close()
	split, err := c.store.openSplit(l.ID)
	if errors.Is(err, fs.ErrNotExist) {
		// Made by a driver or program that keeps no record of the stream: there is nothing to compare with.
		return "", nil
	}
	if err != nil {
		return err.Error(), nil
	}
	defer split.Close()
	if !c.opts.Full {
		return lookAtFiles(ctx, dir, split)
	}
	sum, err := streamDigest(ctx, dir, split)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	switch {
	case err != nil:
		return err.Error(), nil
	case l.DiffDigest != "" && sum.String() != l.DiffDigest:
		return "its content has changed: the digest is " + sum.String(), nil
	}
	return "", nil
}

// layerFiles opens the directory with the files of a layer.
func (s *Store) layerFiles(id string) (*os.File, error) {
	if s.driverFor() == "vfs" {
		dir, err := s.layerDir(filepath.Join("vfs", "dir"), id)
		if err != nil {
			return nil, err
		}
		return os.Open(dir)
	}
	dir, err := s.layerDir(s.driverFor(), id)
	if err != nil {
		return nil, err
	}
	return os.Open(filepath.Join(dir, "diff"))
}

// openSplit opens the record of a layer's tar stream.
func (s *Store) openSplit(id string) (io.ReadCloser, error) {
	for _, root := range s.roots {
		f, err := os.Open(filepath.Join(root, s.driverFor()+"-layers", id+".tar-split.gz"))
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, fs.ErrNotExist
}
