package transfer

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pod-engine/pod/pkg/image"
	"golang.org/x/sys/unix"
)

// workspace is the directory for the temporary files of one transfer: blobs on their way, spooled archives. It is locked (flock)
// while its process lives; the next transfer removes those whose process was killed.
type workspace struct {
	dir  string
	lock *os.File
}

// spool is where workspaces lie: below TMPDIR if that is set, else in the directory of image_copy_tmp_dir of containers.conf(5), else
// beside the store, where there is room for images. The usual /var/tmp is often on a small file system.
func spool(s *image.Store, configured string) string {
	if configured == "storage" {
		configured = ""
	}
	if tmp := cmp.Or(os.Getenv("TMPDIR"), configured); tmp != "" {
		return filepath.Join(tmp, fmt.Sprintf("pod-transfer-%d", os.Geteuid()))
	}
	return filepath.Join(s.GraphRoot(), "pod-transfer")
}

func newWorkspace(s *image.Store, configured string) (*workspace, error) {
	parent := spool(s, configured)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("make a directory for temporary files: %w", err)
	}
	return makeWorkspace(parent, "")
}

// beside makes a workspace in the directory of a file, so that what is written there is moved to its place by a rename. On a file system without
// locks one that is left behind stays.
func beside(path string) (*workspace, error) {
	const prefix = ".pod-part-"
	w, err := makeWorkspace(filepath.Dir(path), prefix)
	if !errors.Is(err, errNoLocks) {
		return w, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), prefix)
	return &workspace{dir: dir}, err
}

var errNoLocks = errors.New("it cannot be locked")

// makeWorkspace makes and locks a directory whose name begins with prefix, and removes those that were left behind.
func makeWorkspace(parent, prefix string) (*workspace, error) {
	// While the parent is locked nobody takes a new directory, not locked yet, for an abandoned one.
	guard, err := flock(parent, unix.LOCK_EX)
	if err != nil {
		return nil, fmt.Errorf("lock %q: %w: %w", parent, errNoLocks, err)
	}
	abandoned := claim(parent, prefix)
	dir, err := os.MkdirTemp(parent, prefix)
	var lock *os.File
	if err == nil {
		lock, err = flock(dir, unix.LOCK_EX|unix.LOCK_NB)
	}
	guard.Close()
	for _, w := range abandoned {
		// What cannot be removed now will be tried again by the next transfer, and must not stop this one.
		_ = w.remove()
	}
	if err != nil {
		return nil, fmt.Errorf("make a directory for temporary files: %w", err)
	}
	return &workspace{dir: dir, lock: lock}, nil
}

// claim locks the workspaces that belong to nobody.
func claim(parent, prefix string) []*workspace {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return nil
	}
	var out []*workspace
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		dir := filepath.Join(parent, e.Name())
		if lock, err := flock(dir, unix.LOCK_EX|unix.LOCK_NB); err == nil {
			out = append(out, &workspace{dir: dir, lock: lock})
		}
	}
	return out
}

func flock(dir string, how int) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (w *workspace) remove() error {
	err := os.RemoveAll(w.dir)
	if w.lock != nil {
		w.lock.Close()
	}
	return err
}
