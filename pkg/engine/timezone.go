package engine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
)

// zones is where this machine keeps its time zones (tzset(3)).
const zones = "/usr/share/zoneinfo"

// timezone gives the text of /etc/localtime for --tz: this machine's for "local", else that of the named zone. It is nil when
// the image's own stays, and for "local" on a machine without one, which is in UTC as a container is.
func timezone(cfg *container.Config) ([]byte, error) {
	path := filepath.Join(zones, cfg.Timezone)
	switch cfg.Timezone {
	case "":
		return nil, nil
	case "local":
		path = "/etc/localtime"
	}
	text, err := os.ReadFile(path)
	if cfg.Timezone == "local" && errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !bytes.HasPrefix(text, []byte("TZif")) {
		err = fmt.Errorf("%s is not a time zone", path)
	}
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("set the time zone %q: %w", cfg.Timezone, err), "ls "+zones+"; without it: sudo apt install tzdata")
	}
	return text, nil
}
