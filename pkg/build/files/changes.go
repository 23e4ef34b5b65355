package files

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

// touched gives the paths that upper directories of overlay speak of, each once, parents first.
func touched(dirs []string) ([]string, error) {
	seen := map[string]bool{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if rel, _ := filepath.Rel(dir, path); err == nil && rel != "." {
				seen[rel] = true
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	paths := make([]string, 0, len(seen))
	for path := range seen {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths, nil
}

// change is a path whose file is other than before, or gone.
type change struct {
	entry
	deleted bool
}

// changesOf says what became of the paths, and of what was below them.
func changesOf(paths []string, before, after *os.File) ([]change, error) {
	changes := map[string]change{}
	for _, path := range paths {
		now, err := entryAt(after, path)
		if err != nil {
			return nil, err
		}
		was, err := entryAt(before, path)
		if err != nil {
			return nil, err
		}
		switch {
		case now == nil && was == nil:
		case now == nil:
			changes[path] = change{entry{rel: path}, true}
		default:
			changes[path] = change{*now, false}
			if was == nil || was.kind() != unix.S_IFDIR || now.kind() != unix.S_IFDIR {
				continue
			}
			lost, err := missing(before, after, path)
			if err != nil {
				return nil, err
			}
			for _, name := range lost {
				changes[name] = change{entry{rel: name}, true}
			}
		}
	}
	var out []change
	for _, path := range slices.Sorted(maps.Keys(changes)) {
		// What was in a directory that is gone, or is no directory now, is gone with it.
		if parent, ok := changes[filepath.Dir(path)]; ok && (parent.deleted || parent.kind() != unix.S_IFDIR) {
			continue
		}
		out = append(out, changes[path])
	}
	return out, nil
}

// entryAt is the file at a path, through no link; nil: there is none.
func entryAt(root *os.File, path string) (*entry, error) {
	f, err := openat2(root, path, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return nil, nil
	case err != nil:
		return nil, err
	}
	defer f.Close()
	e := &entry{rel: path}
	if err = unix.Fstat(int(f.Fd()), &e.stat); err == nil && e.kind() == unix.S_IFLNK {
		e.link, err = readlinkat(f, "")
	}
	return e, err
}

// missing gives what a directory has lost: all of an opaque one that was not made again.
func missing(before, after *os.File, path string) ([]string, error) {
	dir, err := openat2(before, path, &unix.OpenHow{
		Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var lost []string
	for _, name := range names {
		rel := filepath.Join(path, name)
		e, err := entryAt(after, rel)
		if err != nil {
			return nil, err
		}
		if e == nil {
			lost = append(lost, rel)
		}
	}
	return lost, nil
}

// WriteChanges writes what is different in the tree after from the tree before as a layer (image-spec, layer.md); dirs are the upper directories of overlay,
// newest first, that lie between the two. The same changes give the same bytes.
func WriteChanges(ctx context.Context, w io.Writer, before, after *os.File, dirs []string) error {
	paths, err := touched(dirs)
	if err != nil {
		return err
	}
	changes, err := changesOf(paths, before, after)
	if err != nil {
		return err
	}
	l := &Listing{tree: &Tree{Root: after}, base: after}
	out := tar.NewWriter(w)
	links := links{}
	for _, c := range changes {
		err := ctx.Err()
		switch {
		case err != nil:
		case c.deleted:
			dir, name := filepath.Split(c.rel)
			err = out.WriteHeader(&tar.Header{Name: dir + archive.WhiteoutPrefix + name, Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0).UTC()})
		default:
			err = l.archive(out, c.entry, links)
		}
		if err != nil {
			return err
		}
	}
	return out.Close()
}
