package image

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/layertar"
)

// ImportOptions say what image is made of an archive.
type ImportOptions struct {
	Name    string // full name of the image; empty: none
	Message string // for its history
	// Change is applied to the configuration last; nil: nothing is.
	Change   func(Config) (Config, error)
	Platform Platform // that it is for; empty parts are those of this machine
	Limits   layertar.Limits
}

// Import makes an image of one layer from a tar archive of a root file system, compressed or not.
func (s *Store) Import(ctx context.Context, archive io.Reader, opts ImportOptions) (*Image, error) {
	plain := layertar.Open(ctx, archive, "", layertar.NewBudget(opts.Limits))
	defer plain.Close()
	l, err := s.AddLayerTar(ctx, "", plain, nil)
	if refused := plain.Err(); refused != nil {
		return nil, refused
	}
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	var c Config
	c.Created = &now
	c.OS, c.Architecture, c.Variant = opts.Platform.OS, opts.Platform.Arch, opts.Platform.Variant
	if c.OS == "" {
		c.OS = runtime.GOOS
	}
	if c.Architecture == "" {
		c.Architecture = runtime.GOARCH
	}
	c.RootFS = specs.RootFS{Type: "layers", DiffIDs: []digest.Digest{l.DiffID}}
	c.History = []specs.History{{
		// The words of docker and podman.
		Created: &now, CreatedBy: fmt.Sprintf("/bin/sh -c #(nop) ADD file:%s in /", l.DiffID.Encoded()), Comment: opts.Message,
	}}
	c.Docker.Comment = opts.Message
	if opts.Change != nil {
		if c, err = opts.Change(c); err != nil {
			return nil, err
		}
	}
	text, err := c.Encode()
	if err != nil {
		return nil, err
	}
	n := NewImage{Config: text, Layers: []Layer{l}}
	if opts.Name != "" {
		n.Names = []string{opts.Name}
	}
	return s.AddImage(ctx, n)
}
