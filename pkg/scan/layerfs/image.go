package layerfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// MaxEntries is how many entries of all layers together are looked at; they take about 1 GB of memory.
const MaxEntries = 2_000_000

// Node is one file of an image.
type Node struct {
	Entry
	Layer    int  // that brought it, from 1 for the oldest
	HiddenBy int  // the layer that deleted or replaced it; 0: it is what a container sees
	Deleted  bool // and nothing took its place

	source Source
}

// Image is the files of all layers put together.
type Image struct {
	nodes map[string]*Node // what a container sees
	// Visible are the files that a container sees, Hidden those that it does not see although they are in a layer. Both have the files
	// of a newer layer first, and a directory before what is in it.
	Visible, Hidden []*Node
	Sizes           []int64 // bytes of regular files of each layer, oldest first
	Notes           []string
}

// part is one directory of a layer after it was walked.
type part struct {
	layer   int
	source  Source
	entries []Entry
	whole   bool
}

// Merge puts layers together, oldest first; each is a list of parts, newest first. Layers are walked side by side.
func Merge(ctx context.Context, layers [][]Source) (*Image, error) {
	var parts []*part
	for i := len(layers) - 1; i >= 0; i-- {
		for _, s := range layers[i] {
			parts = append(parts, &part{layer: i + 1, source: s})
		}
	}
	errs := make([]error, len(parts))
	var taken atomic.Int64
	take := func(n int) bool { return taken.Add(int64(n)) <= MaxEntries }
	Each(len(parts), func(i int) {
		p := parts[i]
		p.entries, p.whole, errs[i] = p.source.Walk(ctx, take)
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	img := &Image{nodes: make(map[string]*Node), Sizes: make([]int64, len(layers))}
	over := make(covers)
	for _, p := range parts {
		if !p.whole {
			img.Notes = append(img.Notes, fmt.Sprintf("layer %d has more files than are looked at, or files too deep in directories", p.layer))
		}
		img.add(p, over)
		p.entries = nil
	}
	for _, n := range img.Hidden {
		n.Deleted = img.nodes[n.Path] == nil
	}
	return img, nil
}

// cover is what the layer next above that has a path says of it.
type cover struct {
	layer    int
	whiteout bool // it is deleted
	below    bool // what older layers have below it is hidden
}

type covers map[string]cover

// add puts a part under those that are there.
func (img *Image) add(p *part, over covers) {
	hidden := make(covers) // directories of this part whose content is hidden
	added := make(covers)
	inodes := make(map[uint64]bool)
	for i := range p.entries {
		e := p.entries[i]
		above, gone := hidden[parent(e.Path)]
		own, there := over[e.Path]
		if e.Mode.IsDir() && !e.Whiteout {
			switch {
			case gone && e.Path != "":
				hidden[e.Path] = above
			case there && own.below:
				hidden[e.Path] = own
			case e.Opaque:
				added[e.Path] = cover{layer: p.layer, below: true}
			}
		}
		switch {
		case e.Path == "":
			continue
		case e.Whiteout:
			if !gone {
				added[e.Path] = cover{layer: p.layer, whiteout: true, below: true}
			}
			continue
		case e.Mode.IsRegular() && !(e.Links > 1 && inodes[e.Inode]):
			inodes[e.Inode] = e.Links > 1
			img.Sizes[p.layer-1] += e.Size
		}
		node := &Node{Entry: e, Layer: p.layer, source: p.source}
		switch {
		case gone:
			node.HiddenBy = above.layer
		case !there:
			img.nodes[e.Path] = node
			img.Visible = append(img.Visible, node)
			added[e.Path] = cover{layer: p.layer, below: !e.Mode.IsDir() || e.Opaque}
			continue
		case e.Mode.IsDir() && !own.whiteout && img.isDir(e.Path):
			continue // a newer layer has this directory too
		default:
			node.HiddenBy = own.layer
			if !e.Mode.IsDir() { // for what is older still, this is what took its place
				added[e.Path] = cover{layer: p.layer, below: true}
			}
		}
		img.Hidden = append(img.Hidden, node)
	}
	for name, c := range added {
		over[name] = c
	}
}

// parent is the directory that a path is in; that of the root is the root.
func parent(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return ""
}

func (img *Image) isDir(name string) bool {
	n := img.nodes[name]
	return n != nil && n.Mode.IsDir()
}

// Lookup gives the file that a container sees at a path, through symbolic links, which never lead out of the image; nil when there is
// none.
func (img *Image) Lookup(name string) *Node {
	const most = 40 // links on the way, as the kernel has it
	rest, at := strings.Trim(path.Clean("/"+name), "/"), ""
	for links := 0; rest != ""; {
		var first string
		first, rest, _ = strings.Cut(rest, "/")
		switch first {
		case "", ".":
			continue
		case "..":
			at = parent(at)
			continue
		}
		at = path.Join(at, first)
		n := img.nodes[at]
		if n == nil {
			return nil
		}
		if n.Mode&fs.ModeSymlink == 0 {
			continue
		}
		if links++; links > most {
			return nil
		}
		if at = parent(at); path.IsAbs(n.Link) {
			at = ""
		}
		rest = n.Link + "/" + rest // not cleaned as text: "a/.." is above what a leads to
	}
	return img.nodes[at]
}

// Open opens a regular file.
func (n *Node) Open() (File, error) {
	if !n.Mode.IsRegular() {
		return nil, fmt.Errorf("/%s of the image is not a regular file", n.Path)
	}
	return n.source.Open(n.Path)
}

// Read reads a whole regular file of at most limit bytes.
func (n *Node) Read(limit int64) ([]byte, error) {
	if n.Size > limit {
		return nil, fmt.Errorf("/%s of the image has %d bytes, more than the %d that are read", n.Path, n.Size, limit)
	}
	f, err := n.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// The size is that of Walk; a file that grows since is cut.
	b := make([]byte, n.Size)
	read, err := io.ReadFull(f, b)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:read], err
}

// Each calls f with 0 to n-1, as many at a time as there are processors, but not more than eight: what each may hold in memory adds up.
func Each(n int, f func(int)) {
	const most = 8
	var group sync.WaitGroup
	next := make(chan int)
	for range min(n, runtime.GOMAXPROCS(0), most) {
		group.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	group.Wait()
}
