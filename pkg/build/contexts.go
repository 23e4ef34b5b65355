package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

// ContextAt fetches a context: a tree by git, an archive by HTTP, or by HTTP a Dockerfile alone, which is then the text.
func (b *Builder) ContextAt(ctx context.Context, word string) (t *Tree, text []byte, err error) {
	a, err := parseAddress(word)
	if err != nil {
		return nil, nil, fmt.Errorf("the build context: %w", err)
	}
	return b.inWorkspace(ctx, func(dir string) (*Tree, []byte, error) {
		tree, name, err := b.fetch(ctx, a, "", dir)
		if err != nil || a.git {
			return tree, nil, err
		}
		defer tree.Root.Close()
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return nil, nil, err
		}
		defer f.Close()
		unpacked, text, err := b.unpackContext(ctx, f, dir+".unpacked")
		if unpacked != nil {
			unpacked.Origin = tree.Origin
		}
		return unpacked, text, err
	})
}

// ContextFrom reads a context that is a tar archive, compressed or not; what is no archive is a Dockerfile, which is then the text.
func (b *Builder) ContextFrom(ctx context.Context, r io.Reader) (t *Tree, text []byte, err error) {
	return b.inWorkspace(ctx, func(dir string) (*Tree, []byte, error) {
		f, err := os.OpenFile(filepath.Join(dir, "context"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, nil, err
		}
		defer f.Close()
		if _, err := io.Copy(f, r); err != nil {
			return nil, nil, fmt.Errorf("read the build context: %w", err)
		}
		return b.unpackContext(ctx, f, dir+".unpacked")
	})
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

// UseIgnoreFile takes the first of the ignore files that is there: a path relative to the context, which is not followed out of it, or an
// absolute one.
func (t *Tree) UseIgnoreFile(names []string) error {
	for _, name := range names {
		found, err := t.readIgnore(name)
		if err != nil {
			return fmt.Errorf("read the ignore file %s: %w", name, err)
		}
		if found {
			return nil
		}
	}
	return nil
}

// OpenContext opens the directory dir as a context.
func OpenContext(dir string) (*Tree, error) {
	root, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.ENOTDIR) {
		return nil, fmt.Errorf("the build context %q is not a directory", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open the build context: %w", err)
	}
	return &Tree{Root: root, foreign: true}, nil
}
