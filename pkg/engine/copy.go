package engine

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filetree"
	"github.com/pod-engine/pod/internal/layertar"
	"github.com/pod-engine/pod/pkg/container"
	"golang.org/x/sys/unix"
)

// Place is where files are copied from or to: a path of a container, a path of this machine, or an archive.
type Place struct {
	Container *Container // nil: this machine
	// Path is absolute. "/." at its end means what is in the directory, rather than the directory. Empty: Archive.
	Path    string
	Archive io.ReadWriter // a tar archive, compressed or not, to read from, or one to be written
}

func (p Place) String() string {
	switch {
	case p.Container != nil:
		return p.Container.Config.Name + ":" + p.Path
	case p.Path == "":
		return "-"
	}
	return p.Path
}

// CopyOptions say how files are copied.
type CopyOptions struct {
	FollowLink bool // copy what a link leads to, if the source is one
	Overwrite  bool // let a file replace a directory and a directory a file
	// KeepOwners leaves files to whom they belong. Else they belong to the user of this machine; in a container to its root, or with ToUser to
	// the user that it runs as.
	KeepOwners, ToUser bool
	// Limits bound what an archive from outside unpacks to.
	Limits layertar.Limits
}

// Copy copies files between a container and this machine, or two containers, by the rules of docker cp: a directory that is there gets what is copied into it,
// under its own name; else what is copied gets the name of the destination. Nothing but the two places is touched, whatever links
// the container makes meanwhile. A file appears when it is whole.
func (e *Engine) Copy(ctx context.Context, from, to Place, opts CopyOptions) error {
	err := e.withTree(ctx, to, true, func(dst *side) error {
		return e.withTree(ctx, from, false, func(src *side) error {
			return copyTree(ctx, src, dst, opts)
		})
	})
	if err != nil {
		return fmt.Errorf("copy %s to %s: %w", from, to, err)
	}
	return nil
}

// side is an opened Place.
type side struct {
	Place
	root *os.File // nil for an archive
}

// withTree opens a place for as long as act runs. A container that does not run is kept from being started while it is written to.
func (e *Engine) withTree(ctx context.Context, p Place, write bool, act func(*side) error) error {
	if p.Path == "" {
		return act(&side{Place: p})
	}
	if p.Container == nil {
		return withRoot(act, p)(os.OpenFile("/", unix.O_PATH|unix.O_DIRECTORY, 0))
	}
	if p.Container.State.Alive() {
		return withRoot(act, p)(e.containerRoot(*p.Container))
	}
	if !write {
		return withRoot(act, p)(e.stoppedRoot(ctx, p.Container.Config, false))
	}
	return e.withReleased(ctx, p.Container.Config.ID, "cp", func(c Container, _ record) error {
		if c.State.Alive() {
			return fmt.Errorf("container %q has just been started: %w", c.Config.Name, ErrState)
		}
		return withRoot(act, p)(e.stoppedRoot(ctx, c.Config, true))
	})
}

func withRoot(act func(*side) error, p Place) func(*os.File, error) error {
	return func(root *os.File, err error) error {
		if err != nil {
			return err
		}
		defer root.Close()
		return act(&side{p, root})
	}
}

// stoppedRoot mounts the root of a container that does not run, with what is mounted in it from the host.
func (e *Engine) stoppedRoot(ctx context.Context, cfg *container.Config, write bool) (*os.File, error) {
	store, err := e.images()
	if err != nil {
		return nil, err
	}
	layers, err := store.Layers(ctx, cfg.Image.ID)
	if err != nil {
		return nil, err
	}
	binds := slices.DeleteFunc(slices.Clone(cfg.Mounts), func(m container.Mount) bool { return m.Type != container.MountBind })
	slices.SortStableFunc(binds, func(a, b container.Mount) int { return strings.Compare(a.Destination, b.Destination) })
	if !write {
		return e.mountLayers(e.Dir(cfg.ID), e.upperDir(cfg.ID), layers, binds)
	}
	dir := filepath.Join(e.Dir(cfg.ID), "rootfs")
	options := overlayOptions(layers, filepath.Join(dir, "upper"), filepath.Join(dir, "work"))
	if e.User.Rootless {
		options += ",userxattr"
	}
	return overlay{base: layers.BaseDir, at: e.Dir(cfg.ID), options: options, binds: binds}.mountDetached()
}

// copyTree copies once both places are open.
func copyTree(ctx context.Context, src, dst *side, opts CopyOptions) error {
	if src.root == nil {
		return dst.unpack(ctx, src.Archive, opts)
	}
	e, content, err := src.source(opts)
	if err != nil {
		return err
	}
	defer e.Dir.Close()
	options := filetree.ArchiveOptions{Lenient: src.Container != nil && src.Container.State.Alive(), ContentOnly: content, SkipKernel: true}
	if dst.root == nil {
		w := tar.NewWriter(dst.Archive)
		as := path.Base(strings.TrimSuffix(src.Path, "/."))
		if content {
			as = ""
		}
		return errors.Join(filetree.Archive(ctx, w, e, as, options), w.Close())
	}
	at, err := dst.destination(e.IsDir(), content, path.Base(path.Clean(src.Path)), opts)
	if err != nil {
		return err
	}
	if at.name == "" {
		options.ContentOnly = true
	}
	r, w := io.Pipe()
	go func() {
		t := tar.NewWriter(w)
		err := filetree.Archive(ctx, t, e, at.name, options)
		if err == nil {
			err = t.Close()
		}
		w.CloseWithError(err)
	}()
	defer r.Close()
	return dst.extract(ctx, tar.NewReader(r), at.dir, opts)
}

// source finds what is to be copied. content: what is in it, and not the directory itself.
func (t *side) source(opts CopyOptions) (e *filetree.Entry, content bool, err error) {
	if e, err = filetree.Find(t.root, t.Path, opts.FollowLink); err != nil {
		return nil, false, err
	}
	if err := refuseKernel(e.Dir); err != nil {
		e.Dir.Close()
		return nil, false, err
	}
	content = strings.HasSuffix(t.Path, "/.") || path.Clean(t.Path) == "/"
	if content && !e.IsDir() {
		e.Dir.Close()
		return nil, false, errors.New("it is not a directory")
	}
	return e, content, nil
}

// target is a directory that is there, and the name in it that what is copied gets; empty: what is copied is content for the directory.
type target struct{ dir, name string }

// destination decides by what is there.
func (t *side) destination(isDir, content bool, name string, opts CopyOptions) (target, error) {
	at, err := t.resolved()
	if err != nil {
		return target{}, err
	}
	there, err := filetree.Find(t.root, at, true)
	switch {
	case errors.Is(err, os.ErrNotExist) && !isDir && strings.HasSuffix(t.Path, "/"):
		return target{}, fmt.Errorf("there is no directory %s", at)
	case errors.Is(err, os.ErrNotExist):
		return t.under(at)
	case err != nil:
		return target{}, err
	}
	defer there.Dir.Close()
	switch {
	case there.IsDir() && content:
		return target{at, ""}, nil
	case there.IsDir():
		return target{at, name}, nil
	case isDir && !opts.Overwrite:
		return target{}, fmt.Errorf("%s is a file, which a directory cannot replace", at)
	}
	return t.under(at)
}

// under is a name in a directory that must be there.
func (t *side) under(at string) (target, error) {
	dir, err := filetree.Open(t.root, path.Dir(at), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return target{}, err
	}
	dir.Close()
	return target{path.Dir(at), path.Base(at)}, nil
}

// resolved is the destination, or what it leads to if it is a link to a file that is there or could be: the link itself is not replaced.
func (t *side) resolved() (string, error) {
	at := path.Clean(t.Path)
	for range 40 { // as many as the kernel follows
		link, ok, err := filetree.Link(t.root, at)
		if err != nil || !ok {
			return at, err
		}
		if !path.IsAbs(link) {
			link = path.Join(path.Dir(at), link)
		}
		at = path.Clean(link)
	}
	return "", unix.ELOOP
}

// unpack reads an archive into a directory that is there.
func (t *side) unpack(ctx context.Context, in io.Reader, opts CopyOptions) error {
	if t.root == nil {
		return errors.New("an archive is not copied to an archive")
	}
	f, err := filetree.Open(t.root, t.Path, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	f.Close()
	plain := layertar.OpenArchive(ctx, in, opts.Limits)
	defer plain.Close()
	err = t.extract(ctx, tar.NewReader(plain), t.Path, opts)
	if refused := plain.Err(); refused != nil {
		return refused
	}
	return err
}

// extract writes an archive into a directory of the tree.
func (t *side) extract(ctx context.Context, r *tar.Reader, dir string, opts CopyOptions) error {
	o := filetree.ExtractOptions{Overwrite: opts.Overwrite, Foreign: t.Container == nil}
	root := t.root
	top, err := filetree.Open(root, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer top.Close()
	if err := refuseKernel(top); err != nil {
		return err
	}
	if o.Foreign {
		// Links on the way to the directory are the person's own and were followed; below it none is.
		root, dir = top, "/"
	}
	if !opts.KeepOwners {
		if o.Owner, err = t.owner(opts); err != nil {
			return err
		}
	}
	if err := failpoint.Hit("cp.write"); err != nil {
		return err
	}
	return filetree.Extract(ctx, r, root, dir, o)
}

// owner is whom copied files are given to. Inside the user namespace root is the user of this machine.
func (t *side) owner(opts CopyOptions) (*filetree.Owner, error) {
	if t.Container == nil || !opts.ToUser {
		return &filetree.Owner{}, nil
	}
	user, _, err := lookupUser(t.root, t.Container.Config.Process.User)
	if err != nil {
		return nil, err
	}
	return &filetree.Owner{UID: int(user.UID), GID: int(user.GID)}, nil
}

// refuseKernel refuses file systems that are views of the kernel.
func refuseKernel(f *os.File) error {
	if filetree.IsKernel(f) {
		return errors.New("it is on a file system of the kernel, which has no files to copy")
	}
	return nil
}
