// Package files finds the files that a step of a build copies (Tree, Listing), says by a digest what they hold, and puts them into a tree (Placer), an archive
// or a directory.
//
// Contexts and images are by strangers: a path in a tree is resolved as a process in it would see it, links never lead out, and what was found is acted on
// by descriptor.
package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"golang.org/x/sys/unix"
)

// Tree is a directory that files are copied from: a context, or the files of a stage. Nothing in it leads out of it: links,
// absolute ones too, stay inside.
type Tree struct {
	Root *os.File
	// Ignore are the patterns of the ignore file, cleaned; what they match is not there.
	Ignore []string
	// Foreign says that owners of the files mean nothing in an image, as those of a context, and that attributes are taken as far as they can be.
	Foreign bool
	matcher *patternmatcher.PatternMatcher // nil: nothing is ignored
	stats   *statCache                     // nil: contents are read each time
	// listings are directories as they were found first; nil: they are looked at each time.
	listings *listings
}

// Open opens the directory dir as a foreign tree.
func Open(dir string) (*Tree, error) {
	root, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &Tree{Root: root, Foreign: true}, nil
}

// Beneath is a directory of the tree as a tree of its own. A link that leads out of the whole one is an error.
func (t *Tree) Beneath(name string) (*Tree, error) {
	root, err := openat2(t.Root, name, &unix.OpenHow{
		Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, err
	}
	return &Tree{Root: root, Foreign: t.Foreign}, nil
}

// RememberDigests has the tree know the digests of its files from the file at path, which Close writes anew. A file that has changed is read again.
func (t *Tree) RememberDigests(path string) { t.stats = openStats(path) }

// RememberListings has the tree look at each directory once; what was found first is what is there until Close.
func (t *Tree) RememberListings() { t.listings = &listings{} }

// openBeneath opens a file of the tree for reading; a link that leads out of the tree is an error (CVE-2022-4122).
func (t *Tree) openBeneath(name string) (*os.File, error) {
	how := unix.OpenHow{Flags: unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
	f, err := openat2(t.Root, strings.TrimLeft(name, "/"), &how) // as BuildKit: a path begins at the root of the tree
	if errors.Is(err, unix.EXDEV) {
		err = errors.New("it is a link that leads out of the build context")
	}
	return f, err
}

// ReadRegular reads the rest of a file that must be a regular one and have at most limit bytes left.
func ReadRegular(f *os.File, limit int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("it has more than the %d bytes that are read", limit)
	}
	return text, err
}

// openat2 opens name below dir.
func openat2(dir *os.File, name string, how *unix.OpenHow) (*os.File, error) {
	fd, err := openRaw(int(dir.Fd()), name, how)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// openRaw is openat2 without what an os.File costs, which is felt with thousands of them.
func openRaw(dir int, name string, how *unix.OpenHow) (int, error) {
	for {
		fd, err := unix.Openat2(dir, name, how)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue // a rename elsewhere raced the resolution (openat2(2))
		}
		return fd, err
	}
}

// OpenUnlinked opens a file below root through no link at all.
func OpenUnlinked(root *os.File, name string, flags int) (*os.File, error) {
	return openat2(root, name, throughNoLink(flags|unix.O_CLOEXEC))
}

// InRoot opens name with links resolved as a process in the tree would see them; flags are of open(2).
func InRoot(root *os.File, name string, flags int) (*os.File, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	return openat2(root, "/"+name, &how)
}

// Sources gives the paths below the tree's root that a word of COPY names: "a/*.go" or "a". They are relative and clean. That a pattern matches
// nothing is no mistake: "yarn.lock*" is how Dockerfiles name what may be there. That the directory before it does not exist is one.
func (t *Tree) Sources(ctx context.Context, word string) ([]string, error) {
	clean := strings.TrimPrefix(path.Clean("/"+word), "/")
	if !wild(clean) {
		if t.leavesOut(ctx, clean) {
			return nil, t.notThere(clean)
		}
		return []string{clean}, nil
	}
	if dir := fixed(clean); dir != "" {
		if _, err := t.stat(dir); err != nil || t.leavesOut(ctx, dir) {
			return nil, t.notThere(dir)
		}
	}
	if _, err := path.Match(clean, ""); err != nil {
		return nil, fmt.Errorf("the pattern %q: %w", word, err)
	}
	names := []string{""}
	for part := range strings.SplitSeq(clean, "/") {
		var next []string
		for _, dir := range names {
			matches, err := t.match(dir, part)
			if err != nil {
				return nil, err
			}
			next = append(next, matches...)
		}
		names = next
	}
	names = slices.DeleteFunc(names, func(n string) bool {
		_, err := t.stat(n)
		return err != nil || t.leavesOut(ctx, n)
	})
	return names, nil
}

// match gives the entries of the directory dir that match one part of a pattern.
func (t *Tree) match(dir, part string) ([]string, error) {
	if !wild(part) {
		return []string{path.Join(dir, part)}, nil
	}
	f, err := InRoot(t.Root, dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out []string
	for _, name := range names {
		if ok, _ := path.Match(part, name); ok {
			out = append(out, path.Join(dir, name))
		}
	}
	return out, nil
}

func (t *Tree) stat(name string) (os.FileInfo, error) {
	f, err := InRoot(t.Root, name, unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// wild reports whether a word is a pattern.
func wild(name string) bool {
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++ // what follows stands for itself
		case '*', '?', '[':
			return true
		}
	}
	return false
}

// fixed is what a pattern begins with before the first part that is one.
func fixed(pattern string) string {
	dir := ""
	for part := range strings.SplitSeq(pattern, "/") {
		if wild(part) {
			break
		}
		dir = path.Join(dir, part)
	}
	return dir
}

// notThere says that a source does not exist, and what else is there that has nearly its name.
func (t *Tree) notThere(name string) error {
	if t.matcher != nil && t.hides(name) {
		if _, err := t.stat(name); err == nil {
			return fmt.Errorf("%q is left out by the ignore file", name)
		}
	}
	if to, ok := t.linkTo(name); ok {
		return fmt.Errorf("%q is a link to %q, and there is no such file in what is copied from", name, to)
	}
	return t.nearMatch(name, fmt.Errorf("there is no %q to copy", name))
}

// linkTo is where the symbolic link called name leads; false: it is none.
func (t *Tree) linkTo(name string) (string, bool) {
	dir, err := InRoot(t.Root, path.Dir(name), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return "", false
	}
	defer dir.Close()
	to, err := readlinkat(dir, path.Base(name))
	return to, err == nil
}

// Close gives the tree back. Trees that share its root are closed before it.
func (t *Tree) Close() {
	t.stats.save()
	t.CloseListings()
	t.Root.Close()
}

// CloseListings gives back what the tree remembers alone, and leaves the root to the tree that it is shared with.
func (t *Tree) CloseListings() { t.listings.close() }

// Subtree gives a detached mount of name, which a link in the tree cannot lead out of.
func (t *Tree) Subtree(name string) (*os.File, error) {
	f, err := InRoot(t.Root, filepath.Clean("/"+name), unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return cloneTree(f, name)
}

// cloneTree gives a mount, attached nowhere, of what a descriptor leads to; name is for messages.
func cloneTree(f *os.File, name string) (*os.File, error) {
	fd, err := unix.OpenTree(int(f.Fd()), "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, &os.PathError{Op: "mount", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// ReadFile reads a small file of the tree, of at most limit bytes, such as its Dockerfile; a link that leads out of the tree is an error (CVE-2026-44517).
func (t *Tree) ReadFile(name string, limit int64) ([]byte, error) {
	f, err := t.openBeneath(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadRegular(f, limit)
}

// ReadFile reads a regular file of at most limit bytes, links to it followed.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := ReadRegular(f, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}
