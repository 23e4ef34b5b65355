package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/container"
	"golang.org/x/sys/unix"
)

// A record is state.json: all that commands write about a container after it was made. A container that was never
// started and never renamed has none.
type record struct {
	Name string `json:"name,omitempty"` // when renamed
	// Spare is another name whose file may belong to the container: the new one while a rename begins, the old one after.
	Spare string `json:"spare,omitempty"`
	// Serial numbers the starts made; the exit record carries the serial of the start it ends.
	Serial  uint64    `json:"serial,omitempty"`
	Started time.Time `json:"started,omitzero"`
	Stopped bool      `json:"stopped,omitempty"` // a person asked for the newest end
	// Networks, when not nil, are those that the container is in since it was connected or disconnected.
	Networks *[]container.Endpoint `json:"networks,omitempty"`
	Paused   bool                  `json:"paused,omitempty"`
	// Process and Monitor are those of the newest start. They are kept here too, and not only in the run directory, so
	// that a running container is found again when somebody empties that directory (systemd-tmpfiles does).
	Process process.Identity `json:"process,omitzero"`
	Monitor process.Identity `json:"monitor,omitzero"`
}

// recordLimit bounds what is read of any state file: a damaged or hostile one must not take the memory.
const recordLimit = 4 << 20

// readFile reads a small regular file, without following a link and without waiting on a FIFO.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > recordLimit:
		return nil, fmt.Errorf("%s has %d bytes, more than a state file can have", path, info.Size())
	}
	b := make([]byte, info.Size())
	n, err := io.ReadFull(f, b)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], err
}

func readJSON(path string, into any) error {
	b, err := readFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// readConfig reads the configuration in dir and checks that it is the one of id.
func readConfig(dir, id string) (*container.Config, error) {
	cfg := new(container.Config)
	path := filepath.Join(dir, "config.json")
	if err := readJSON(path, cfg); err != nil {
		return nil, err
	}
	if cfg.ID != id {
		return nil, fmt.Errorf("%s describes container %q", path, cfg.ID)
	}
	return cfg, nil
}

// readRecord reads state.json in dir; one that is not there is the zero record.
func readRecord(dir string) (record, error) {
	b, err := readFile(filepath.Join(dir, "state.json"))
	// A record written without fsync may be empty after a power loss; what it said is no longer true then.
	if errors.Is(err, os.ErrNotExist) || err == nil && len(b) == 0 {
		return record{}, nil
	}
	if err != nil {
		return record{}, err
	}
	var rec record
	if err := json.Unmarshal(b, &rec); err != nil {
		return record{}, fmt.Errorf("read %s: %w", filepath.Join(dir, "state.json"), err)
	}
	return rec, nil
}

// writeRecord replaces state.json. The record of an --rm container does not outlive a power loss, as the container
// does not.
func (e *Engine) writeRecord(cfg *container.Config, rec record) error {
	if cfg.Remove {
		return e.writeVolatileRecord(cfg, rec)
	}
	return e.replaceRecord(cfg, rec, atomicfile.Write)
}

// writeVolatileRecord replaces state.json with what means nothing after a power loss: that a process runs.
func (e *Engine) writeVolatileRecord(cfg *container.Config, rec record) error {
	return e.replaceRecord(cfg, rec, atomicfile.WriteVolatile)
}

func (e *Engine) replaceRecord(cfg *container.Config, rec record, write func(string, []byte) error) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	err = write(filepath.Join(e.Dir(cfg.ID), "state.json"), b)
	if err != nil {
		return fmt.Errorf("record the state of container %q: %w", cfg.Name, err)
	}
	return nil
}

func isReadOnly(err error) bool { return errors.Is(err, unix.EROFS) }
