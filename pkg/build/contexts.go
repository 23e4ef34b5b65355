package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

// contexts are those of a session: trees without an ignore file by where they are from, and these as ignore files leave them.
type contexts struct {
	mu      sync.Mutex
	whole   map[string]*Tree
	texts   map[string][]byte // of addresses that are a Dockerfile alone
	ignored map[string]*Tree
}

// OpenContext opens the directory dir as a context.
func (s *Session) OpenContext(ctx context.Context, dir string) (*Tree, error) {
	where, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	tree, _, err := s.context(ctx, where, func() (*Tree, []byte, error) {
		tree, err := openContext(dir)
		if err == nil {
			tree.stats = s.openStats(tree.Root)
		}
		return tree, nil, err
	})
	return tree, err
}

// ContextAt fetches a context: a tree by git, with its directory .git when keepGit says so, an archive by HTTP, or by HTTP a Dockerfile alone, which is
// then the text.
func (s *Session) ContextAt(ctx context.Context, word string, keepGit bool) (t *Tree, text []byte, err error) {
	a, err := parseAddress(word)
	if err != nil {
		return nil, nil, fmt.Errorf("the build context: %w", err)
	}
	a.keepGit = a.keepGit || keepGit
	return s.context(ctx, fmt.Sprint(word, " ", keepGit), func() (*Tree, []byte, error) {
		return s.inWorkspace(ctx, func(dir string) (*Tree, []byte, error) {
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
			unpacked, text, err := s.unpackContext(ctx, f, dir+".unpacked")
			if unpacked != nil {
				unpacked.Origin = tree.Origin
			}
			return unpacked, text, err
		})
	})
}

// Within gives a directory of a context of the session as a context of its own. A link that leads out of the whole one is an error.
func (s *Session) Within(ctx context.Context, t *Tree, dir string) (*Tree, error) {
	name := clean(dir)
	if name == "" {
		return t, nil
	}
	tree, _, err := s.context(ctx, fmt.Sprintf("%d %s", t.Root.Fd(), name), func() (*Tree, []byte, error) {
		root, err := openat2(t.Root, name, &unix.OpenHow{
			Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
		})
		if err != nil {
			return nil, nil, fmt.Errorf("open the build context: %w", err)
		}
		return &Tree{Root: root, foreign: t.foreign}, nil, nil
	})
	return tree, err
}

// ContextFrom reads a context that is a tar archive, compressed or not; what is no archive is a Dockerfile, which is then the text.
func (s *Session) ContextFrom(ctx context.Context, r io.Reader) (t *Tree, text []byte, err error) {
	return s.context(ctx, "-", func() (*Tree, []byte, error) {
		return s.inWorkspace(ctx, func(dir string) (*Tree, []byte, error) {
			f, err := os.OpenFile(filepath.Join(dir, "context"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
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
func (s *Session) context(ctx context.Context, where string, open func() (*Tree, []byte, error)) (*Tree, []byte, error) {
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
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.whole == nil {
		c.whole, c.texts, c.ignored = map[string]*Tree{}, map[string][]byte{}, map[string]*Tree{}
	}
	if tree != nil {
		tree.listings = &listings{}
		c.whole[where] = tree
	}
	c.texts[where] = text
	return tree, text, nil
}

// Ignoring gives a context of the session as an ignore file leaves it: the first of these that is there, a path relative to the context, which is
// not followed out of it, or an absolute one.
func (s *Session) Ignoring(t *Tree, names []string) (*Tree, error) {
	without := *t
	without.work, without.listings = nil, &listings{}
	for _, name := range names {
		found, err := without.readIgnore(name)
		if err != nil {
			return nil, fmt.Errorf("read the ignore file %s: %w", name, err)
		}
		if found {
			break
		}
	}
	if without.matcher == nil {
		return t, nil
	}
	c := &s.contexts
	c.mu.Lock()
	defer c.mu.Unlock()
	key := fmt.Sprintf("%d %q", t.Root.Fd(), without.Ignore)
	if known, ok := c.ignored[key]; ok {
		return known, nil
	}
	c.ignored[key] = &without
	return &without, nil
}

// close gives all back.
func (c *contexts) close() {
	for _, tree := range c.ignored {
		tree.listings.close()
	}
	for _, tree := range c.whole {
		tree.Close()
	}
}

// inWorkspace makes a tree in a workspace, which goes when the tree is closed.
func (b *Builder) inWorkspace(ctx context.Context, do func(dir string) (*Tree, []byte, error)) (*Tree, []byte, error) {
	work, err := b.openWorkspace(ctx)
	if err != nil {
		return nil, nil, err
	}
	dir, err := work.sub()
	var tree *Tree
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
func (b *Builder) unpackContext(ctx context.Context, f *os.File, dir string) (*Tree, []byte, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	if !isArchive(f) {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, nil, err
		}
		text, err := readRegular(f, maxText)
		return nil, text, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, nil, err
	}
	// Owners mean nothing in a context, and may not exist here.
	if _, err := b.unpack(ctx, f, dir, &archive.TarOptions{NoLchown: true}); err != nil {
		return nil, nil, fmt.Errorf("unpack the build context: %w", err)
	}
	tree, err := openTree(dir)
	return tree, nil, err
}

// ReadFile reads a small file of a context, such as its Dockerfile; a link that leads out of the context is an error (CVE-2026-44517).
func (t *Tree) ReadFile(name string) ([]byte, error) {
	f, err := t.openBeneath(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readRegular(f, maxText)
}

func openContext(dir string) (*Tree, error) {
	root, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.ENOTDIR) {
		return nil, fmt.Errorf("the build context %q is not a directory", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open the build context: %w", err)
	}
	return &Tree{Root: root, foreign: true}, nil
}
