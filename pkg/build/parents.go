package build

import (
	"context"
	"errors"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// pivot is the part of a word of COPY --parents before "/./", which is not kept below the destination, as a number of names.
func pivot(word string) int {
	before, _, found := strings.Cut(word, "/./")
	before = strings.Trim(path.Clean("/"+before), "/")
	if !found || before == "" {
		return 0
	}
	return strings.Count(before, "/") + 1
}

// listParents finds all that is copied for the source called name together with the directories that lead to it, from the one that
// is cut names below the root of the tree on.
func (t *Tree) listParents(ctx context.Context, name string, cut int, exclude []string) (*listing, error) {
	source, err := t.list(ctx, name, exclude)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(name, "/")
	if name == "" || len(parts) <= cut {
		return source, nil
	}
	defer source.close()
	top := path.Join(parts[:cut]...)
	base, err := inRoot(t.Root, top, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	l := &listing{tree: t, name: top, base: base}
	for i := cut; i < len(parts) && len(source.entries) > 0; i++ {
		e := entry{rel: path.Join(parts[cut:i]...)}
		if err := l.statDirectory(&e); err != nil {
			l.close()
			return nil, &os.PathError{Op: "copy the parent", Path: path.Join(top, e.rel), Err: err}
		}
		l.entries = append(l.entries, e)
	}
	for _, e := range source.entries {
		e.rel = path.Join(path.Join(parts[cut:]...), e.rel)
		l.entries = append(l.entries, e)
	}
	return l, nil
}

// statDirectory fills in an entry that has to be a directory.
func (l *listing) statDirectory(e *entry) error {
	dir, err := l.open(e.rel, unix.O_RDONLY|unix.O_DIRECTORY)
	if errors.Is(err, unix.ELOOP) {
		return errors.New("it is a link, and --parents keeps directories; name where the link leads instead")
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Fstat(int(dir.Fd()), &e.stat)
}
