package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"sync"

	"github.com/moby/patternmatcher"
	"golang.org/x/sys/unix"
)

// listing is one source of a COPY: a file, or a directory with all that is in it and is not hidden.
type listing struct {
	tree    *Tree
	name    string   // in the tree
	fetched bool     // from an address
	kept    bool     // by its tree, until that is closed
	base    *os.File // O_PATH, of what name leads to
	entries []entry  // parents before what is in them; the first one is the source itself
}

// entry is a file of a listing.
type entry struct {
	rel  string // from the listing's base; "" is the base itself
	stat unix.Stat_t
	link string   // where a symbolic link leads
	sum  [32]byte // of a regular file's content
}

func (e entry) kind() uint32 { return e.stat.Mode & unix.S_IFMT }

// listings are the directories of a context by what was asked for, so that steps and jobs which copy the same read it once, and see the same.
type listings struct {
	mu    sync.Mutex
	known map[string]*knownListing
}

// knownListing is looked for by whoever has its lock first.
type knownListing struct {
	mu      sync.Mutex
	listing *listing // nil: not found yet
}

func (l *listings) close() {
	if l == nil {
		return
	}
	for _, known := range l.known {
		if known.listing != nil {
			known.listing.base.Close()
		}
	}
}

// list finds all that is copied for the source called name, with its content's digests. exclude are further patterns of what is not.
func (t *Tree) list(ctx context.Context, name string, exclude []string) (*listing, error) {
	if info, err := t.stat(name); t.listings == nil || err != nil || !info.IsDir() {
		return t.look(ctx, name, exclude)
	}
	key := fmt.Sprintf("%q", append([]string{name}, exclude...))
	t.listings.mu.Lock()
	known := t.listings.known[key]
	if known == nil {
		if t.listings.known == nil {
			t.listings.known = map[string]*knownListing{}
		}
		known = &knownListing{}
		t.listings.known[key] = known
	}
	t.listings.mu.Unlock()
	known.mu.Lock()
	defer known.mu.Unlock()
	if known.listing == nil {
		l, err := t.look(ctx, name, exclude)
		if err != nil {
			return nil, err
		}
		l.kept, known.listing = true, l
	}
	return known.listing, nil
}

// look is list for what is not known.
func (t *Tree) look(ctx context.Context, name string, exclude []string) (*listing, error) {
	l, err := t.walk(ctx, name, exclude)
	if err != nil {
		return nil, err
	}
	if err := l.digest(ctx); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// walk is list without the digests.
func (t *Tree) walk(ctx context.Context, name string, exclude []string) (*listing, error) {
	base, err := inRoot(t.Root, name, unix.O_PATH)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, t.notThere(name)
	}
	if err != nil {
		return nil, err
	}
	l := &listing{tree: t, name: name, base: base}
	first := entry{}
	if err := unix.Fstat(int(base.Fd()), &first.stat); err != nil {
		l.close()
		return nil, err
	}
	l.entries = []entry{first}
	w := &walker{ctx: ctx, listing: l}
	if len(exclude) > 0 {
		if w.exclude, err = patternmatcher.New(exclude); err != nil {
			l.close()
			return nil, fmt.Errorf("--exclude: %w", err)
		}
	}
	if first.kind() == unix.S_IFDIR {
		var ignored patternmatcher.MatchInfo
		if ignored, err = t.matchInfo(name); err == nil {
			err = w.directory("", ignored, patternmatcher.MatchInfo{}, nil)
		}
	} else if w.exclude != nil {
		var hidden bool
		if hidden, err = w.exclude.MatchesOrParentMatches(path.Base(name)); hidden {
			l.entries = nil
		}
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *listing) close() {
	if !l.kept {
		l.base.Close()
	}
}

// isDir says that the source is a directory.
func (l *listing) isDir() bool { return len(l.entries) > 0 && l.entries[0].kind() == unix.S_IFDIR }

// open opens an entry for reading, through no link.
func (l *listing) open(rel string, flags int) (*os.File, error) {
	flags |= unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	if rel == "" {
		return os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", l.base.Fd()), flags, 0)
	}
	return openat2(l.base, rel, throughNoLink(flags))
}

func throughNoLink(flags int) *unix.OpenHow {
	return &unix.OpenHow{Flags: uint64(flags | unix.O_NOFOLLOW), Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
}

// openRaw is open for a descriptor, which the caller closes.
func (l *listing) openRaw(rel string, flags int) (int, error) {
	flags |= unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	if rel == "" {
		return unix.Open(fmt.Sprintf("/proc/self/fd/%d", l.base.Fd()), flags, 0)
	}
	return openRaw(int(l.base.Fd()), rel, throughNoLink(flags))
}

// walker fills a listing.
type walker struct {
	ctx     context.Context
	listing *listing
	exclude *patternmatcher.PatternMatcher
}

// directory lists the directory rel. waiting are hidden directories above, which come into the listing with the first file in
// them that is not hidden.
func (w *walker) directory(rel string, ignored, excluded patternmatcher.MatchInfo, waiting []entry) error {
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
			waiting, err = w.add(e, ignored, excluded, waiting)
		}
		if err != nil {
			return &os.PathError{Op: "copy", Path: path.Join(w.listing.name, e.rel), Err: err}
		}
	}
	return nil
}

// add takes an entry into the listing unless it is hidden, and gives the directories that still wait.
func (w *walker) add(e entry, ignoredParent, excludedParent patternmatcher.MatchInfo, waiting []entry) ([]entry, error) {
	hidden, ignored, err := hides(w.listing.tree.matcher, path.Join(w.listing.name, e.rel), ignoredParent)
	if err != nil {
		return nil, err
	}
	also, excluded, err := hides(w.exclude, e.rel, excludedParent)
	if err != nil {
		return nil, err
	}
	isDir := e.kind() == unix.S_IFDIR
	switch {
	case !hidden && !also:
		w.listing.entries = append(append(w.listing.entries, waiting...), e)
		waiting = nil
		if isDir {
			return nil, w.directory(e.rel, ignored, excluded, nil)
		}
	case isDir && !also && w.listing.tree.matcher.Exclusions(), isDir && also && w.exclude.Exclusions():
		before := len(w.listing.entries)
		if err := w.directory(e.rel, ignored, excluded, append(slices.Clone(waiting), e)); err != nil {
			return nil, err
		}
		if len(w.listing.entries) > before {
			waiting = nil
		}
	}
	return waiting, nil
}

func hides(m *patternmatcher.PatternMatcher, name string, parent patternmatcher.MatchInfo) (bool, patternmatcher.MatchInfo, error) {
	if m == nil {
		return false, parent, nil
	}
	return m.MatchesUsingParentResults(name, parent)
}

func readlinkat(dir *os.File, name string) (string, error) {
	buffer := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(dir.Fd()), name, buffer)
	if err != nil {
		return "", err
	}
	return string(buffer[:n]), nil
}

// readers is how many files are read at a time: reading waits for the disk more than for the processor.
const readers = 4

// digest reads the content of all regular files that the stat cache does not know.
func (l *listing) digest(ctx context.Context) error {
	var unknown []*entry
	for i := range l.entries {
		e := &l.entries[i]
		if e.kind() != unix.S_IFREG {
			continue
		}
		if sum, ok := l.tree.stats.get(path.Join(l.name, e.rel), e.stat); ok {
			e.sum = sum
			continue
		}
		unknown = append(unknown, e)
	}
	work := make(chan *entry)
	errs := make([]error, min(readers, len(unknown)))
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			buffer := make([]byte, 256<<10)
			for e := range work {
				if errs[i] == nil {
					errs[i] = l.digestFile(e, buffer)
				}
			}
		})
	}
	for _, e := range unknown {
		if ctx.Err() != nil {
			break
		}
		work <- e
	}
	close(work)
	all.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

func (l *listing) digestFile(e *entry, buffer []byte) error {
	fd, err := l.openRaw(e.rel, unix.O_RDONLY)
	if err != nil {
		return &os.PathError{Op: "read", Path: path.Join(l.name, e.rel), Err: err}
	}
	defer unix.Close(fd)
	hash := sha256.New()
	if err := readRaw(fd, buffer, func(b []byte) error { hash.Write(b); return nil }); err != nil {
		return &os.PathError{Op: "read", Path: path.Join(l.name, e.rel), Err: err}
	}
	var after unix.Stat_t
	if err := unix.Fstat(fd, &after); err != nil {
		return err
	}
	if !sameFile(after, e.stat) {
		return fmt.Errorf("%s changes while it is read", path.Join(l.name, e.rel))
	}
	hash.Sum(e.sum[:0])
	l.tree.stats.put(path.Join(l.name, e.rel), e.stat, e.sum)
	return nil
}

// sameFile reports whether nothing has been written to a file between two looks.
func sameFile(a, b unix.Stat_t) bool {
	return a.Ino == b.Ino && a.Dev == b.Dev && a.Size == b.Size && a.Mtim == b.Mtim && a.Ctim == b.Ctim && a.Mode == b.Mode
}

// content is a digest of all that is copied of a listing; times are not in it.
func (l *listing) content() (string, error) {
	hash := sha256.New()
	for _, e := range l.entries {
		fmt.Fprintf(hash, "%q %o ", e.rel, e.stat.Mode)
		if !l.tree.foreign {
			fmt.Fprintf(hash, "%d:%d ", e.stat.Uid, e.stat.Gid)
			attributes, err := l.attributes(e)
			if err != nil {
				return "", err
			}
			for _, a := range attributes {
				fmt.Fprintf(hash, "%q=%q ", a.name, a.value)
			}
		}
		switch e.kind() {
		case unix.S_IFREG:
			fmt.Fprintf(hash, "%d %x", e.stat.Size, e.sum)
		case unix.S_IFLNK:
			fmt.Fprintf(hash, "%q", e.link)
		case unix.S_IFCHR, unix.S_IFBLK:
			fmt.Fprintf(hash, "%d", e.stat.Rdev)
		}
		hash.Write([]byte{'\n'})
	}
	// What a file is called matters where it is put into a directory.
	if !l.isDir() {
		fmt.Fprintf(hash, "%q", path.Base(l.name))
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
