package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"sync"

	"golang.org/x/sys/unix"
)

// Listing is one source of a COPY: a file, or a directory with all that is in it and is not hidden.
type Listing struct {
	tree    *Tree
	name    string   // in the tree
	kept    bool     // by its tree, until that is closed
	base    *os.File // O_PATH, of what name leads to
	read    bool     // contents were
	entries []entry  // parents before what is in them; the first one is the source itself
}

// entry is a file of a listing.
type entry struct {
	rel  string // from the listing's base; "" is the base itself
	stat unix.Stat_t
	link string   // where a symbolic link leads
	sum  [32]byte // of a regular file's content
	// onTheWay says that the directory is itself not wanted, but something in it.
	onTheWay bool
	// attributed says that the regular file, whose content was read, has extended attributes that are kept.
	attributed bool
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
	listing *Listing // nil: not found yet
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

// List finds all that is copied for the source called name, with its content's digests. exclude are further patterns of what is not.
func (t *Tree) List(ctx context.Context, name string, exclude []string) (*Listing, error) {
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

// look is List for what is not known.
func (t *Tree) look(ctx context.Context, name string, exclude []string) (*Listing, error) {
	if t.leavesOut(ctx, name) {
		return nil, t.notThere(name)
	}
	l, err := t.Walk(ctx, name, exclude, "")
	if err != nil {
		return nil, err
	}
	if err := l.digest(ctx); err != nil {
		l.Close()
		return nil, err
	}
	l.read = true
	return l, nil
}

// Walk is List without the digests. Of a directory, include is the pattern of what is wanted in it: "" is all.
func (t *Tree) Walk(ctx context.Context, name string, exclude []string, include string) (*Listing, error) {
	base, err := InRoot(t.Root, name, unix.O_PATH)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, t.notThere(name)
	}
	if err != nil {
		return nil, err
	}
	l := &Listing{tree: t, name: name, base: base}
	if err := l.fill(ctx, exclude, include); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// fill finds the entries.
func (l *Listing) fill(ctx context.Context, exclude []string, include string) error {
	first := entry{}
	if err := unix.Fstat(int(l.base.Fd()), &first.stat); err != nil {
		return err
	}
	l.entries = []entry{first}
	w, err := newWalker(ctx, l, exclude, include)
	switch {
	case err != nil:
		return err
	case first.kind() == unix.S_IFDIR:
		var from matches
		if from.ignored, err = l.tree.matchInfo(l.name); err != nil {
			return err
		}
		return w.directory("", from, nil)
	case w.exclude != nil:
		hidden, err := w.exclude.MatchesOrParentMatches(path.Base(l.name))
		if hidden {
			l.entries = nil
		}
		return err
	}
	return nil
}

// Close gives the listing back. Entries that were read stay known to a tree that remembers.
func (l *Listing) Close() {
	if !l.kept {
		l.base.Close()
	}
}

// Files are the regular files, by their names below the source, with the SHA-256 of their content.
func (l *Listing) Files() iter.Seq2[string, [32]byte] {
	return func(yield func(string, [32]byte) bool) {
		for _, e := range l.entries {
			if e.kind() == unix.S_IFREG && !yield(e.rel, e.sum) {
				return
			}
		}
	}
}

// Mode are the permissions of the source itself.
func (l *Listing) Mode() uint32 {
	if len(l.entries) == 0 {
		return 0
	}
	return l.entries[0].stat.Mode & 0o7777
}

// Name is what the source is called, without directories.
func (l *Listing) Name() string { return path.Base(l.name) }

// IsDir says that the source is a directory.
func (l *Listing) IsDir() bool { return len(l.entries) > 0 && l.entries[0].kind() == unix.S_IFDIR }

// open opens an entry for reading, through no link.
func (l *Listing) open(rel string, flags int) (*os.File, error) {
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
func (l *Listing) openRaw(rel string, flags int) (int, error) {
	flags |= unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	if rel == "" {
		return unix.Open(fmt.Sprintf("/proc/self/fd/%d", l.base.Fd()), flags, 0)
	}
	return openRaw(int(l.base.Fd()), rel, throughNoLink(flags))
}

// readers is how many files are read at a time: reading waits for the disk more than for the processor.
const readers = 4

// digest reads the content of all regular files that the stat cache does not know.
func (l *Listing) digest(ctx context.Context) error {
	var unknown []*entry
	for i := range l.entries {
		e := &l.entries[i]
		if e.kind() != unix.S_IFREG {
			continue
		}
		if known, ok := l.tree.stats.get(path.Join(l.name, e.rel), e.stat); ok {
			e.sum, e.attributed = known.sum, known.attributed
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
					errs[i] = l.digestFile(ctx, e, buffer)
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

func (l *Listing) digestFile(ctx context.Context, e *entry, buffer []byte) error {
	fd, err := l.openRaw(e.rel, unix.O_RDONLY)
	if err != nil {
		return &os.PathError{Op: "read", Path: path.Join(l.name, e.rel), Err: err}
	}
	defer unix.Close(fd)
	hash := sha256.New()
	if err := readRaw(ctx, fd, buffer, func(b []byte) error { hash.Write(b); return nil }); err != nil {
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
	names, err := attributeNames(fd)
	if err != nil {
		return &os.PathError{Op: "read the attributes of", Path: path.Join(l.name, e.rel), Err: err}
	}
	e.attributed = len(names) > 0
	l.tree.stats.put(path.Join(l.name, e.rel), *e)
	return nil
}

// sameFile reports whether nothing has been written to a file between two looks.
func sameFile(a, b unix.Stat_t) bool {
	return a.Ino == b.Ino && a.Dev == b.Dev && a.Size == b.Size && a.Mtim == b.Mtim && a.Ctim == b.Ctim && a.Mode == b.Mode
}

// Content is a digest of all that is copied of a listing; times are not in it, nor what a directory that is the source says of itself, which
// its copy does not get.
func (l *Listing) Content() (string, error) {
	hash, links := sha256.New(), links{}
	for i, e := range l.entries {
		switch {
		case e.kind() == unix.S_IFSOCK:
			continue // see placeFile
		case i == 0 && l.IsDir():
			fmt.Fprintln(hash, "directory")
			continue
		}
		if err := l.describe(hash, e, links); err != nil {
			return "", err
		}
	}
	// What a file is called matters where it is put into a directory.
	if !l.IsDir() {
		fmt.Fprintf(hash, "%q", path.Base(l.name))
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// describe writes what makes a copy of an entry what it is.
func (l *Listing) describe(hash io.Writer, e entry, links links) error {
	fmt.Fprintf(hash, "%q %o ", e.rel, e.stat.Mode)
	if !l.tree.Foreign {
		fmt.Fprintf(hash, "%d:%d ", e.stat.Uid, e.stat.Gid)
	}
	attributes, err := l.attributes(e)
	if err != nil {
		return err
	}
	for _, a := range attributes {
		fmt.Fprintf(hash, "%q=%q ", a.name, a.value)
	}
	switch e.kind() {
	case unix.S_IFREG:
		fmt.Fprintf(hash, "%d %x", e.stat.Size, e.sum)
		if first, ok := links.first(e); ok {
			fmt.Fprintf(hash, " %q", first)
		}
	case unix.S_IFLNK:
		fmt.Fprintf(hash, "%q", e.link)
	case unix.S_IFCHR, unix.S_IFBLK:
		fmt.Fprintf(hash, "%d", e.stat.Rdev)
	}
	fmt.Fprintln(hash)
	return nil
}

// links are the regular files with further names, by the first of their names that was met. A tree may lie on several file systems.
type links map[[2]uint64]string

// first is the name under which the file of an entry was met before.
func (l links) first(e entry) (name string, ok bool) {
	if e.stat.Nlink < 2 {
		return "", false
	}
	file := [2]uint64{e.stat.Dev, e.stat.Ino}
	if name, ok = l[file]; !ok {
		l[file] = e.rel
	}
	return name, ok
}
