package image

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pod-engine/pod/internal/failpoint"
	"go.podman.io/storage"
)

// Tag gives an image a further name. A name that another image had moves. A short name means localhost/NAME, as podman has it.
func (s *Store) Tag(ctx context.Context, nameOrID, newName string) error {
	m, err := s.find(ctx, nameOrID)
	if err != nil {
		return err
	}
	n, err := LocalName(newName)
	if err != nil {
		return err
	}
	if n.Digest != "" {
		return fmt.Errorf("tag image %q as %q: a digest is not a tag", nameOrID, newName)
	}
	return s.recording(ctx, m.img.ID, func() error {
		return s.rename(ctx, "tag", m.img, func(lib storage.Store) error { return lib.AddNames(m.img.ID, []string{n.String()}) })
	})
}

// Untag takes names away from an image; without names, all of them. The image stays. A short name means localhost/NAME if the image
// has that one, else the one it would be found by.
func (s *Store) Untag(ctx context.Context, nameOrID string, names []string) error {
	m, err := s.find(ctx, nameOrID)
	if err != nil {
		return err
	}
	remove := m.img.Names
	if len(names) > 0 {
		if remove, err = s.ownNames(m.img, names); err != nil {
			return err
		}
	}
	return s.rename(ctx, "untag", m.img, func(lib storage.Store) error { return lib.RemoveNames(m.img.ID, remove) })
}

// ownNames gives the full form of names that the image must have.
func (s *Store) ownNames(img *Image, names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		n, err := ParseName(name)
		if err != nil {
			return nil, err
		}
		candidates := []Name{n.Tagged()}
		if n.Short() {
			conf, err := readRegistries(n.Path)
			if err != nil {
				return nil, err
			}
			candidates = conf.local(n.Tagged())
		}
		i := slices.IndexFunc(candidates, func(c Name) bool { return slices.Contains(img.Names, c.String()) })
		if i < 0 {
			return nil, fmt.Errorf("untag %q: image %s has no such name", name, ShortID(img.ID))
		}
		out = append(out, candidates[i].String())
	}
	return out, nil
}

func (s *Store) rename(ctx context.Context, verb string, img *Image, do func(storage.Store) error) error {
	if img.ReadOnly {
		return fmt.Errorf("%s image %q: %w", verb, img, ErrReadOnly)
	}
	err := s.record(ctx, do)
	if errors.Is(err, storage.ErrImageUnknown) {
		return notFound(img.String())
	}
	if err != nil {
		return fmt.Errorf("%s image %q: %w", verb, img, err)
	}
	return failpoint.Hit(verb + ".renamed")
}

// LocalName gives the full name under which something made here is kept.
func LocalName(name string) (Name, error) {
	n, err := ParseName(name)
	if err != nil {
		return n, err
	}
	if n.Short() {
		if n, err = n.In("localhost"); err != nil {
			return n, err
		}
	}
	return n.Tagged(), nil
}
