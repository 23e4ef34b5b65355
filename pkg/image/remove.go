package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/hint"
	"go.podman.io/storage"
)

// RemoveOptions say how far Remove may go.
type RemoveOptions struct {
	// AllNames takes away all names of an image given by id.
	AllNames bool
	// Force does that too, and removes pod's containers that use the image.
	Force bool
	// seen are the names that the image had when it was chosen, unless it is nil: with others it stays.
	seen []string
	// NoPrune keeps the unnamed images it was built on, and those of a manifest list, which otherwise go with the last image that needs them.
	NoPrune bool
}

// Removed says what Remove did.
type Removed struct {
	Untagged []string // names
	Deleted  []string // ids
}

// Remove takes the given name away from an image, and deletes the image with its last name. An image given by id, or
// with Force, is deleted with all its names; without Force it may have only one. An image that others were built on,
// or that a manifest list has, keeps existing without name. The error is ErrNotFound, ErrAmbiguous, ErrInUse or ErrReadOnly (wrapped); what was done
// until then is in Removed.
func (s *Store) Remove(ctx context.Context, nameOrID string, opts RemoveOptions) (Removed, error) {
	var done Removed
	m, err := s.find(ctx, nameOrID)
	if err != nil {
		return done, err
	}
	img := m.img
	if opts.seen != nil && !sameNames(img.Names, opts.seen) {
		return done, renamed(nameOrID)
	}
	if img.ReadOnly {
		return done, fmt.Errorf("remove image %q: it lies in the additional store %q: %w", nameOrID, img.root, ErrReadOnly)
	}
	// A name that is not among the image's own (a digest) means the image, as an id does.
	byName := slices.Contains(img.Names, m.name.String())
	if byName && len(img.Names) > 1 {
		return done, s.untagOne(ctx, img, m.name.String(), &done)
	}
	if !byName && len(img.Names) > 1 && !opts.Force && !opts.AllNames {
		return done, hint.Wrap(fmt.Errorf("remove image %q: it has the names %s, which an id does not choose among", nameOrID, strings.Join(img.Names, ", ")),
			"pod rmi -f "+nameOrID)
	}
	members, untag, err := s.needed(ctx, nameOrID, img, byName, opts)
	switch {
	case err != nil:
		return done, err
	case untag:
		return done, s.untagOne(ctx, img, m.name.String(), &done)
	}
	parent, err := s.soleParent(img)
	if err != nil {
		return done, err
	}
	if err := s.delete(ctx, nameOrID, img, opts.Force); err != nil {
		return done, err
	}
	done.Untagged = append(done.Untagged, img.Names...)
	done.Deleted = append(done.Deleted, img.ID)
	if err := s.removeMembers(ctx, members, opts.Force, &done); err != nil || opts.NoPrune {
		return done, err
	}
	return done, s.prune(ctx, parent, &done)
}

// needed says whether an image stays without its name, since others are built on it or a list has it; else it gives the images that go with it.
func (s *Store) needed(ctx context.Context, name string, img *Image, byName bool, opts RemoveOptions) (members []*Image, untag bool, err error) {
	built, err := s.builtOn(img)
	if err != nil {
		return nil, false, err
	}
	lists, members, err := s.leaving(ctx, name, img, opts)
	switch {
	case err != nil:
		return nil, false, err
	case len(built) > 0 && !byName:
		return nil, false, fmt.Errorf("remove image %q: %w: %s is built on it", name, ErrInUse, built[0])
	case len(built) == 0 && len(lists) == 0:
		return members, false, nil
	case !byName:
		return nil, false, hint.Wrap(fmt.Errorf("remove image %q: %w by the manifest list %q", name, ErrInUse, lists[0]), "pod rmi "+lists[0].String())
	}
	// A container of an image that lost its last name would say that it is of nothing.
	err = s.clearUsers(ctx, name, img, opts.Force)
	if err == nil && len(lists) > 0 {
		err = s.unpinned(ctx, name, img)
	}
	return nil, true, err
}

// leaving gives the lists that keep an image in the store, unless that is forced; and the images that go with a list, of which none is in use.
func (s *Store) leaving(ctx context.Context, name string, img *Image, opts RemoveOptions) (lists, members []*Image, err error) {
	f, err := s.family()
	if err != nil {
		return nil, nil, err
	}
	if lists = f.listsOf(img); len(lists) > 0 && !opts.Force {
		return lists, nil, nil
	}
	if !img.List || opts.NoPrune {
		return nil, nil, nil
	}
	members = f.membersOf(img)
	for _, member := range members {
		if err := s.clearUsers(ctx, name, member, opts.Force); err != nil {
			return nil, nil, err
		}
	}
	return nil, members, nil
}

func (s *Store) untagOne(ctx context.Context, img *Image, name string, done *Removed) error {
	if err := s.rename(ctx, "untag", img, func(lib storage.Store) error { return lib.RemoveNames(img.ID, []string{name}) }); err != nil {
		return err
	}
	done.Untagged = append(done.Untagged, name)
	return nil
}

// prune deletes an unnamed image that nothing needs any more, and those it was built on.
func (s *Store) prune(ctx context.Context, img *Image, done *Removed) error {
	for img != nil {
		next, err := s.soleParent(img)
		if err != nil {
			return err
		}
		switch err := s.delete(ctx, img.ID, img, false); {
		case errors.Is(err, ErrInUse), errors.Is(err, ErrNotFound):
			return nil
		case err != nil:
			return err
		}
		done.Deleted = append(done.Deleted, img.ID)
		img = next
	}
	return nil
}

// delete removes the image itself. For how this agrees with containers that are being made, see lease.go.
func (s *Store) delete(ctx context.Context, name string, img *Image, force bool) error {
	if err := s.clearUsers(ctx, name, img, force); err != nil {
		return err
	}
	return s.pinning(ctx, "remove an image", func() error {
		now, err := s.find(ctx, img.ID)
		if err != nil {
			return err
		}
		if !force && !sameNames(now.img.Names, img.Names) {
			return renamed(name)
		}
		return s.deleteUnused(ctx, name, img)
	})
}

// renamed refuses to remove an image which another command has just given a name: it was told that it has it.
func renamed(name string) error {
	return fmt.Errorf("remove image %q: %w: another command has changed its names meanwhile", name, ErrInUse)
}

func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// deleteUnused is delete after the users were asked, and removed if that was wanted.
func (s *Store) deleteUnused(ctx context.Context, name string, img *Image) error {
	if err := s.unpinned(ctx, name, img); err != nil {
		return err
	}
	if err := s.unmounted(ctx, name, img); err != nil {
		return err
	}
	if err := s.dropLease(ctx, img.ID); err != nil {
		return err
	}
	users, err := s.users(ctx, img.ID)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return errors.Join(inUse(name, users), s.lease(ctx, img.ID))
	}
	s.MakeRoom()
	if err := s.keepLayers(ctx, img); err != nil {
		return err
	}
	if err := failpoint.Hit("rmi.delete"); err != nil {
		return err
	}
	err = s.deleteImage(ctx, img)
	switch {
	case err == nil:
		return failpoint.Hit("rmi.deleted")
	case errors.Is(err, storage.ErrImageUnknown), errors.Is(err, storage.ErrNotAnImage):
		return notFound(name)
	case errors.Is(err, storage.ErrImageUsedByContainer):
		return inUse(name, []string{"one that has just been created"})
	}
	return fmt.Errorf("remove image %q: %w", name, err)
}

// unpinned sees that no process works with the image.
func (s *Store) unpinned(ctx context.Context, name string, img *Image) error {
	pinned, err := s.pinned(ctx, img.ID)
	if err == nil && len(pinned) > 0 {
		err = fmt.Errorf("remove image %q: %w by %s", name, ErrInUse, strings.Join(pinned, ", "))
	}
	return err
}

func (s *Store) unmounted(ctx context.Context, name string, img *Image) error {
	if s.opts.Mounted == nil {
		return nil
	}
	at, err := s.opts.Mounted(ctx, img.ID)
	if err != nil || at == "" {
		return err
	}
	return hint.Wrap(fmt.Errorf("remove image %q: %w: it is mounted at %s", name, ErrInUse, at), "pod image unmount "+ShortID(img.ID))
}

// clearUsers sees that nothing uses the image; forced, it removes pod's own containers.
func (s *Store) clearUsers(ctx context.Context, name string, img *Image, force bool) error {
	users, err := s.users(ctx, img.ID)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		if !force || s.opts.RemoveContainers == nil {
			return inUse(name, users)
		}
		if err := s.opts.RemoveContainers(ctx, img.ID); err != nil {
			return fmt.Errorf("remove image %q: %w", name, err)
		}
	}
	containers, err := s.containersOf(img.ID)
	if err != nil {
		return err
	}
	for _, c := range containers {
		if !isLease(c) {
			return externallyUsed(name, c)
		}
	}
	return nil
}

func inUse(name string, users []string) error {
	err := fmt.Errorf("remove image %q: %w by container %s", name, ErrInUse, strings.Join(users, ", "))
	return hint.Wrap(err, "pod rmi -f "+name+" removes the containers too")
}

// externallyUsed refuses over a container of podman or buildah, which only they can remove without harm to their own records.
func externallyUsed(name string, c containerRecord) error {
	who := ShortID(c.ID)
	if len(c.Names) > 0 {
		who = c.Names[0]
	}
	err := fmt.Errorf("remove image %q: %w by container %s of podman or buildah", name, ErrInUse, who)
	return hint.Wrap(err, "podman rm "+who+", or buildah rm "+who)
}
