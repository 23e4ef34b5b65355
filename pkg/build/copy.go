package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/build/progress"
	"github.com/pod-engine/pod/pkg/image"
	"golang.org/x/sys/unix"
)

// prepareCopy finds out what a COPY or ADD copies.
func (s *solve) prepareCopy(ctx context.Context, c plan.Copy, at made) (action, error) {
	copying := &copying{solve: s, Copy: c}
	act := action{do: copying.do, close: copying.close, relink: c.Link}
	top := at.top()
	if c.Link {
		top = "" // what is below makes no difference
	}
	if c.From.Context == "" && len(c.Paths) > 0 {
		// The files of a stage or image are read only when it is not known already what this copy of them made.
		key, err := s.sourceKey(ctx, c.From)
		if err != nil {
			return act, err
		}
		act.keys = append(act.keys, func(context.Context) (string, error) { return copyKey(top, c, "tree "+key), nil })
	}
	if c.Checksum != "" || pinned(c) {
		// What is fetched is known before it is.
		act.keys = append(act.keys, func(context.Context) (string, error) { return copyKey(top, c, "checked"), nil })
	}
	act.keys = append(act.keys, func(ctx context.Context) (string, error) {
		if err := copying.list(ctx); err != nil {
			return "", err
		}
		content, err := copying.content()
		return copyKey(top, c, content), err
	})
	return act, nil
}

// pinned says that all that is copied are commits, by their whole names.
func pinned(c plan.Copy) bool {
	return len(c.URLs) > 0 && len(c.Paths)+len(c.Files) == 0 && !slices.ContainsFunc(c.URLs, func(word string) bool {
		a, err := parseAddress(word)
		return err != nil || a.commit() == ""
	})
}

// sourceKey says which tree of files a source is.
func (s *solve) sourceKey(ctx context.Context, from plan.Source) (string, error) {
	m, err := s.sourceLayers(ctx, from)
	return m.top(), err
}

// sourceLayers gives the layers of a stage or image, once they are there.
func (s *solve) sourceLayers(ctx context.Context, from plan.Source) (made, error) {
	switch {
	case from.Stage != nil:
		return s.stage(ctx, *from.Stage)
	case from.Image != "":
		return s.base(ctx, plan.Stage{Base: from})
	}
	return made{}, nil
}

// copySource is one source of a COPY or ADD.
type copySource struct {
	*files.Listing
	fetched bool // from an address
}

// copying is one COPY or ADD while it is done.
type copying struct {
	*solve
	plan.Copy
	sources []copySource
	fetched []*Context
}

// list finds all files that the words name.
func (c *copying) list(ctx context.Context) error {
	if err := c.fetchAll(ctx); err != nil || len(c.Paths) == 0 {
		return err
	}
	tree, err := c.tree(ctx, c.From)
	if err != nil {
		return err
	}
	for _, word := range c.Paths {
		listings, err := c.listWord(ctx, tree, word)
		for _, l := range listings {
			c.sources = append(c.sources, copySource{l, false})
		}
		if err != nil && c.From.Context != "" && strings.HasPrefix(path.Clean(word), "..") {
			err = hint.Wrap(err, "nothing above the build context can be copied: have that directory as CONTEXT, or as --build-context NAME=DIRECTORY")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// listWord finds the files of one word; what it found before an error the caller closes as well.
func (c *copying) listWord(ctx context.Context, tree *files.Tree, word string) ([]*files.Listing, error) {
	if c.Parents {
		return tree.ListParents(ctx, word, c.Exclude)
	}
	names, err := tree.Sources(ctx, word)
	if err != nil {
		return nil, err
	}
	var out []*files.Listing
	for _, name := range names {
		l, err := tree.List(ctx, name, c.Exclude)
		if err != nil {
			return out, err
		}
		out = append(out, l)
	}
	return out, nil
}

// fetchAll brings in what addresses mean.
func (c *copying) fetchAll(ctx context.Context) error {
	for _, word := range c.URLs {
		a, err := parseAddress(word)
		if err != nil {
			return err
		}
		a.keepGit = a.keepGit || c.KeepGitDir
		dir, err := c.work.sub()
		if err != nil {
			return err
		}
		tree, name, err := c.Builder.fetch(ctx, a, c.Checksum, dir)
		if err != nil {
			return err
		}
		c.fetched = append(c.fetched, tree)
		c.origins.note(word, tree.Origin)
		l, err := tree.List(ctx, name, c.Exclude)
		if err != nil {
			return err
		}
		c.sources = append(c.sources, copySource{l, true})
	}
	return nil
}

func (c *copying) content() (string, error) {
	var parts []string
	for _, l := range c.sources {
		content, err := l.Content()
		if err != nil {
			return "", err
		}
		parts = append(parts, content)
	}
	return sum(parts...), nil
}

// do copies into the writable layer.
func (c *copying) do(ctx context.Context, layers image.Layers, u upper, _ progress.Vertex) error {
	if c.Link {
		layers = image.Layers{} // nothing below is looked at
	}
	root, err := c.Runner.MountOver(layers, u.upper, u.work, u.at, "")
	if err != nil {
		return err
	}
	defer root.Close()
	p := &files.Placer{Root: root, Now: c.now()}
	if c.Chown != "" {
		if p.Owner, err = files.LookupOwner(root, c.Chown); err != nil {
			return fmt.Errorf("--chown=%s: %w", c.Chown, err)
		}
	}
	if c.Chmod != "" {
		mode, err := plan.ParseMode(c.Chmod)
		if err != nil {
			return fmt.Errorf("--chmod: %w", err)
		}
		p.Mode = &mode
	}
	if c.Parents { // the destination is no copy of any source
		dir, err := p.Into(c.Dest)
		if err != nil {
			return err
		}
		dir.Close()
	}
	several := len(c.sources)+len(c.Files) > 1
	if several && !strings.HasSuffix(c.Dest, "/") && c.Dest != "/" && !p.IsDirectory(c.Dest) {
		return fmt.Errorf("%d sources are copied to %s, which is not a directory; end it with a slash", len(c.sources)+len(c.Files), c.Dest)
	}
	for _, l := range c.sources {
		if err := c.placeSource(ctx, p, l, several, u); err != nil {
			return err
		}
	}
	return c.placeInline(ctx, p, several, u)
}

// placeSource copies one source, or unpacks it if it is an archive that ADD unpacks.
func (c *copying) placeSource(ctx context.Context, p *files.Placer, l copySource, several bool, u upper) error {
	unpack := c.Add && !l.fetched
	if c.Unpack != nil {
		unpack = *c.Unpack
	}
	if unpack && !l.IsDir() {
		archive, err := l.Listing.Unpack(ctx, u.dir, c.Limits)
		if err != nil {
			return fmt.Errorf("unpack %s: %w", l.Name(), err)
		}
		if archive != nil {
			defer archive.Close()
			p := &files.Placer{Root: p.Root, Owner: p.Owner, Now: p.Now} // --chmod is not for what is unpacked
			return p.PlaceArchive(ctx, archive, c.Dest)
		}
	}
	return p.Place(ctx, l.Listing, c.Dest, several)
}

// placeInline copies here-documents.
func (c *copying) placeInline(ctx context.Context, p *files.Placer, several bool, u upper) error {
	if len(c.Files) == 0 {
		return nil
	}
	dir := filepath.Join(u.dir, "inline")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer root.Close()
	tree := &files.Tree{Root: root, Foreign: true}
	for i, file := range c.Files {
		// Its name comes from the Dockerfile, so the file is found by it in a directory of its own.
		name := path.Join(fmt.Sprint(i), path.Base(path.Clean("/"+file.Path)))
		if err := os.Mkdir(filepath.Join(dir, path.Dir(name)), 0o700); err != nil {
			return err
		}
		full := filepath.Join(dir, name)
		if err := os.WriteFile(full, []byte(file.Data), 0o644); err != nil {
			return err
		}
		if err := errors.Join(os.Chmod(full, 0o644), os.Chtimes(full, p.Now, p.Now)); err != nil {
			return err
		}
		l, err := tree.List(ctx, name, nil)
		if err != nil {
			return err
		}
		err = p.Place(ctx, l, c.Dest, several)
		l.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *copying) close() {
	for _, l := range c.sources {
		l.Close()
	}
	for _, t := range c.fetched {
		t.Root.Close()
	}
}
