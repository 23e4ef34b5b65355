package engine

import (
	"fmt"
	"os"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
)

// checkSources refuses mounts and devices of this machine that are not there when the container is made, as podman does: a
// misspelt path must not become a container that cannot be started. Docker makes a missing directory, as root.
func (e *Engine) checkSources(cfg *container.Config) error {
	for _, m := range cfg.Mounts {
		if m.Type != container.MountBind {
			continue
		}
		if _, err := os.Stat(m.Source); err != nil {
			return hint.Wrap(fmt.Errorf("mount %q at %q: %w", m.Source, m.Destination, err), "mkdir -p "+m.Source)
		}
	}
	if err := e.checkDevices(cfg.Devices); err != nil {
		return err
	}
	for _, d := range cfg.Devices {
		if d.CDI != "" {
			continue
		}
		if _, err := os.Stat(d.Source); err != nil {
			return fmt.Errorf("give access to the device %q: %w", d.Source, err)
		}
	}
	return nil
}
