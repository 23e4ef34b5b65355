package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// Ignores says that an ignore file leaves something out.
func (t *Tree) Ignores() bool { return t.matcher != nil }

// Ignoring gives the tree as an ignore file leaves it: the first of these that is there, a path relative to the tree, which is not followed out of it,
// or an absolute one. It shares the root and the digests with the whole tree, and remembers listings of its own.
func (t *Tree) Ignoring(names []string) (*Tree, error) {
	without := *t
	without.listings = &listings{}
	for _, name := range names {
		found, err := without.readIgnore(name)
		if err != nil {
			return nil, fmt.Errorf("read the ignore file %s: %w", name, err)
		}
		if found {
			break
		}
	}
	return &without, nil
}

// maxIgnore bounds an ignore file, in bytes. Of a larger one nothing is read: what the rest leaves out may be secret.
const maxIgnore = 1 << 20

func (t *Tree) readIgnore(name string) (bool, error) {
	read := t.ReadFile
	if filepath.IsAbs(name) {
		read = ReadFile
	}
	text, err := read(name, maxIgnore)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if t.Ignore, err = ignorefile.ReadAll(bytes.NewReader(text)); err != nil {
		return false, err
	}
	if len(t.Ignore) > 0 {
		t.matcher, err = patternmatcher.New(t.Ignore)
	}
	return true, err
}

// hides reports whether the ignore file leaves this path out.
func (t *Tree) hides(name string) bool {
	if t.matcher == nil || name == "" {
		return false
	}
	hidden, err := t.matcher.MatchesOrParentMatches(name)
	return err == nil && hidden
}

// leavesOut reports whether the ignore file leaves out this path and all that is below it.
func (t *Tree) leavesOut(ctx context.Context, name string) bool {
	if !t.hides(name) {
		return false
	}
	if info, err := t.stat(name); err != nil || !info.IsDir() || !t.matcher.Exclusions() {
		return true
	}
	l, err := t.Walk(ctx, name, nil, "")
	if err != nil {
		return false // whoever copies it says why
	}
	defer l.Close()
	return len(l.entries) < 2
}

// matchInfo is what the ignore file says of the directory name, for what is in it.
func (t *Tree) matchInfo(name string) (info patternmatcher.MatchInfo, err error) {
	if t.matcher == nil || name == "" {
		return info, nil
	}
	for i, c := range name + "/" {
		if c == '/' && err == nil {
			_, info, err = t.matcher.MatchesUsingParentResults(name[:i], info)
		}
	}
	return info, err
}
