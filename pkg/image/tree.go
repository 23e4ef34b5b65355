package image

import (
	"context"
	"slices"
)

// LayerNode is a layer with what is known of it, and the layers that lie above it.
type LayerNode struct {
	ID        string
	Size      int64  // bytes, unpacked
	CreatedBy string // the instruction that made it, as the images with it say
	TopOf     []string
	Above     []*LayerNode
}

// Tree gives the layers of an image from the lowest to its newest, each the only one above the one before. With whatRequires it gives all layers of
// the store that lie above its lowest one. It is nil for an image without layers.
func (s *Store) Tree(ctx context.Context, img *Image, whatRequires bool) (*LayerNode, error) {
	f, err := s.family()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := tree{family: f, madeBy: f.madeBy(), topOf: map[string][]string{}, above: map[string][]string{}}
	for _, i := range f.images {
		t.topOf[i.TopLayer] = append(t.topOf[i.TopLayer], i.Names...)
	}
	chain := f.chain(img.TopLayer)
	if len(chain) == 0 {
		return nil, nil
	}
	if whatRequires {
		for id, l := range f.layers {
			t.above[l.Parent] = append(t.above[l.Parent], id)
		}
	} else {
		for i := 1; i < len(chain); i++ {
			t.above[chain[i]] = []string{chain[i-1]}
		}
	}
	return t.node(chain[len(chain)-1], 0), nil
}

type tree struct {
	*family
	madeBy       map[string]string
	topOf, above map[string][]string
}

func (t tree) node(id string, depth int) *LayerNode {
	n := &LayerNode{ID: id, Size: max(t.layers[id].DiffSize, 0), CreatedBy: t.madeBy[id], TopOf: t.topOf[id]}
	if depth > len(t.layers) {
		return n
	}
	slices.Sort(t.above[id])
	for _, up := range t.above[id] {
		// The library's own layer of a container, as each lease has one, holds nothing that an image needs.
		if t.madeBy[up] == "" && len(t.topOf[up]) == 0 && t.layers[up].DiffDigest == "" {
			continue
		}
		n.Above = append(n.Above, t.node(up, depth+1))
	}
	return n
}

// madeBy gives the instruction that made each layer.
func (f *family) madeBy() map[string]string {
	by := map[string]string{}
	for _, img := range f.images {
		conf := f.conf(img)
		if conf == nil {
			continue
		}
		chain := f.chain(img.TopLayer)
		for _, h := range slices.Backward(conf.History) {
			if h.EmptyLayer || len(chain) == 0 {
				continue
			}
			by[chain[0]] = h.CreatedBy
			chain = chain[1:]
		}
	}
	return by
}
