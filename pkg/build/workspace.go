package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/image"
)

// workspace is a directory for what a build makes before it becomes a layer.
type workspace struct {
	*image.WorkDir
	made atomic.Int64
}

func (b *Builder) openWorkspace(ctx context.Context) (*workspace, error) {
	b.sweepWorkspaces()
	work, err := b.Images.NewWorkDir(ctx, "build")
	if err != nil {
		return nil, err
	}
	if err := failpoint.Hit("build.workspace"); err != nil {
		return nil, errors.Join(err, work.Remove())
	}
	return &workspace{WorkDir: work}, nil
}

// Scratch gives an empty directory in the image store until done is called. When this process dies before, the next build removes it.
func (b *Builder) Scratch(ctx context.Context) (dir string, done func(), err error) {
	work, err := b.openWorkspace(ctx)
	if err != nil {
		return "", nil, err
	}
	if dir, err = work.sub(); err != nil {
		work.close()
		return "", nil, err
	}
	return dir, work.close, nil
}

// sweepWorkspaces removes what killed builds have left.
func (b *Builder) sweepWorkspaces() {
	for _, work := range b.Images.AbandonedWorkDirs() {
		bundles, err := filepath.Glob(filepath.Join(work.Dir, "*", bundleDir))
		for _, bundle := range bundles {
			err = errors.Join(err, b.Runner.ForgetStep(bundle))
		}
		if err != nil {
			b.Warn(fmt.Sprintf("what a build that was killed has left: %s", err))
		}
		work.Remove()
	}
}

// bundleDir is the directory of a step in that of its layer.
const bundleDir = image.StepDir

// removeTree removes a directory whose content may have any permissions.
func removeTree(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil || !errors.Is(err, os.ErrPermission) {
		return err
	}
	// Overlay's work directories have mode 0, which binds a user with a single id.
	filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if entry != nil && entry.IsDir() {
			os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// sub makes a new directory in the workspace.
func (w *workspace) sub() (string, error) {
	dir := filepath.Join(w.Dir, strconv.FormatInt(w.made.Add(1), 10))
	return dir, os.Mkdir(dir, 0o755)
}

func (w *workspace) close() { w.Remove() }

// upper is a writable layer that is about to be made.
type upper struct {
	dir         string // of this step: everything below it goes with it
	upper, work string
	at          string // an empty directory, to name mounts by
}

func (w *workspace) newUpper() (upper, error) {
	dir, err := w.sub()
	u := upper{dir: dir, upper: filepath.Join(dir, "upper"), work: filepath.Join(dir, "work"), at: filepath.Join(dir, "at")}
	for _, d := range []string{u.upper, u.work, u.at} {
		if err == nil {
			err = os.Mkdir(d, 0o755)
		}
	}
	if err == nil {
		// Whatever the umask: the upper directory's mode becomes that of the container's root.
		err = os.Chmod(u.upper, 0o755)
	}
	return u, err
}

func (u upper) close() { removeTree(u.dir) }
