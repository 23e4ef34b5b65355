package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/hint"
	"go.podman.io/storage"
	graphdriver "go.podman.io/storage/drivers"
	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/types"
	"golang.org/x/sys/unix"
)

// Place says which store is opened.
type Place struct {
	// GraphRoot, RunRoot and Driver override storage.conf(5) and its environment variables. Empty takes what they say.
	GraphRoot, RunRoot, Driver string
	// DriverOptions replace those of storage.conf, in its words: "overlay.mountopt=nodev".
	DriverOptions []string
	// SingleID says that the user namespace has only one id: files of other owners are stored as the user's own.
	SingleID bool
}

// Options say which store is opened, and who uses its images.
type Options struct {
	Place
	// InUse gives the containers that use an image, as a person knows them. It is asked before an image is removed.
	// Nil: none.
	InUse func(ctx context.Context, imageID string) ([]string, error)
	// Mounted says where an image is mounted, which keeps it from being removed; empty: nowhere.
	Mounted func(ctx context.Context, imageID string) (string, error)
	// Unheld is told that the image is about to be held by the store's own record no more, before that is so.
	Unheld func(ctx context.Context, imageID string) error
	// RemoveContainers removes the containers that InUse named, running ones too. It is asked when a removal is forced.
	RemoveContainers func(ctx context.Context, imageID string) error
	// Kept gives the ids of layers that are needed though no image may have them: those of the cache of builds. Nil: none.
	Kept func(ctx context.Context) (map[string]bool, error)
	// Warn is told for which stopped process a change of the store waits. Nil: nobody is.
	Warn func(text string)
	// Puller fetches images for Resolve. Nil: Resolve only looks.
	Puller Puller
}

// Store is the user's images. Its methods may be called from several goroutines.
type Store struct {
	opts     Options
	storage  types.StoreOptions
	roots    []string // where images lie: the store's own root first, then additional read-only ones
	readOnly bool
	library  func() (storage.Store, error)
	// unpacking says how the driver wants layers to be unpacked; its error is errCannotMove when it takes none that others have prepared.
	unpacking func() (archive.TarOptions, error)
	pins      atomic.Uint64 // made so far by this process, for their names
	told      atomic.Int64  // of which stopped process
}

// Place is where the store is, for another process that is to open the same.
func (s *Store) Place() Place { return s.opts.Place }

// Open gives the store. It reads configuration only: no lock is taken, nothing is created, and a store that does not
// exist yet is an empty one.
func Open(ctx context.Context, opts Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conf, err := types.DefaultStoreOptions()
	if err != nil {
		return nil, fmt.Errorf("read storage.conf: %w", err)
	}
	override(&conf, opts)
	s := &Store{opts: opts, storage: conf}
	s.roots = imageRoots(conf)
	s.readOnly = errors.Is(unix.Faccessat(unix.AT_FDCWD, s.roots[0], unix.W_OK, unix.AT_EACCESS), unix.EROFS)
	s.library, s.unpacking = sync.OnceValues(s.openLibrary), sync.OnceValues(s.askUnpacking)
	return s, nil
}

func override(conf *types.StoreOptions, opts Options) {
	if opts.GraphRoot != "" {
		conf.GraphRoot = opts.GraphRoot
	}
	if opts.RunRoot != "" {
		conf.RunRoot = opts.RunRoot
	}
	// The options of storage.conf belong to its driver.
	if opts.Driver != "" && opts.Driver != conf.GraphDriverName {
		conf.GraphDriverName = opts.Driver
		conf.GraphDriverOptions = optionsOf(opts.Driver, conf.GraphDriverOptions)
	}
	if opts.DriverOptions != nil {
		conf.GraphDriverOptions = append([]string(nil), opts.DriverOptions...)
	}
	if conf.GraphDriverName == "" {
		conf.GraphDriverName = writtenBy(conf.GraphRoot)
	}
	if opts.SingleID && conf.GraphDriverName != "" {
		conf.GraphDriverOptions = append(conf.GraphDriverOptions, conf.GraphDriverName+".ignore_chown_errors=true")
	}
}

// writtenBy is the driver of which a store has files, empty when it has none. The library by itself makes a second store for
// overlay beside one of vfs, as podman writes where it finds no overlay, and after that neither opens the directory.
func writtenBy(root string) string {
	for _, driver := range []string{"overlay", "vfs"} {
		if exists(filepath.Join(root, driver+"-images")) {
			return driver
		}
	}
	return ""
}

// optionsOf keeps the options that every driver knows; overlay's own mean nothing to others.
func optionsOf(driver string, options []string) []string {
	var kept []string
	for _, o := range options {
		key, _, _ := strings.Cut(o, "=")
		if strings.HasSuffix(key, "imagestore") || strings.HasPrefix(key, driver+".") {
			kept = append(kept, o)
		}
	}
	return kept
}

// imageRoots lists the directories in which images lie, the writable one first.
func imageRoots(conf types.StoreOptions) []string {
	roots := []string{conf.GraphRoot}
	if conf.ImageStore != "" {
		roots = []string{conf.ImageStore, conf.GraphRoot}
	}
	for _, o := range conf.GraphDriverOptions {
		key, value, _ := strings.Cut(o, "=")
		switch key[strings.LastIndexByte(key, '.')+1:] {
		case "imagestore", "additionalimagestore":
			for dir := range strings.SplitSeq(value, ",") {
				if dir != "" {
					roots = append(roots, dir)
				}
			}
		}
	}
	return roots
}

// GraphRoot is the directory of the store.
func (s *Store) GraphRoot() string { return s.storage.GraphRoot }

// RunRoot is the directory of the store's volatile state.
func (s *Store) RunRoot() string { return s.storage.RunRoot }

// Driver is the storage driver in use; empty while the store has never been written.
func (s *Store) Driver() string { return s.storage.GraphDriverName }

// Library opens the storage library on this store, once. The error is ErrReadOnly (wrapped) where the store cannot be written.
func (s *Store) Library() (storage.Store, error) { return s.library() }

func (s *Store) openLibrary() (lib storage.Store, err error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	if err := s.lockable(); err != nil {
		return nil, err
	}
	defer s.tellOfStopped()()
	defer recoverLock(s.storage.GraphRoot, &err)
	lib, err = s.getStore()
	if err != nil {
		return nil, Damaged(fmt.Errorf("open the image store %q: %w", s.storage.GraphRoot, err))
	}
	if lib.GraphDriverName() == "overlay" {
		s.spreadLayers()
	}
	return lib, nil
}

// writable is an error where nothing can be changed.
func (s *Store) writable() error {
	if s.readOnly {
		return fmt.Errorf("%w: %q is on a file system mounted read-only", ErrReadOnly, s.roots[0])
	}
	return nil
}

// getStore opens the library with two options of overlay's changed. Its directory is not mounted on itself: the library does that to keep the mounts
// of containers to itself; pod makes none there, and nothing can be renamed into a directory that is a mount of its own (AddLayer). And the files of a layer are
// made durable before the layer is recorded, which by default they are not, so that a power failure would leave empty files in a
// layer that counts as good. What storage.conf says about this goes before.
func (s *Store) getStore() (storage.Store, error) {
	conf := s.storage
	if conf.GraphDriverName != "overlay" && conf.GraphDriverName != "" {
		return storage.GetStore(conf)
	}
	conf.GraphDriverName = "overlay"
	conf.GraphDriverOptions = append([]string{"overlay.skip_mount_home=true", "overlay.sync=filesystem"}, conf.GraphDriverOptions...)
	lib, err := storage.GetStore(conf)
	cannot := errors.Is(err, graphdriver.ErrNotSupported) || errors.Is(err, graphdriver.ErrPrerequisites) || errors.Is(err, graphdriver.ErrIncompatibleFS)
	if cannot && s.storage.GraphDriverName == "" {
		return storage.GetStore(s.storage)
	}
	return lib, err
}

// lockable checks that every lock file of the store can be opened for writing, because the library panics over one
// that cannot. Access is asked for and nothing is opened: its locks belong to the process and file (fcntl(2)), so that
// closing another descriptor of a lock file would drop a lock held through the first.
func (s *Store) lockable() error {
	d := s.storage.GraphDriverName
	files := []string{
		s.storage.GraphRoot, filepath.Join(s.storage.GraphRoot, "storage.lock"), filepath.Join(s.storage.GraphRoot, "userns.lock"),
		s.storage.RunRoot,
	}
	if d != "" {
		files = append(files,
			filepath.Join(s.roots[0], d+"-images", "images.lock"),
			filepath.Join(s.roots[0], d+"-layers", "layers.lock"),
			filepath.Join(s.storage.GraphRoot, d+"-containers", "containers.lock"))
	}
	for _, f := range files {
		err := unix.Faccessat(unix.AT_FDCWD, f, unix.W_OK, unix.AT_EACCESS)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if errors.Is(err, unix.EROFS) {
			return fmt.Errorf("%w: %q is on a file system mounted read-only", ErrReadOnly, f)
		}
		return hint.Wrap(fmt.Errorf("open the image store %q: write %q: %w", s.storage.GraphRoot, f, err),
			fmt.Sprintf("files left by a command run with sudo: sudo chown -R %s %q", "$USER:", s.storage.GraphRoot))
	}
	return nil
}

// recoverLock turns the library's panic over a lock file into the error of the call.
func recoverLock(root string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("lock the image store %q: %v", root, p)
	}
}

// change runs one operation of the storage library.
func (s *Store) change(ctx context.Context, do func(storage.Store) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	lib, err := s.Library()
	if err != nil {
		return err
	}
	defer s.tellOfStopped()()
	defer recoverLock(s.storage.GraphRoot, &err)
	return s.Full(Damaged(do(lib)))
}

// record is change for what a command then acknowledges: it survives a power failure.
func (s *Store) record(ctx context.Context, do func(storage.Store) error) error {
	if err := s.change(ctx, do); err != nil {
		return err
	}
	return s.Settle()
}

// Settle makes durable what the library has recorded. It does so with the files that it writes, but not with the directories in which
// it renames them. Drivers other than overlay cannot be told to sync the files of layers either, though vfs has an option of that name.
func (s *Store) Settle() error {
	lib, err := s.Library()
	if err != nil {
		return err
	}
	for _, kind := range []string{"layers", "images"} {
		err := settle(filepath.Join(s.roots[0], lib.GraphDriverName()+"-"+kind), lib.GraphDriverName() != "overlay")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("record in the image store %q: %w", s.storage.GraphRoot, err)
		}
	}
	return nil
}

// settle syncs a directory, or all of the file system that it is on.
func settle(path string, all bool) error {
	if !all {
		return atomicfile.SyncDir(path)
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Syncfs(int(dir.Fd()))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
