package files

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
)

// pivot cuts a word of COPY --parents at "/./": what is before is not kept below the destination, what is after is a pattern of what is
// copied from there, in which "**" stands for any number of directories.
func pivot(word string) (base, pattern string) {
	base, pattern, found := strings.Cut(word, "/./")
	if !found {
		base, pattern = "", word
	}
	return base, strings.TrimPrefix(path.Clean("/"+pattern), "/")
}

// ListParents finds all that a word of COPY --parents names, with the directories that lead to it. What it found before an error the caller
// closes as well.
func (t *Tree) ListParents(ctx context.Context, word string, exclude []string) ([]*Listing, error) {
	base, pattern := pivot(word)
	bases, err := t.Sources(ctx, base)
	if err != nil {
		return nil, err
	}
	var out []*Listing
	for _, name := range bases {
		l, err := t.Walk(ctx, name, exclude, pattern)
		if err != nil {
			return out, err
		}
		out = append(out, l)
		if !strings.ContainsAny(word, `*?[\`) && !l.has(pattern) {
			if err := t.missed(ctx, path.Join(name, pattern)); err != nil {
				return out, err
			}
		}
		if !l.IsDir() {
			l.entries = nil // a pattern before the pivot has matched a file
		}
		if err := l.digest(ctx); err != nil {
			return out, err
		}
	}
	return out, nil
}

// has reports whether rel is in the listing.
func (l *Listing) has(rel string) bool {
	return slices.ContainsFunc(l.entries, func(e entry) bool { return e.rel == rel })
}

// missed says why the file name, which is no pattern, is not in a listing, unless --exclude says so.
func (t *Tree) missed(ctx context.Context, name string) error {
	if _, err := t.stat(name); err != nil || t.leavesOut(ctx, name) {
		return t.notThere(name)
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if to, ok := t.linkTo(dir); ok {
			return fmt.Errorf("%q is a link to %q, and --parents keeps directories; name where the link leads instead", dir, to)
		}
	}
	return nil
}

// leads reports whether something in the directory rel may match a pattern: up to the first "*" of it only one way does.
func leads(pattern, rel string) bool {
	for pattern != "" {
		var want, have string
		want, pattern, _ = strings.Cut(pattern, "/")
		have, rel, _ = strings.Cut(rel, "/")
		if have == "" || wild(want) || strings.Contains(want, `\`) {
			return true
		}
		if want != have {
			return false
		}
	}
	return true
}
