package image

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/failpoint"
)

// Usage is what the images of the store take on disk, as the records say: nothing is mounted or measured.
type Usage struct {
	Images      []ImageUsage     // newest first, intermediate ones too
	Size        int64            // bytes of all layers and data, each counted once
	Reclaimable int64            // bytes of those that no image with a container needs
	layers      map[string]int64 // their sizes
}

// ImageUsage is one image in Usage.
type ImageUsage struct {
	Listed
	Shared int64 // bytes of its layers that other images have, too
	Unique int64 // bytes of its other layers, and of its data
}

// Usage measures the images.
func (s *Store) Usage(ctx context.Context) (Usage, error) {
	f, err := s.family()
	if err != nil {
		return Usage{}, err
	}
	containers, err := s.containers(nil)
	if err != nil {
		return Usage{}, err
	}
	users := map[string]int{} // of each layer
	for _, img := range f.images {
		for _, id := range f.chain(img.TopLayer) {
			users[id]++
		}
	}
	u := Usage{layers: map[string]int64{}}
	active := map[string]bool{}
	for _, img := range f.images {
		if err := ctx.Err(); err != nil {
			return u, err
		}
		l, err := s.listed(ctx, f, img, containers[img.ID])
		if err != nil {
			return u, err
		}
		one := ImageUsage{Listed: l, Unique: img.data}
		u.Size += img.data
		if l.Containers == 0 {
			u.Reclaimable += img.data
		}
		for _, id := range f.chain(img.TopLayer) {
			if size := max(f.layers[id].DiffSize, 0); users[id] > 1 {
				one.Shared += size
			} else {
				one.Unique += size
			}
			active[id] = active[id] || l.Containers > 0
		}
		u.Images = append(u.Images, one)
	}
	for id, isActive := range active {
		size := max(f.layers[id].DiffSize, 0)
		u.layers[id] = size
		u.Size += size
		if !isActive {
			u.Reclaimable += size
		}
	}
	slices.SortStableFunc(u.Images, func(a, b ImageUsage) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.ID, b.ID))
	})
	return u, nil
}

// PruneOptions choose what Prune removes.
type PruneOptions struct {
	// All removes every image without container; else only those without name that nothing is built on.
	All bool
	// Filters are those of ListOptions; an image must match to be removed.
	Filters []string
}

// Prune removes images that nothing uses, and gives the bytes that their layers and data took. What came into use meanwhile stays. After an error, what was
// removed until then is in Removed.
func (s *Store) Prune(ctx context.Context, opts PruneOptions) (done Removed, reclaimed int64, err error) {
	before, err := s.Usage(ctx)
	if err != nil {
		return done, 0, err
	}
	// The removal of an image lets those go that it was built on: another round may find more.
	for more := true; more && err == nil; {
		more, err = s.pruneRound(ctx, opts, &done)
	}
	after, usageErr := s.Usage(context.WithoutCancel(ctx))
	return done, before.Size - after.Size - s.stillThere(before, after), errors.Join(err, usageErr)
}

// stillThere is the size of the layers that images had before and have no more, and that are in the store all the same: for the cache of builds.
func (s *Store) stillThere(before, after Usage) (size int64) {
	index, err := s.layers()
	if err != nil {
		return 0
	}
	for id, n := range before.layers {
		if _, has := after.layers[id]; !has && index[id].ID != "" {
			size += n
		}
	}
	return size
}

func (s *Store) pruneRound(ctx context.Context, opts PruneOptions, done *Removed) (more bool, err error) {
	if err := failpoint.Hit("prune.round"); err != nil {
		return false, err
	}
	list, err := s.List(ctx, ListOptions{Filters: opts.Filters})
	if err != nil {
		return false, err
	}
	used, err := s.usedDigests(ctx)
	if err != nil {
		return false, err
	}
	for _, l := range list {
		// What a list refers to goes after the list.
		if l.ReadOnly || l.Containers > 0 || l.Intermediate || l.InList || !opts.All && len(l.Names) > 0 {
			continue
		}
		if l.List && slices.ContainsFunc(s.entries(l.Image), func(digest string) bool { return used[digest] }) {
			continue
		}
		removed, err := s.Remove(ctx, l.ID, RemoveOptions{AllNames: true, seen: append([]string{}, l.Names...)})
		done.Untagged = append(done.Untagged, removed.Untagged...)
		done.Deleted = append(done.Deleted, removed.Deleted...)
		more = more || len(removed.Deleted) > 0
		if err != nil && !errors.Is(err, ErrInUse) && !errors.Is(err, ErrNotFound) {
			return false, err
		}
	}
	return more, nil
}

// usedDigests are the digests of images with containers: a list of them is used, too.
func (s *Store) usedDigests(ctx context.Context) (map[string]bool, error) {
	all, err := s.List(ctx, ListOptions{All: true})
	used := map[string]bool{}
	for _, l := range all {
		for _, digest := range l.Digests {
			used[digest] = used[digest] || l.Containers > 0
		}
	}
	return used, err
}
