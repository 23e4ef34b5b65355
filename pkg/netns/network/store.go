package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/pkg/container"
)

const configFile = "config.json"

// Store is the directory of records: one directory for each network, with its config.json. What begins with a dot is being
// made or removed.
type Store struct{ Dir string }

// Load gives the network of this name or id, or of the id that alone begins like this.
func (s Store) Load(nameOrID string) (Config, error) {
	name := container.NetworkName(nameOrID)
	if c, err := s.read(name); err == nil || !errors.Is(err, os.ErrNotExist) {
		return c, err
	}
	if name == container.DefaultNetwork {
		return Default(), nil
	}
	if len(name) >= 3 && strings.Trim(name, "0123456789abcdef") == "" {
		all, err := s.List()
		if err != nil {
			return Config{}, err
		}
		all = slices.DeleteFunc(all, func(c Config) bool { return !strings.HasPrefix(c.ID, name) })
		switch {
		case len(all) == 1:
			return all[0], nil
		case len(all) > 1:
			return Config{}, fmt.Errorf("network %q: more than one id begins like this", nameOrID)
		}
	}
	return Config{}, fmt.Errorf("%w: %q", ErrNotFound, nameOrID)
}

func (s Store) read(name string) (Config, error) {
	var c Config
	if container.CheckNetworkName(name) != nil {
		return c, os.ErrNotExist // no path either
	}
	text, err := os.ReadFile(filepath.Join(s.Dir, name, configFile))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil || c.Name != name {
		return c, fmt.Errorf("read network %q: its config.json is damaged; remove the network and make it again", name)
	}
	return c, nil
}

// List gives all networks, the default one first and the others by name. A damaged record is left out.
func (s Store) List() ([]Config, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	all := []Config{Default()}
	for _, entry := range entries {
		c, err := s.read(entry.Name())
		switch {
		case err != nil:
		case c.Name == container.DefaultNetwork:
			all[0] = c
		default:
			all = append(all, c)
		}
	}
	return all, nil
}

// Create completes c and keeps it. The error is ErrExists when there is a network of its name.
func (s Store) Create(ctx context.Context, c Config, host HostFacts) (Config, error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return c, fmt.Errorf("create network %q: %w", c.Name, err)
	}
	lock, err := s.lock(ctx, "network create")
	if err != nil {
		return c, fmt.Errorf("create network %q: %w", c.Name, err)
	}
	defer lock.Release()
	others, err := s.List()
	if err != nil {
		return c, err
	}
	if c, err = complete(c, others, host); err != nil {
		return c, err
	}
	if err := s.write(c); err != nil {
		return c, fmt.Errorf("create network %q: %w", c.Name, err)
	}
	return c, nil
}

// write makes the record of a new network appear whole.
func (s Store) write(c Config) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	making := filepath.Join(s.Dir, ".creating")
	if err := os.RemoveAll(making); err != nil { // left by one who died; the lock is ours
		return err
	}
	if err := os.Mkdir(making, 0o700); err != nil {
		return err
	}
	if err := failpoint.Hit("network-create.directory"); err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(making, configFile), text); err != nil {
		return err
	}
	if err := failpoint.Hit("network-create.written"); err != nil {
		return err
	}
	if err := os.Rename(making, filepath.Join(s.Dir, c.Name)); err != nil {
		return err
	}
	return atomicfile.SyncDir(s.Dir)
}

// Update replaces the record of a network by what change makes of it.
func (s Store) Update(ctx context.Context, name string, change func(*Config) error) (Config, error) {
	lock, err := s.lock(ctx, "network update")
	if err != nil {
		return Config{}, fmt.Errorf("update network %q: %w", name, err)
	}
	defer lock.Release()
	c, err := s.Load(name)
	if err != nil {
		return c, err
	}
	if err := change(&c); err != nil {
		return c, err
	}
	text, err := json.Marshal(c)
	if err == nil {
		err = os.MkdirAll(filepath.Join(s.Dir, c.Name), 0o700)
	}
	if err == nil {
		err = atomicfile.Write(filepath.Join(s.Dir, c.Name, configFile), text)
	}
	if err != nil {
		return c, fmt.Errorf("update network %q: %w", name, err)
	}
	return c, nil
}

// Remove removes the record of a network. Whether it is in use, the caller has to know.
func (s Store) Remove(ctx context.Context, name string) error {
	if name == container.DefaultNetwork {
		return fmt.Errorf("remove network %q: it is the default network, which stays", name)
	}
	lock, err := s.lock(ctx, "network rm")
	if err != nil {
		return fmt.Errorf("remove network %q: %w", name, err)
	}
	defer lock.Release()
	removing := filepath.Join(s.Dir, ".removing")
	if err := os.RemoveAll(removing); err != nil {
		return fmt.Errorf("remove network %q: %w", name, err)
	}
	err = os.Rename(filepath.Join(s.Dir, name), removing)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %q", ErrNotFound, name)
	}
	if err == nil {
		err = failpoint.Hit("network-rm.hidden")
	}
	if err == nil {
		err = atomicfile.SyncDir(s.Dir)
	}
	if err == nil {
		err = os.RemoveAll(removing)
	}
	if err != nil {
		return fmt.Errorf("remove network %q: %w", name, err)
	}
	return nil
}

func (s Store) lock(ctx context.Context, purpose string) (*filelock.Lock, error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	return filelock.Acquire(ctx, s.Dir+".lock", purpose)
}
