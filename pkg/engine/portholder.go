package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/netns/helper"
)

// namePortHolder gives, for an error about a port that is in use, one that names the container which has published it, if one has. The
// network helper knows those in its networks; this is for those with a pasta of their own, which shows nobody its sockets.
func (e *Engine) namePortHolder(ctx context.Context, cfg *container.Config, err error) error {
	if !errors.Is(err, helper.ErrPortInUse) {
		return err
	}
	list, failed := e.List(ctx)
	if failed != nil {
		return err
	}
	for _, c := range list {
		if c.Config == nil || c.Config.ID == cfg.ID || !c.State.Alive() {
			continue
		}
		for _, theirs := range e.Ports(c) {
			for _, ours := range cfg.Network.Ports {
				if port, ok := ours.Meets(theirs); ok {
					return hint.Wrap(fmt.Errorf("publish host port %d/%s: container %q has published it", port, ours.Protocol, c.Config.Name),
						"choose another host port, or stop that container")
				}
			}
		}
	}
	return err
}
