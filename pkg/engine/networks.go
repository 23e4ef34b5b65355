package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/netns"
	"github.com/pod-engine/pod/pkg/netns/helper"
	"github.com/pod-engine/pod/pkg/netns/network"
)

// checkNetworks refuses a container in a network that does not exist.
func (e *Engine) checkNetworks(cfg *container.Config) error {
	for _, end := range cfg.Network.Networks {
		n, err := e.Networks().Load(end.Network)
		if errors.Is(err, network.ErrNotFound) {
			return hint.Wrap(err, "pod network create "+end.Network)
		}
		if err != nil {
			return err
		}
		if n.Name != end.Network {
			return fmt.Errorf("network %q is the id of %q: give its name", end.Network, n.Name)
		}
	}
	return nil
}

// CreateNetwork completes c and keeps it.
func (e *Engine) CreateNetwork(ctx context.Context, c network.Config) (network.Config, error) {
	return e.Networks().Create(ctx, c, network.HostFacts{Rootless: e.User.Rootless, Taken: netns.Reachable()})
}

// UpdateNetwork changes the record of a network, and what serves it.
func (e *Engine) UpdateNetwork(ctx context.Context, nameOrID string, change func(*network.Config) error) (network.Config, error) {
	n, err := e.Networks().Load(nameOrID)
	if err != nil {
		return n, err
	}
	if n, err = e.Networks().Update(ctx, n.Name, change); err != nil {
		return n, err
	}
	_, _, err = e.Network.AskRunning(ctx, helper.Request{Verb: helper.Reload})
	return n, err
}

// NetworkUsers are the containers in a network, whether they run or not.
func (e *Engine) NetworkUsers(ctx context.Context, name string) ([]Container, error) {
	list, err := e.List(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(c Container) bool {
		return c.State.Status == container.StatusDamaged ||
			!slices.ContainsFunc(c.Config.Network.Endpoints(), func(end container.Endpoint) bool { return end.Network == name })
	}), nil
}

// RemoveNetwork removes a network. One that containers are in is refused with network.ErrInUse, unless force is given, which
// removes them.
func (e *Engine) RemoveNetwork(ctx context.Context, nameOrID string, force bool, timeout *time.Duration) error {
	n, err := e.Networks().Load(nameOrID)
	if err != nil {
		return err
	}
	users, err := e.NetworkUsers(ctx, n.Name)
	if err != nil {
		return err
	}
	if len(users) > 0 && n.Name != container.DefaultNetwork {
		if !force {
			return hint.Wrap(fmt.Errorf("remove network %q: container %q is in it: %w", n.Name, users[0].Config.Name, network.ErrInUse),
				"remove the container first, or the network with its containers: pod network rm --force "+n.Name)
		}
		for _, c := range users {
			if err := e.Remove(ctx, c.Config.ID, RemoveOptions{Force: true, Timeout: timeout}); err != nil {
				return err
			}
		}
	}
	if err := e.Networks().Remove(ctx, n.Name); err != nil {
		return err
	}
	if _, _, err := e.Network.AskRunning(ctx, helper.Request{Verb: helper.Drop, Network: n.Name}); err != nil {
		e.Log.Warn("the bridge of a removed network", "network", n.Name, "error", err)
	}
	return nil
}

// ConnectNetwork puts a container into one network more, at once if it runs. The network is named by end.
func (e *Engine) ConnectNetwork(ctx context.Context, id string, end container.Endpoint) error {
	n, err := e.Networks().Load(end.Network)
	if err != nil {
		return err
	}
	end.Network = n.Name
	return e.withLock(ctx, id, "network connect", func(c Container, rec record) error {
		ends := c.Config.Network.Endpoints()
		if !c.Config.Network.Bridged() && c.Config.Network.Mode != "none" {
			return fmt.Errorf("container %q has the network %q, which takes no other beside it", c.Config.Name, c.Config.Network.Mode)
		}
		if slices.ContainsFunc(ends, func(o container.Endpoint) bool { return o.Network == n.Name }) {
			return fmt.Errorf("container %q is in network %q already: %w", c.Config.Name, n.Name, network.ErrExists)
		}
		if err := c.Config.Network.In(append(ends, end)).Validate(); err != nil {
			return err
		}
		return e.rewire(ctx, c, rec, helper.Connect, end, append(ends, end))
	})
}

// DisconnectNetwork takes a container out of a network, at once if it runs.
func (e *Engine) DisconnectNetwork(ctx context.Context, id, nameOrID string) error {
	n, err := e.Networks().Load(nameOrID)
	if err != nil {
		return err
	}
	return e.withLock(ctx, id, "network disconnect", func(c Container, rec record) error {
		ends := c.Config.Network.Endpoints()
		i := slices.IndexFunc(ends, func(o container.Endpoint) bool { return o.Network == n.Name })
		if i < 0 {
			return fmt.Errorf("container %q is not in network %q", c.Config.Name, n.Name)
		}
		end := ends[i]
		return e.rewire(ctx, c, rec, helper.Disconnect, end, slices.Delete(ends, i, i+1))
	})
}

// ReloadNetworks puts right what is missing of running containers' networks, and reads the records of networks again.
func (e *Engine) ReloadNetworks(ctx context.Context) error {
	answer, _, err := e.Network.Ask(ctx, helper.Request{Verb: helper.Reload}, nil)
	for _, warning := range answer.Warnings {
		e.Warn(warning)
	}
	return err
}
