package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.podman.io/storage"
)

// layerDirs lists the directories of layers, whether or not the index has them.
func (c *check) layerDirs() ([]string, error) {
	dir := filepath.Join(c.store.roots[0], c.store.driverFor())
	if c.store.driverFor() == "vfs" {
		dir = filepath.Join(dir, "dir")
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look at the layers: %w", err)
	}
	var found []string
	for _, e := range entries {
		if isID(e.Name()) {
			found = append(found, filepath.Join(dir, e.Name()))
		}
	}
	return found, nil
}

// findLeftovers finds directories that belong to no record, layers that no image or container has, and what is left of layers that were being made.
func (c *check) findLeftovers(ctx context.Context, dirs []string) error {
	for _, dir := range dirs {
		if _, ok := c.family.layers[filepath.Base(dir)]; !ok {
			c.leftover(fmt.Sprintf("the directory %s belongs to no layer", dir), func(context.Context) error { return os.RemoveAll(dir) })
		}
	}
	staged, err := filepath.Glob(filepath.Join(c.store.roots[0], c.store.driverFor(), "staging", "*"))
	if err != nil {
		return err
	}
	for _, dir := range staged {
		// Its maker holds a lock that only the library knows; nobody takes a day for one layer.
		if info, err := os.Lstat(dir); err == nil && time.Since(info.ModTime()) > c.opts.Age {
			c.leftover(fmt.Sprintf("%s is left of a layer that was being made", dir), func(context.Context) error { return os.RemoveAll(dir) })
		}
	}
	images, err := filepath.Glob(filepath.Join(c.store.roots[0], c.store.driverFor()+"-images", "*"))
	if err != nil {
		return err
	}
	for _, dir := range images {
		info, err := os.Lstat(dir)
		if err == nil && info.IsDir() && isID(filepath.Base(dir)) && !c.hasImage(filepath.Base(dir)) && time.Since(info.ModTime()) > c.opts.Age {
			c.leftover(fmt.Sprintf("the directory %s belongs to no image", dir), func(context.Context) error { return os.RemoveAll(dir) })
		}
	}
	if err := errors.Join(c.findTornIndexes(), c.findBrokenLinks()); err != nil {
		return err
	}
	needed, err := c.store.neededLayers(ctx, c.family)
	if err == nil {
		c.unneededLayers(needed)
	}
	return err
}

// findTornIndexes finds what is left of indexes that somebody was writing who was killed.
func (c *check) findTornIndexes() error {
	roots := []string{c.store.roots[0], c.store.storage.GraphRoot, c.store.storage.RunRoot}
	slices.Sort(roots)
	for _, root := range slices.Compact(roots) {
		torn, err := filepath.Glob(filepath.Join(root, c.store.driverFor()+"-*", ".tmp-*"))
		if err != nil {
			return err
		}
		for _, path := range torn {
			if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > c.opts.Age {
				c.leftover(fmt.Sprintf("%s is left of an index that was being written", path), func(context.Context) error { return os.RemoveAll(path) })
			}
		}
	}
	return nil
}

// findBrokenLinks finds the short names that overlay had for layers which are no more.
func (c *check) findBrokenLinks() error {
	links, err := filepath.Glob(filepath.Join(c.store.roots[0], "overlay", "l", "*"))
	if err != nil {
		return err
	}
	for _, path := range links {
		info, err := os.Lstat(path)
		if err != nil || time.Since(info.ModTime()) <= c.opts.Age {
			continue
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			c.leftover(fmt.Sprintf("%s is a link to a layer that is not there", path), func(context.Context) error { return os.Remove(path) })
		}
	}
	return nil
}

func (c *check) hasImage(id string) bool {
	return slices.ContainsFunc(c.family.images, func(img *Image) bool { return img.ID == id })
}

func (c *check) leftover(what string, remove func(context.Context) error) {
	c.found.Leftovers = append(c.found.Leftovers, Leftover{What: what, remove: remove})
}

// unneededLayers finds those that neither an image nor a container has, those above others first, so that they can be removed in this order.
func (c *check) unneededLayers(needed map[string]bool) {
	children := map[string][]string{}
	for id, l := range c.family.layers {
		children[l.Parent] = append(children[l.Parent], id)
	}
	var visit func(id string)
	visit = func(id string) {
		for _, child := range children[id] {
			visit(child)
		}
		if l := c.family.layers[id]; id != "" && !needed[id] && time.Since(l.Created) > c.opts.Age {
			c.leftover(fmt.Sprintf("layer %s belongs to no image", ShortID(id)), func(ctx context.Context) error {
				err := c.store.change(ctx, func(lib storage.Store) error { return lib.DeleteLayer(id) })
				if errors.Is(err, storage.ErrLayerUnknown) || errors.Is(err, storage.ErrNotALayer) {
					return nil
				}
				return err
			})
		}
	}
	visit("")
}
