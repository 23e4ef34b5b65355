package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/pod-engine/pod/pkg/build/files"
)

// Fetched is what a server said of a file.
type Fetched struct {
	Modified time.Time // zero: it did not say
	Digest   digest.Digest
}

// fetch brings what an address means into the directory dir, which exists and is empty, and gives it as a tree and the source in it:
// the file's name, or nothing for a tree of git's.
func (b *Builder) fetch(ctx context.Context, a address, checksum, dir string) (*Context, string, error) {
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, "", err
	}
	if a.git {
		tree, err := b.fetchGit(ctx, a, checksum, dir)
		if err != nil {
			err = fmt.Errorf("fetch %s: %w", a.shown, err)
		}
		return tree, "", err
	}
	name := a.fileName()
	file := filepath.Join(dir, name)
	got, err := b.Fetch(ctx, a.url, file)
	if err != nil {
		return nil, "", fmt.Errorf("fetch %s: %w", a.shown, err)
	}
	if checksum != "" && got.Digest.String() != checksum {
		return nil, "", fmt.Errorf("fetch %s: its digest is %s, not %s", a.shown, got.Digest, checksum)
	}
	modified := got.Modified
	if modified.IsZero() {
		modified = time.Unix(0, 0) // the same at each fetch
	}
	if err := errors.Join(os.Chmod(file, 0o600), os.Chtimes(file, modified, modified)); err != nil {
		return nil, "", err
	}
	tree, err := files.Open(dir)
	if err != nil {
		return nil, "", err
	}
	return &Context{Tree: tree, Origin: a.origin(got.Digest.String())}, name, nil
}
