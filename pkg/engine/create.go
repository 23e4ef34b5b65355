package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/internal/reserve"
	"github.com/pod-engine/pod/internal/undo"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/image"
	"golang.org/x/sys/unix"
)

// Create makes a container from cfg, which is validated and complete except for ID, Name and Created, and from the image it names.
// It fills those in. When it returns nil the container exists and, unless cfg.Remove, survives a power loss.
//
// The container is put together in creating/ID under its lock and then renamed into place, so that it is there whole
// or not at all; what a killed Create leaves is taken away by the next command.
func (e *Engine) Create(ctx context.Context, cfg *container.Config, img *image.Image) (err error) {
	if _, err := timezone(cfg); err != nil {
		return err
	}
	if err := e.checkSources(cfg); err != nil {
		return err
	}
	if err := e.checkNetworks(cfg); err != nil {
		return err
	}
	e.Sweep(ctx)
	reserve.Keep(e.reserve(), reserveSize) // for freeSpaceFor
	lock, err := e.beginCreation(ctx, cfg)
	if err != nil {
		return e.createError(cfg, err)
	}
	defer lock.Release()
	undone := new(undo.Stack)
	defer undone.OnError(&err) // before the lock is released: a sweep must not come in between
	dir := e.creatingDir(cfg.ID)
	undone.Push(func() error { return takeBackCreation(dir) })
	if err := failpoint.Hit("create.directory"); err != nil {
		return err
	}
	if err := e.giveName(ctx, cfg); err != nil {
		return err
	}
	undone.Push(func() error { return e.releaseName(context.WithoutCancel(ctx), cfg.Name, cfg.ID) })
	if err := failpoint.Hit("create.named"); err != nil {
		return err
	}
	if err := e.holdImage(ctx, img.ID, cfg.ID); err != nil {
		return e.createError(cfg, err)
	}
	undone.Push(func() error { return e.dropImage(img.ID, cfg.ID) })
	if err := failpoint.Hit("create.leased"); err != nil {
		return err
	}
	if err := e.writeConfig(cfg, dir); err != nil {
		return e.createError(cfg, err)
	}
	if err := failpoint.Hit("create.configured"); err != nil {
		return err
	}
	if cfg.CIDFile != "" {
		if err := writeNew(cfg.CIDFile, cfg.ID); err != nil {
			return fmt.Errorf("write the container id file: %w", err)
		}
		undone.Push(func() error { return os.Remove(cfg.CIDFile) })
	}
	if err := os.Rename(dir, e.Dir(cfg.ID)); err != nil {
		return e.createError(cfg, err)
	}
	undone.Push(func() error { return os.Rename(e.Dir(cfg.ID), dir) })
	if err := failpoint.Hit("create.placed"); err != nil {
		return err
	}
	if err := e.syncCreation(cfg, img.ID); err != nil {
		return e.createError(cfg, err)
	}
	e.event(cfg, "create", nil)
	return nil
}

// syncCreation makes all entries that a creation made durable. A container that is removed at its end has no claim to that.
func (e *Engine) syncCreation(cfg *container.Config, imageID string) error {
	if cfg.Remove {
		return nil
	}
	for _, dir := range []string{e.leaseDir(imageID), filepath.Join(e.DataDir, dirNames), filepath.Join(e.DataDir, dirContainers)} {
		if err := atomicfile.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// takeBackCreation removes the directory of a creation that failed. When the lock in it has gone a sweep may put its own there, and then
// removes the rest.
func takeBackCreation(dir string) error {
	if err := os.RemoveAll(dir); !errors.Is(err, unix.ENOTEMPTY) {
		return err
	}
	return nil
}

// beginCreation gives cfg its id, and makes and locks its directory in creating/. Whoever does so shares a lock, so that a sweep can tell a
// directory that is not locked yet from one whose maker has died.
func (e *Engine) beginCreation(ctx context.Context, cfg *container.Config) (*filelock.Lock, error) {
	guard, err := filelock.Share(ctx, e.creatingLock())
	if err != nil {
		return nil, err
	}
	defer guard.Release()
	cfg.ID, cfg.Created = newID(), time.Now()
	if err := os.Mkdir(e.creatingDir(cfg.ID), 0o700); err != nil {
		return nil, err
	}
	if err := failpoint.Hit("create.begun"); err != nil {
		return nil, errors.Join(err, os.Remove(e.creatingDir(cfg.ID)))
	}
	lock, err := filelock.Acquire(ctx, filepath.Join(e.creatingDir(cfg.ID), "lock"), "create")
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(e.creatingDir(cfg.ID)))
	}
	return lock, nil
}

func (e *Engine) createError(cfg *container.Config, err error) error {
	if cfg.Name == "" {
		return fmt.Errorf("create a container: %w", err)
	}
	return fmt.Errorf("create container %q: %w", cfg.Name, err)
}

// giveName reserves the name asked for, or one of two random words.
func (e *Engine) giveName(ctx context.Context, cfg *container.Config) error {
	if cfg.Name != "" {
		return e.reserveName(ctx, cfg.Name, cfg.ID, !cfg.Remove)
	}
	for range 20 {
		name := container.RandomName(mathrand.IntN)
		err := e.reserveName(ctx, name, cfg.ID, !cfg.Remove)
		if err == nil {
			cfg.Name = name
			return nil
		}
		if !errors.Is(err, ErrInUse) {
			return err
		}
	}
	name := container.RandomName(mathrand.IntN) + "_" + cfg.ID[:6]
	if err := e.reserveName(ctx, name, cfg.ID, !cfg.Remove); err != nil {
		return err
	}
	cfg.Name = name
	return nil
}

// writeConfig makes the writable layer's directories and config.json.
func (e *Engine) writeConfig(cfg *container.Config, dir string) error {
	for _, sub := range []string{"rootfs", "rootfs/upper", "rootfs/work"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	b, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	// Nobody looks into creating/, so the file needs no temporary name; renames cost a journal commit each.
	f, err := os.OpenFile(filepath.Join(dir, "config.json"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil || cfg.Remove {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return atomicfile.SyncDir(dir)
}

// writeNew writes a file that must not exist.
func writeNew(path, content string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(content); err != nil {
		f.Close()
		os.Remove(path)
		return err
	}
	return f.Close()
}

func newID() string {
	var b [32]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Rename gives a container another name. The configuration keeps the one it was made with.
func (e *Engine) Rename(ctx context.Context, id, name string) error {
	return e.withLock(ctx, id, "rename", func(c Container, rec record) error {
		old := c.Config.Name
		// Noted before it is taken, so that it goes with the container wherever this ends.
		rec.Spare = name
		if err := e.writeRecord(c.Config, rec); err != nil {
			return err
		}
		if err := failpoint.Hit("rename.noted"); err != nil {
			return err
		}
		if err := e.reserveName(ctx, name, id, !c.Config.Remove); err != nil {
			return err
		}
		if !c.Config.Remove {
			if err := atomicfile.SyncDir(filepath.Join(e.DataDir, dirNames)); err != nil {
				return fmt.Errorf("reserve the name %q: %w", name, err)
			}
		}
		if err := failpoint.Hit("rename.reserved"); err != nil {
			return err
		}
		rec.Name, rec.Spare = name, old
		if err := e.writeRecord(c.Config, rec); err != nil {
			return errors.Join(err, e.releaseName(ctx, name, id))
		}
		if err := failpoint.Hit("rename.recorded"); err != nil {
			return err
		}
		c.Config.Name = name
		e.event(c.Config, "rename", map[string]string{"oldName": old})
		if old == name {
			return nil
		}
		return e.releaseName(ctx, old, id)
	})
}

// withReleased is withLock for what must not come between the end of a container and the moment at which its monitor has given
// up its runtime state, mounts and ports: it waits for that without the lock. Else a new start under the same id would have
// its runtime state taken away by the monitor of the old one.
func (e *Engine) withReleased(ctx context.Context, id, purpose string, act func(Container, record) error) error {
	bounded, cancel := context.WithTimeout(ctx, cleanupPatience)
	defer cancel()
	for {
		if err := e.awaitReleased(bounded, id); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("%s container %s: the monitor of its last start does not end: %w", purpose, short(id), err)
		}
		again := false
		err := e.withLock(ctx, id, purpose, func(c Container, rec record) error {
			if again = e.releasing(id); again {
				return nil
			}
			return act(c, rec)
		})
		if !again {
			return err
		}
	}
}

// releasing reports whether a monitor is between the end of its container and having given up all that the container held. A
// start that has not come to the running process looks the same; that one holds the container's lock.
func (e *Engine) releasing(id string) bool {
	dir := e.ContainerRunDir(id)
	held, _, err := monitor.Locked(filepath.Join(dir, lockFile))
	if err != nil || !held || exists(filepath.Join(dir, monitor.RunFile)) || exists(filepath.Join(dir, monitor.ReleasedFile)) {
		return false
	}
	held, _, err = monitor.Locked(filepath.Join(dir, lockFile)) // it may have ended between the looks
	return held && err == nil
}

func (e *Engine) awaitReleased(ctx context.Context, id string) error {
	for e.releasing(id) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

// withLock runs act under the container's lock, with the container as it is once the lock is held.
func (e *Engine) withLock(ctx context.Context, id, purpose string, act func(Container, record) error) error {
	e.Sweep(ctx)
	lock, err := filelock.AcquireExisting(ctx, filepath.Join(e.Dir(id), "lock"), purpose)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %s", ErrNotFound, short(id))
	}
	if err != nil {
		return fmt.Errorf("%s container %s: %w", purpose, short(id), err)
	}
	defer lock.Release()
	c, err := e.load(id)
	if err != nil {
		return err
	}
	rec, err := readRecord(e.Dir(id))
	if err != nil && purpose != "remove" {
		return fmt.Errorf("%s container %q: %w", purpose, c.Config.Name, err)
	}
	return act(c, rec)
}
