package build

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/container"
	"golang.org/x/sys/unix"
)

// Secret is where a secret of a build comes from.
type Secret struct {
	ID   string
	File string // path, or empty
	Env  string // variable of the caller, or empty
}

// maxSecret is the most bytes that a secret may have, as BuildKit has it.
const maxSecret = 500 << 10

// value reads a secret.
func (s Secret) value() ([]byte, error) {
	if s.Env != "" {
		value, ok := os.LookupEnv(s.Env)
		if !ok {
			return nil, fmt.Errorf("the secret %q: the variable %s is not set", s.ID, s.Env)
		}
		return []byte(value), nil
	}
	f, err := os.OpenFile(s.File, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("the secret %q: %w", s.ID, err)
	}
	defer f.Close()
	value, err := files.ReadRegular(f, maxSecret)
	if err != nil {
		return nil, fmt.Errorf("the secret %q: %s: %w", s.ID, s.File, err)
	}
	return value, nil
}

// secret mounts a secret, or sets its variable. One that is not given is nothing, unless it is required.
func (m *mounts) secret(mount plan.Mount, cfg *container.Config, u upper) error {
	secret, ok := m.job.Secrets[mount.ID]
	if !ok {
		flag := "--secret id=" + mount.ID + ",src=FILE"
		if !mount.Required {
			m.missing = append(m.missing, flag)
			return nil
		}
		return hint.Wrap(fmt.Errorf("the secret %q is required and was not given", mount.ID), flag)
	}
	value, err := secret.value()
	if err != nil {
		return err
	}
	if mount.Env != "" {
		if err := secretEnv(cfg, mount.Env, string(value)); err != nil {
			return err
		}
	}
	if mount.Target == "" {
		return nil
	}
	dir, err := m.space(u)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "secret")
	if err := os.WriteFile(path, value, 0o600); err != nil {
		return err
	}
	m.done.Push(func() error { return os.Remove(path) })
	if err := dressMount(mount, path, 0o400); err != nil {
		return err
	}
	return m.bind(path, mount.Target, true)
}

// dressMount gives what is mounted its owner and permissions; mode is for a mount that says nothing.
func dressMount(mount plan.Mount, path string, mode uint32) error {
	if mount.Mode != nil {
		mode = uint32(*mount.Mode & 0o7777)
	}
	var o files.Owner
	if mount.UID != nil {
		o.UID = int(*mount.UID)
	}
	if mount.GID != nil {
		o.GID = int(*mount.GID)
	}
	if err := os.Chown(path, o.UID, o.GID); err != nil {
		return files.OwnerError(o, err)
	}
	return unix.Chmod(path, mode)
}
