package image

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/opencontainers/go-digest"
)

// The images of a manifest list that have no names of their own are its members: they are there for the list, and go with it.

// members gives the images of this store that a list names, by their ids.
func (s *Store) members(list *Image) []string {
	raw, err := s.blob(list, instancesKey)
	if err != nil {
		return nil // then nobody can say; ManifestList tells of the damage
	}
	var where map[digest.Digest]string
	if json.Unmarshal(raw, &where) != nil {
		return nil
	}
	var ids []string
	for _, place := range where {
		if id := place[strings.LastIndexByte(place, '@')+1:]; strings.HasPrefix(place, "containers-storage:") && isID(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// listsOf gives the lists that name an image.
func (f *family) listsOf(img *Image) []*Image {
	if f.lists == nil {
		f.lists = map[string][]*Image{}
		for _, list := range f.images {
			if !list.List {
				continue
			}
			for _, id := range f.store.members(list) {
				f.lists[id] = append(f.lists[id], list)
			}
		}
	}
	return f.lists[img.ID]
}

// membersOf gives the images that are there for the list alone.
func (f *family) membersOf(list *Image) []*Image {
	var out []*Image
	for _, img := range f.images {
		if lists := f.listsOf(img); len(img.Names) == 0 && !img.ReadOnly && len(lists) == 1 && lists[0].ID == list.ID {
			out = append(out, img)
		}
	}
	return out
}

// removeMembers deletes the members of a list that is gone. Those that are in use stay, as images without a name.
func (s *Store) removeMembers(ctx context.Context, members []*Image, force bool, done *Removed) error {
	for _, img := range members {
		switch err := s.delete(ctx, img.ID, img, force); {
		case errors.Is(err, ErrInUse), errors.Is(err, ErrNotFound):
		case err != nil:
			return err
		default:
			done.Deleted = append(done.Deleted, img.ID)
		}
	}
	return nil
}
