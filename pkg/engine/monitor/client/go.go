package client

import (
	"context"
	"fmt"

	"github.com/pod-engine/pod/pkg/engine/monitor"
)

// Go starts the process of a container whose two-step start was left after Created. It returns when the monitor has
// been told; the run record says what came of it.
func Go(ctx context.Context, runDir string) error {
	if err := ask(ctx, runDir, monitor.FrameGo); err != nil {
		return fmt.Errorf("tell the monitor to go on: %w", err)
	}
	return nil
}

// Go is the same over a connection that is attached with these streams first, so that no output is lost. It does not
// wait for an answer.
func (c *Conn) Go(streams monitor.Streams, size monitor.Size) error {
	if err := c.sayHello(streams, size); err != nil {
		return fmt.Errorf("tell the monitor: %w", err)
	}
	if err := c.send(monitor.FrameGo, nil); err != nil {
		return fmt.Errorf("tell the monitor: %w", err)
	}
	return nil
}
