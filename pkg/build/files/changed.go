package files

import (
	"context"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// Changed gives the name of a file, or else a directory, that is not what it was when it was listed, or was not there; empty: there is none.
func (l *Listing) Changed(ctx context.Context) (name string) {
	now := &Listing{tree: l.tree, name: l.name, base: l.base}
	if now.fill(ctx, nil, "") != nil {
		return path.Join("/", l.name)
	}
	for i, was := range l.entries {
		if i == len(now.entries) || now.entries[i].rel != was.rel {
			return path.Join("/", l.name, was.rel)
		}
		if is := now.entries[i]; is.link != was.link || !sameFile(is.stat, was.stat) {
			name = path.Join("/", l.name, was.rel)
			if was.kind() != unix.S_IFDIR {
				return name
			}
		}
	}
	if len(now.entries) > len(l.entries) {
		return path.Join("/", l.name, now.entries[len(l.entries)].rel)
	}
	return name
}

// Ignores says that some files are left out by an ignore file.
func (l *Listing) Ignores() bool { return l.tree.Ignores() }

// Mount gives a detached mount of what was listed, whatever its name means by now.
func (l *Listing) Mount() (*os.File, error) { return cloneTree(l.base, l.name) }
