package image

import (
	"slices"
	"time"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
)

// An image is built on another when its history begins with that one's and has exactly one step more, and its layers are that
// one's or one more. This is how podman and buildah tell; nothing in the store says so.

// family answers questions about which image is built on which, reading each configuration at most once.
type family struct {
	store  *Store
	images []*Image
	layers map[string]layerRecord
	config map[string]*Config  // by id; nil: unreadable
	lists  map[string][]*Image // that name an image, by its id; nil: not looked at yet
}

func (s *Store) family() (*family, error) {
	images, err := s.all()
	if err != nil {
		return nil, err
	}
	layers, err := s.layers()
	if err != nil {
		return nil, err
	}
	return &family{store: s, images: images, layers: layers, config: map[string]*Config{}}, nil
}

func (f *family) conf(img *Image) *Config {
	if c, ok := f.config[img.ID]; ok {
		return c
	}
	var p *Config
	if c, err := f.store.Config(img); err == nil {
		p = &c
	}
	f.config[img.ID] = p
	return p
}

// near is the cheap part of the question: the layers allow it.
func (f *family) near(parent, child *Image) bool {
	return parent.ID != child.ID && (parent.TopLayer == child.TopLayer || parent.TopLayer == f.layers[child.TopLayer].Parent)
}

func (f *family) parentOf(parent, child *Image) bool {
	if !f.near(parent, child) {
		return false
	}
	p, c := f.conf(parent), f.conf(child)
	if p == nil || c == nil || len(c.History) != len(p.History)+1 || len(p.History) == 0 {
		return false
	}
	return slices.EqualFunc(p.History, c.History[:len(p.History)], sameStep)
}

func sameStep(a, b specs.History) bool {
	at := func(t *time.Time) time.Time {
		if t == nil {
			return time.Time{}
		}
		return *t
	}
	return a.CreatedBy == b.CreatedBy && a.EmptyLayer == b.EmptyLayer && a.Comment == b.Comment && a.Author == b.Author && at(a.Created).Equal(at(b.Created))
}

func (f *family) children(img *Image) []*Image {
	var out []*Image
	for _, c := range f.images {
		if f.parentOf(img, c) {
			out = append(out, c)
		}
	}
	return out
}

// builtOn gives the images that are built on img.
func (s *Store) builtOn(img *Image) ([]*Image, error) {
	f, err := s.family()
	if err != nil {
		return nil, err
	}
	return f.children(img), nil
}

// soleParent gives the unnamed image that img is built on, if nothing else is built on it; else nil.
func (s *Store) soleParent(img *Image) (*Image, error) {
	f, err := s.family()
	if err != nil {
		return nil, err
	}
	for _, p := range f.images {
		if len(p.Names) == 0 && !p.ReadOnly && f.parentOf(p, img) && len(f.children(p)) == 1 {
			return p, nil
		}
	}
	return nil, nil
}
