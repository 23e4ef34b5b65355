package image

import (
	"encoding/json"
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
	config map[string]*Config // by id; nil: unreadable
	// listed are the digests of the manifests that lists of the store refer to.
	listed map[string]bool
	lists  map[string][]*Image // that have an image of this store, by its id; nil: not looked at yet
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
	return &family{store: s, images: images, layers: layers, config: map[string]*Config{}, listed: s.referred(images)}, nil
}

// referred are the digests of the manifests that the manifest lists among images refer to. What a damaged list would say is not known.
func (s *Store) referred(images []*Image) map[string]bool {
	out := map[string]bool{}
	for _, img := range images {
		if !img.List {
			continue
		}
		for _, digest := range s.entries(img) {
			out[digest] = true
		}
	}
	return out
}

// entries are the digests of the manifests that a list refers to.
func (s *Store) entries(list *Image) []string {
	var index specs.Index // docker's list has the same fields
	raw, err := s.RawManifest(list)
	if err != nil || json.Unmarshal(raw, &index) != nil {
		return nil
	}
	var digests []string
	for _, d := range index.Manifests {
		digests = append(digests, d.Digest.String())
	}
	return digests
}

// inList says that a manifest list of the store refers to the image, which needs no name of its own then.
func (f *family) inList(img *Image) bool {
	return slices.ContainsFunc(img.Digests, func(d string) bool { return f.listed[d] })
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
		if len(p.Names) == 0 && !p.ReadOnly && !f.inList(p) && f.parentOf(p, img) && len(f.children(p)) == 1 {
			return p, nil
		}
	}
	return nil, nil
}
