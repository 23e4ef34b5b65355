package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"golang.org/x/sys/unix"
)

// walker fills a listing.
type walker struct {
	ctx     context.Context
	listing *Listing
	exclude *patternmatcher.PatternMatcher // nil: nothing
	include *patternmatcher.PatternMatcher // nil: everything
	pattern string                         // that of include
}

// matches is what the patterns say of a directory, for what is in it.
type matches struct {
	ignored, excluded, included patternmatcher.MatchInfo
}

func newWalker(ctx context.Context, l *Listing, exclude []string, include string) (*walker, error) {
	w := &walker{ctx: ctx, listing: l, pattern: include}
	var err error
	if len(exclude) > 0 {
		if w.exclude, err = patternmatcher.New(exclude); err != nil {
			return nil, fmt.Errorf("--exclude: %w", err)
		}
	}
	if include != "" {
		if strings.HasPrefix(include, "!") {
			include = `\` + include // a name, no exception
		}
		if w.include, err = patternmatcher.New([]string{include}); err != nil {
			return nil, fmt.Errorf("the pattern %q: %w", include, err)
		}
	}
	return w, nil
}

// directory lists the directory rel. waiting are directories above that are not themselves wanted, which come into the listing with the first
// file in them that is.
func (w *walker) directory(rel string, above matches, waiting []entry) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	dir, err := w.listing.open(rel, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		e := entry{rel: path.Join(rel, name)}
		err := unix.Fstatat(int(dir.Fd()), name, &e.stat, unix.AT_SYMLINK_NOFOLLOW)
		if errors.Is(err, unix.ENOENT) {
			continue // gone since
		}
		if err == nil && e.kind() == unix.S_IFLNK {
			e.link, err = readlinkat(dir, name)
		}
		if err == nil {
			waiting, err = w.add(e, above, waiting)
		}
		if err != nil {
			return &os.PathError{Op: "copy", Path: path.Join(w.listing.name, e.rel), Err: err}
		}
	}
	return nil
}

// add takes an entry into the listing unless it is not wanted, and gives the directories that still wait.
func (w *walker) add(e entry, above matches, waiting []entry) ([]entry, error) {
	var here matches
	var err error
	match := func(m *patternmatcher.PatternMatcher, name string, above patternmatcher.MatchInfo, info *patternmatcher.MatchInfo) bool {
		if m == nil || err != nil {
			return false
		}
		var matched bool
		matched, *info, err = m.MatchesUsingParentResults(name, above)
		return matched
	}
	ignored := match(w.listing.tree.matcher, path.Join(w.listing.name, e.rel), above.ignored, &here.ignored)
	excluded := match(w.exclude, e.rel, above.excluded, &here.excluded)
	included := w.include == nil || match(w.include, e.rel, above.included, &here.included)
	if err != nil {
		return nil, err
	}
	isDir := e.kind() == unix.S_IFDIR
	switch {
	case included && !ignored && !excluded:
		w.listing.entries = append(append(w.listing.entries, waiting...), e)
		waiting = nil
		if isDir {
			return nil, w.directory(e.rel, here, nil)
		}
	case isDir && (included || leads(w.pattern, e.rel)) && (!ignored || w.listing.tree.matcher.Exclusions()) && (!excluded || w.exclude.Exclusions()):
		e.onTheWay = !included || excluded
		before := len(w.listing.entries)
		if err := w.directory(e.rel, here, append(slices.Clone(waiting), e)); err != nil {
			return nil, err
		}
		if len(w.listing.entries) > before {
			waiting = nil
		}
	}
	return waiting, nil
}

func readlinkat(dir *os.File, name string) (string, error) {
	buffer := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(dir.Fd()), name, buffer)
	if err != nil {
		return "", err
	}
	return string(buffer[:n]), nil
}
