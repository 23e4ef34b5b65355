package engine

import (
	"context"
	"path/filepath"
	"time"

	"github.com/pod-engine/pod/pkg/container"
)

// WaitOptions say what to wait for.
type WaitOptions struct {
	Conditions []container.Status // none: the end
	Interval   time.Duration      // between two looks for a condition
}

// Wait returns when the container is in one of the states asked for, with its exit code.
func (e *Engine) Wait(ctx context.Context, id string, opts WaitOptions) (int, error) {
	return 0, ErrNotFound
}

// LogPath is the file that a container's output is kept in by the drivers that keep a file.
func (e *Engine) LogPath(cfg *container.Config) string {
	if cfg.Log.Path != "" {
		return cfg.Log.Path
	}
	return filepath.Join(e.Dir(cfg.ID), "log")
}

// EventsPath is the journal of events.
func (e *Engine) EventsPath() string { return filepath.Join(e.opts.DataDir, "events") }
