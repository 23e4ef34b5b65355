package image

import (
	"context"
	"slices"
	"time"
)

// Step is one step in which an image was made.
type Step struct {
	ID        string // of the image that the step made, if it is in the store; else empty
	LayerID   string // of the store's record; empty for a step that changed only the configuration
	Created   time.Time
	CreatedBy string
	Author    string
	Comment   string
	Size      int64    // bytes of the layer, unpacked
	Tags      []string // names of the image of ID
}

// History gives the steps in which an image was made, newest first. The image is one of Lookup's. What made a layer is as the image says, which need
// not say it of all its layers: the rest come as steps without words.
func (s *Store) History(ctx context.Context, img *Image) ([]Step, error) {
	f, err := s.family()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	chain := f.chain(img.TopLayer) // newest first
	var steps []Step
	for _, h := range slices.Backward(img.Config.History) {
		step := Step{CreatedBy: h.CreatedBy, Author: h.Author, Comment: h.Comment}
		if h.Created != nil {
			step.Created = *h.Created
		}
		if !h.EmptyLayer && len(chain) > 0 {
			step.LayerID, step.Size = chain[0], max(f.layers[chain[0]].DiffSize, 0)
			chain = chain[1:]
		}
		steps = append(steps, step)
	}
	for _, id := range chain {
		steps = append(steps, Step{LayerID: id, Created: img.Created, Size: max(f.layers[id].DiffSize, 0)})
	}
	f.nameSteps(steps, img)
	return steps, nil
}

// nameSteps says which images of the store the steps made.
func (f *family) nameSteps(steps []Step, img *Image) {
	made := img
	for i := range steps {
		if made == nil {
			return
		}
		steps[i].ID, steps[i].Tags = made.ID, made.Names
		child := made
		made = nil
		for _, p := range f.images {
			if f.parentOf(p, child) {
				made = p
				break
			}
		}
	}
}

// chain gives the ids of a layer and those below it, newest first.
func (f *family) chain(top string) []string {
	var ids []string
	// A chain that leads back to itself cannot come from the library, but from a damaged index.
	for id := top; id != "" && len(ids) <= len(f.layers); id = f.layers[id].Parent {
		if _, ok := f.layers[id]; !ok {
			break
		}
		ids = append(ids, id)
	}
	return ids
}
