package image

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/failpoint"
)

// ListOptions choose images.
type ListOptions struct {
	// All includes intermediate images: unnamed ones that others are built on, or that are a manifest list's.
	All bool
	// Name keeps the images with this repository, or this repository and tag; or the image with this id.
	Name string
	// Filters are "KEY=VALUE" in podman's words; see newFilter. Those with the same key are alternatives, except labels; different
	// keys must all hold.
	Filters []string
}

// Listed is an image in a listing.
type Listed struct {
	*Image
	Size         int64 // bytes of its layers, unpacked, and of its data
	Labels       map[string]string
	OS, Arch     string
	Intermediate bool // unnamed, and others are built on it
	InList       bool // a manifest list of the store refers to it
	Containers   int  // of pod, podman and buildah that use it
	Damaged      bool // its configuration cannot be read; only Image's own fields and Size are known
}

// List gives the images in the order of their creation, newest first. It takes no locks.
func (s *Store) List(ctx context.Context, opts ListOptions) ([]Listed, error) {
	if err := failpoint.Hit("images.list"); err != nil {
		return nil, err
	}
	f, err := s.family()
	if err != nil {
		return nil, err
	}
	keep, err := s.newFilter(ctx, opts)
	if err != nil {
		return nil, err
	}
	containers, err := s.containers(nil)
	if err != nil {
		return nil, err
	}
	var out []Listed
	for _, img := range f.images {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l, err := s.listed(ctx, f, img, containers[img.ID])
		if err != nil {
			return nil, err
		}
		if l.Intermediate && !opts.All && !keep.intermediate || l.ofList() && !opts.All {
			continue
		}
		if keep.match(&l) {
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b Listed) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.ID, b.ID))
	})
	return out, nil
}

// ofList says that the image is there for a manifest list alone.
func (l Listed) ofList() bool { return l.InList && !l.List && len(l.Names) == 0 }

func (s *Store) listed(ctx context.Context, f *family, img *Image, others []containerRecord) (Listed, error) {
	l := Listed{Image: img, Size: f.size(img)}
	if c := f.conf(img); c != nil {
		l.Labels, l.OS, l.Arch = c.Config.Labels, c.OS, c.Architecture
	} else {
		l.Damaged = !img.List
	}
	l.Intermediate = len(img.Names) == 0 && len(f.children(img)) > 0
	l.InList = f.inList(img)
	users, err := s.users(ctx, img.ID)
	if err != nil {
		return l, err
	}
	l.Containers = len(users)
	if img.List {
		// A container of a list is one of its images.
		for _, member := range f.membersOf(img) {
			users, err := s.users(ctx, member.ID)
			if err != nil {
				return l, err
			}
			l.Containers += len(users)
			l.Size += f.size(member)
		}
	}
	for _, c := range others {
		if !isLease(c) {
			l.Containers++
		}
	}
	return l, nil
}

// size is what the image takes on disk, with the layers it shares with others.
func (f *family) size(img *Image) int64 {
	n := img.data
	// A chain of layers that leads back to itself cannot come from the library, but from a damaged index.
	for id, steps := img.TopLayer, 0; id != "" && steps <= len(f.layers); steps++ {
		l := f.layers[id]
		n += max(l.DiffSize, 0)
		id = l.Parent
	}
	return n
}

// Size gives the bytes an image takes on disk, with the layers it shares with others.
func (s *Store) Size(img *Image) (int64, error) {
	layers, err := s.layers()
	if err != nil {
		return 0, fmt.Errorf("size of image %q: %w", img, err)
	}
	return (&family{layers: layers}).size(img), nil
}
