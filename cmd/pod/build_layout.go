package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/image"
)

// layoutName is an image in an OCI layout: DIR[:TAG][@DIGEST].
type layoutName struct{ dir, tag, digest string }

func parseLayoutName(s string) layoutName {
	var n layoutName
	n.dir, n.digest, _ = strings.Cut(s, "@")
	if i := strings.LastIndexByte(n.dir, ':'); i >= 0 && !strings.Contains(n.dir[i:], "/") {
		n.dir, n.tag = n.dir[:i], n.dir[i+1:]
	}
	return n
}

// number finds the image in the layout's index.
func (n layoutName) number(index specs.Index) (int, error) {
	var all []string
	for i, m := range index.Manifests {
		name := m.Annotations[specs.AnnotationRefName]
		all = append(all, name+"@"+m.Digest.String())
		switch {
		case n.digest != "":
			if m.Digest.String() == n.digest {
				return i, nil
			}
		case n.tag == "" && len(index.Manifests) == 1, name == n.tag && n.tag != "",
			n.tag != "" && strings.HasSuffix(name, ":"+n.tag), n.tag == "" && (name == "latest" || strings.HasSuffix(name, ":latest")):
			return i, nil
		}
	}
	return 0, fmt.Errorf("the layout %q has no such image; it has %s", n.dir, strings.Join(all, ", "))
}

// useLayout brings an image of an OCI layout into the store, where its name stands for it.
func (o *buildOptions) useLayout(ctx context.Context, a *app, b *build.Builder, c namedContext, where string) error {
	n := parseLayoutName(where)
	dir, err := filepath.Abs(n.dir)
	if err != nil {
		return err
	}
	text, err := files.ReadFile(filepath.Join(dir, specs.ImageIndexFile), maxDockerfile)
	if err != nil {
		return fmt.Errorf("it is no OCI layout: %w", err)
	}
	var index specs.Index
	if err := json.Unmarshal(text, &index); err != nil {
		return fmt.Errorf("its index: %w", err)
	}
	number, err := n.number(index)
	if err != nil {
		return err
	}
	if len(o.job.Platforms) > 1 {
		return errors.New("an image of a layout is taken for one platform; build the platforms one by one")
	}
	opts := o.job.Pull
	opts.Policy = image.PullAlways
	if p := o.job.Platforms[0]; p != o.job.Request.BuildPlatform {
		opts.Platform = image.Platform{OS: p.OS, Arch: p.Arch, Variant: p.Variant}
	}
	only, done, err := b.Scratch(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := layoutOf(dir, index.Manifests[number], only); err != nil {
		return err
	}
	images, err := a.courier().Pull(ctx, b.Images, "oci:"+only, opts)
	if err != nil {
		return err
	}
	o.job.Request.Contexts[c.name] = "image:" + images[0].ID
	return nil
}

// layoutOf makes a layout in the directory to with one image of another, which has no name there, so that no name of the store changes its meaning.
func layoutOf(dir string, only specs.Descriptor, to string) error {
	only.Annotations = nil
	index := specs.Index{MediaType: specs.MediaTypeImageIndex, Manifests: []specs.Descriptor{only}}
	index.SchemaVersion = 2
	text, err := json.Marshal(index)
	if err == nil {
		err = os.WriteFile(filepath.Join(to, specs.ImageIndexFile), text, 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(to, specs.ImageLayoutFile), []byte(`{"imageLayoutVersion":"`+specs.ImageLayoutVersion+`"}`), 0o600)
	}
	if err == nil {
		err = os.Symlink(filepath.Join(dir, specs.ImageBlobsDir), filepath.Join(to, specs.ImageBlobsDir))
	}
	return err
}
