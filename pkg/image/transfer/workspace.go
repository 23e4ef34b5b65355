package transfer

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
	// While the parent is locked nobody takes a new directory, not locked yet, for an abandoned one.
	guard, err := flock(parent, unix.LOCK_EX)
	if err != nil {
		return nil, fmt.Errorf("lock %q: %w", parent, err)
	}
	abandoned := claim(parent)
	dir, err := os.MkdirTemp(parent, "")
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
func claim(parent string) []*workspace {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return nil
	}
	var out []*workspace
	for _, e := range entries {
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
	w.lock.Close()
	return err
}
