package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/netns/network"
	"golang.org/x/sys/unix"
)

// A name is a file in names/, made with link(2) so that it appears whole, that holds the id of the container it
// belongs to. It counts only while that container exists or is being made.

func (e *Engine) namePath(name string) string { return filepath.Join(e.DataDir, dirNames, name) }

// reservationPath is where the file of a name lies before it has the name. It is touched by whoever holds names.lock.
func (e *Engine) reservationPath(id string) string { return e.namePath("." + id) }

// reserveName gives name to the container id, whose directory is there already. The error is ErrInUse (wrapped)
// when another container has it. With durable the file is on disk; the directory is the caller's to sync.
func (e *Engine) reserveName(ctx context.Context, name, id string, durable bool) error {
	lock, err := filelock.Acquire(ctx, filepath.Join(e.DataDir, "names.lock"), "reserve the name "+name)
	if err != nil {
		return fmt.Errorf("reserve the name %q: %w", name, err)
	}
	defer lock.Release()
	if owner := e.nameOwner(name); owner != "" && owner != id {
		return nameInUse(name, owner)
	}
	temp := e.reservationPath(id)
	if err := writeSynced(temp, id, durable); err != nil {
		return fmt.Errorf("reserve the name %q: %w", name, err)
	}
	err = os.Rename(temp, e.namePath(name))
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EEXIST) {
		// Nobody's: a directory is no name.
		err = errors.Join(os.RemoveAll(e.namePath(name)), os.Rename(temp, e.namePath(name)))
	}
	if err != nil {
		os.Remove(temp)
		return fmt.Errorf("reserve the name %q: %w", name, err)
	}
	return nil
}

// writeSynced writes a file, with sync not before its content is on disk.
func writeSynced(path, content string, sync bool) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path)
	}
	return err
}

// nameOwner gives the id of the container that has the name, or "" when it is free: never given, or left behind by
// a command that died.
func (e *Engine) nameOwner(name string) string {
	b, err := readFile(e.namePath(name))
	id := string(b)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return ""
	case err != nil || !isID(id):
		return e.ownerByConfig(name)
	}
	// In the order in which a creation moves the directory, so that one of the two looks finds it.
	if exists(e.creatingDir(id)) || exists(e.Dir(id)) && e.goesBy(id, name) {
		return id
	}
	return ""
}

// goesBy reports whether the container id, to which the name's file belongs, has that name: one that was renamed by a command
// that died may have the files of two.
func (e *Engine) goesBy(id, name string) bool {
	cfg, err := readConfig(e.Dir(id), id)
	if err != nil {
		return true // damaged: then the file is all there is
	}
	rec, err := readRecord(e.Dir(id))
	if err != nil {
		return true
	}
	if rec.Name == name || rec.Name == "" && cfg.Name == name {
		return true
	}
	lock, err := filelock.Try(filepath.Join(e.Dir(id), lockFile))
	if err != nil {
		return true // it is being renamed at this moment
	}
	lock.Release()
	return false
}

// ownerByConfig asks all containers for the one with the name, whose file is damaged.
func (e *Engine) ownerByConfig(name string) string {
	ids, err := e.ids()
	if err != nil {
		return ""
	}
	for _, id := range ids {
		if c, err := e.load(id); err == nil && c.Config.Name == name {
			return id
		}
	}
	return ""
}

// owns reports whether what is held for id is held for somebody: for a container that exists or is being made. A creation
// moves the directory from the first place to the second, so that in this order one of the two looks finds it.
func (e *Engine) owns(id string) bool { return exists(e.creatingDir(id)) || exists(e.Dir(id)) }

// releaseName frees name if it belongs to id.
func (e *Engine) releaseName(ctx context.Context, name, id string) error {
	lock, err := filelock.Acquire(ctx, filepath.Join(e.DataDir, "names.lock"), "release the name "+name)
	if err != nil {
		return fmt.Errorf("release the name %q: %w", name, err)
	}
	defer lock.Release()
	os.Remove(e.reservationPath(id)) // of a command that died while it renamed the container
	b, err := readFile(e.namePath(name))
	if errors.Is(err, os.ErrNotExist) || (err == nil && string(b) != id && isID(string(b))) {
		return nil
	}
	// Also one that is damaged, whatever it has become.
	if err := os.RemoveAll(e.namePath(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("release the name %q: %w", name, err)
	}
	return nil
}

// Find gives the container with this name, full id, or unique id prefix. Names come first, as in docker.
// The error is ErrNotFound or ErrAmbiguous (wrapped) where it is about the name.
func (e *Engine) Find(ctx context.Context, nameOrID string) (Container, error) {
	id, err := e.findID(nameOrID)
	if err != nil {
		return Container{}, err
	}
	return e.load(id)
}

func (e *Engine) findID(nameOrID string) (string, error) {
	nameOrID = strings.TrimPrefix(nameOrID, "/")
	missing := fmt.Errorf("%w: %q", ErrNotFound, nameOrID)
	if nameOrID == "" || strings.ContainsAny(nameOrID, "/\x00") || strings.HasPrefix(nameOrID, ".") {
		return "", missing
	}
	if owner := e.nameOwner(nameOrID); owner != "" {
		if _, err := os.Lstat(e.Dir(owner)); err == nil {
			return owner, nil
		}
	}
	if !isHex(nameOrID) || len(nameOrID) > 64 {
		return "", missing
	}
	if len(nameOrID) == 64 {
		if _, err := os.Lstat(e.Dir(nameOrID)); err == nil {
			return nameOrID, nil
		}
		return "", missing
	}
	ids, err := e.ids()
	if err != nil {
		return "", err
	}
	var found string
	for _, id := range ids {
		if !strings.HasPrefix(id, nameOrID) {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("%w the id prefix %q; give more of its digits", ErrAmbiguous, nameOrID)
		}
		found = id
	}
	if found == "" {
		return "", missing
	}
	return found, nil
}

// CheckFree reports, as ErrInUse, that a container has the name.
func (e *Engine) CheckFree(name string) error {
	if owner := e.nameOwner(name); owner != "" {
		return nameInUse(name, owner)
	}
	return nil
}

func nameInUse(name, owner string) error {
	err := fmt.Errorf("the name %q is %w by container %s", name, ErrInUse, short(owner))
	return hint.Wrap(err, "remove that container (pod rm "+name+"), use another name, or give --replace")
}

// RemoveNamed removes the container that has the name, if there is one, also when it runs (--replace).
func (e *Engine) RemoveNamed(ctx context.Context, name string) error {
	owner := e.nameOwner(name)
	if owner == "" {
		return nil
	}
	return e.Remove(ctx, owner, RemoveOptions{Force: true})
}

// ResolveNames puts full ids in place of the names in "container:NAME" modes, and names in place of the ids of networks. The error
// wraps ErrNotFound or network.ErrNotFound.
func (e *Engine) ResolveNames(ctx context.Context, cfg *container.Config) error {
	for _, mode := range []*string{&cfg.Network.Mode, &cfg.Namespace.PID, &cfg.Namespace.IPC, &cfg.Namespace.UTS, &cfg.Namespace.Cgroup} {
		name, ok := strings.CutPrefix(*mode, "container:")
		if !ok {
			continue
		}
		c, err := e.Find(ctx, name)
		if err != nil {
			return fmt.Errorf("share a namespace with container %q: %w", name, err)
		}
		*mode = "container:" + c.Config.ID
	}
	for i, endpoint := range cfg.Network.Networks {
		n, err := e.Networks().Load(endpoint.Network)
		if errors.Is(err, network.ErrNotFound) {
			return hint.Wrap(err, "pod network create "+endpoint.Network+"; pod network ls shows those there are")
		}
		if err != nil {
			return err
		}
		cfg.Network.Networks[i].Network = n.Name
	}
	return nil
}

// ids lists the containers that exist.
func (e *Engine) ids() ([]string, error) {
	dir, err := os.Open(filepath.Join(e.DataDir, dirContainers))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	ids := names[:0]
	for _, name := range names {
		if isID(name) {
			ids = append(ids, name)
		}
	}
	return ids, nil
}

// load reads one container. One whose record cannot be read is given as damaged, not as an error: it must stay
// visible and removable.
func (e *Engine) load(id string) (Container, error) {
	dir := e.Dir(id)
	if _, err := os.Lstat(dir); err != nil {
		return Container{}, fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	c := e.read(dir, id)
	// A removal takes the directory away whole. When it is there still, nothing that was read was missing because of one.
	if _, err := os.Lstat(dir); err != nil {
		return Container{}, fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	return c, nil
}

func (e *Engine) read(dir, id string) Container {
	cfg, err := readConfig(dir, id)
	if err == nil {
		err = checkLock(dir)
	}
	if err != nil {
		return damaged(id, err)
	}
	rec, err := readRecord(dir)
	if err != nil {
		return Container{Config: cfg, State: container.State{Status: container.StatusDamaged, Problem: err.Error()}}
	}
	if rec.Name != "" {
		cfg.Name = rec.Name
	}
	if rec.Networks != nil {
		cfg.Network = cfg.Network.In(*rec.Networks)
	}
	return Container{Config: cfg, State: e.state(cfg, rec)}
}

// checkLock gives the reason why the container in dir cannot be locked.
func checkLock(dir string) error {
	info, err := os.Lstat(filepath.Join(dir, lockFile))
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", filepath.Join(dir, lockFile))
	}
	return err
}

func damaged(id string, err error) Container {
	return Container{
		Config: &container.Config{ID: id, Name: short(id)},
		State:  container.State{Status: container.StatusDamaged, Problem: err.Error()},
	}
}

func short(id string) string { return id[:min(12, len(id))] }

func isID(s string) bool { return len(s) == 64 && isHex(s) }

func isHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s != ""
}
