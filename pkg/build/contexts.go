package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/pod-engine/pod/pkg/build/files"
	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

// Context is the files of a build context.
type Context struct {
	*files.Tree
	// Origin is where the files were fetched from.
	Origin Origin
	work   *workspace // it lies in; nil: it is not a builder's own
}

// close gives the context back.
func (c *Context) close() {
	c.Tree.Close()
	if c.work != nil {
		c.work.close()
	}
}

// contexts are those of a session: trees without an ignore file by where they are from, and these as ignore files leave them.
type contexts struct {
	mu      sync.Mutex
	whole   map[string]*Context
	texts   map[string][]byte // of addresses that are a Dockerfile alone
	ignored map[string]*Context
}

// OpenContext opens the directory dir as a context.
func (s *Session) OpenContext(ctx context.Context, dir string) (*Context, error) {
	where, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	tree, _, err := s.context(ctx, where, func() (*Context, []byte, error) {
		tree, err := openContext(dir)
		if err != nil {
			return nil, nil, err
		}
		if path := s.statsOf(tree.Root); path != "" {
			tree.RememberDigests(path)
		}
		return &Context{Tree: tree}, nil, nil
	})
	return tree, err
}

// ContextAt fetches a context: a tree by git, with its directory .git when keepGit says so, an archive by HTTP, or by HTTP a Dockerfile alone, which is
// then the text.
func (s *Session) ContextAt(ctx context.Context, word string, keepGit bool) (t *Context, text []byte, err error) {
	a, err := parseAddress(word)
	if err != nil {
		return nil, nil, fmt.Errorf("the build context: %w", err)
	}
	a.keepGit = a.keepGit || keepGit
	return s.context(ctx, fmt.Sprint(word, " ", keepGit), func() (*Context, []byte, error) {
		return s.inWorkspace(ctx, func(dir string) (*Context, []byte, error) {
			tree, name, err := s.fetch(ctx, a, "", dir)
			if err != nil || a.git {
				return tree, nil, err
			}
			defer tree.Root.Close()
			f, err := os.Open(filepath.Join(dir, name))
			if err != nil {
				return nil, nil, err
			}
			defer f.Close()
			if err := os.Remove(f.Name()); err != nil { // as in ContextFrom
				return nil, nil, err
			}
			unpacked, text, err := s.unpackContext(ctx, f, dir+".unpacked")
			if unpacked != nil {
				unpacked.Origin = tree.Origin
			}
			return unpacked, text, err
		})
	})
}

// Within gives a directory of a context of the session as a context of its own. A link that leads out of the whole one is an error.
func (s *Session) Within(ctx context.Context, t *Context, dir string) (*Context, error) {
	name := clean(dir)
	if name == "" {
		return t, nil
	}
	tree, _, err := s.context(ctx, fmt.Sprintf("%d %s", t.Root.Fd(), name), func() (*Context, []byte, error) {
		tree, err := t.Beneath(name)
		if err != nil {
			return nil, nil, fmt.Errorf("open the build context: %w", err)
		}
		return &Context{Tree: tree, Origin: t.Origin}, nil, nil
	})
	return tree, err
}

// ContextFrom reads a context that is a tar archive, compressed or not; what is no archive is a Dockerfile, which is then the text.
func (s *Session) ContextFrom(ctx context.Context, r io.Reader) (t *Context, text []byte, err error) {
	return s.context(ctx, "-", func() (*Context, []byte, error) {
		return s.inWorkspace(ctx, func(dir string) (*Context, []byte, error) {
			f, err := unnamed(dir) // what is unpacked is all that is needed later
			if err != nil {
				return nil, nil, err
			}
			defer f.Close()
			if _, err := io.Copy(f, r); err != nil {
				return nil, nil, fmt.Errorf("read the build context: %w", err)
			}
			return s.unpackContext(ctx, f, dir+".unpacked")
		})
	})
}

// context opens what is at a place once.
func (s *Session) context(ctx context.Context, where string, open func() (*Context, []byte, error)) (*Context, []byte, error) {
	leave, err := s.enter(ctx, "context "+where)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	c := &s.contexts
	c.mu.Lock()
	tree, text := c.whole[where], c.texts[where]
	c.mu.Unlock()
	if tree != nil || text != nil {
		return tree, text, nil
	}
	if tree, text, err = open(); err != nil {
		return nil, nil, s.Images.Full(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.whole == nil {
		c.whole, c.texts, c.ignored = map[string]*Context{}, map[string][]byte{}, map[string]*Context{}
	}
	if tree != nil {
		tree.RememberListings()
		c.whole[where] = tree
	}
	c.texts[where] = text
	return tree, text, nil
}

// Ignoring gives a context of the session as an ignore file leaves it: the first of these that is there; see files.Tree.
func (s *Session) Ignoring(t *Context, names []string) (*Context, error) {
	without, err := t.Tree.Ignoring(names)
	if err != nil || !without.Ignores() {
		return t, err
	}
	c := &s.contexts
	c.mu.Lock()
	defer c.mu.Unlock()
	key := fmt.Sprintf("%d %q", t.Root.Fd(), without.Ignore)
	if known, ok := c.ignored[key]; ok {
		return known, nil
	}
	c.ignored[key] = &Context{Tree: without, Origin: t.Origin}
	return c.ignored[key], nil
}

// close gives all back.
func (c *contexts) close() {
	for _, tree := range c.ignored {
		tree.CloseListings()
	}
	for _, tree := range c.whole {
		tree.close()
	}
}

// inWorkspace makes a tree in a workspace, which goes when the tree is closed.
func (b *Builder) inWorkspace(ctx context.Context, do func(dir string) (*Context, []byte, error)) (*Context, []byte, error) {
	work, err := b.openWorkspace(ctx)
	if err != nil {
		return nil, nil, err
	}
	dir, err := work.sub()
	var tree *Context
	var text []byte
	if err == nil {
		tree, text, err = do(dir)
	}
	if err != nil || tree == nil {
		work.close()
		return nil, text, err
	}
	tree.work = work
	return tree, text, nil
}

// maxText is the most that is read of a Dockerfile; its reader has its own, lower limit.
const maxText = 16 << 20

// unpackContext unpacks an archive into the new directory dir.
func (b *Builder) unpackContext(ctx context.Context, f *os.File, dir string) (*Context, []byte, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	if !files.IsArchive(f) {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, nil, err
		}
		text, err := files.ReadRegular(f, maxText)
		return nil, text, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, nil, err
	}
	// Owners mean nothing in a context, and may not exist here.
	if _, err := files.Unpack(ctx, f, dir, &archive.TarOptions{NoLchown: true}, b.Limits); err != nil {
		return nil, nil, fmt.Errorf("unpack the build context: %w", err)
	}
	tree, err := files.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	return &Context{Tree: tree}, nil, nil
}

// ReadFile reads a small file of the context, such as its Dockerfile; a link that leads out of it is an error.
func (c *Context) ReadFile(name string) ([]byte, error) { return c.Tree.ReadFile(name, maxText) }

func openContext(dir string) (*files.Tree, error) {
	tree, err := files.Open(dir)
	if errors.Is(err, unix.ENOTDIR) {
		return nil, fmt.Errorf("the build context %q is not a directory", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open the build context: %w", err)
	}
	return tree, nil
}

// statsOf is where the digests of the files below a directory are kept; empty: nowhere.
func (b *Builder) statsOf(root *os.File) string {
	var st unix.Stat_t
	if unix.Fstat(int(root.Fd()), &st) != nil {
		return ""
	}
	return filepath.Join(b.Dir, "stat", sum(root.Name(), text([]uint64{st.Dev, st.Ino})))
}
