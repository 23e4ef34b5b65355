package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/netns"
	"github.com/pod-engine/pod/pkg/netns/helper"
	"github.com/pod-engine/pod/pkg/netns/network"
	"github.com/pod-engine/pod/pkg/oci"
)

// connecting is a container's way into its networks, which the network helper makes while the root file system is mounted.
type connecting struct {
	done   chan struct{}
	answer helper.Answer
	file   *os.File
	err    error
}

// connectNetworks begins to attach a container to its networks; nil when it is in none. What comes of it is undone by
// releaseRun, like everything of a start.
func (e *Engine) connectNetworks(ctx context.Context, cfg *container.Config) *connecting {
	if !cfg.Network.Bridged() {
		return nil
	}
	request := helper.Request{
		Verb: helper.Setup, ID: cfg.ID, Names: []string{cfg.Name}, Endpoints: cfg.Network.Endpoints(), Ports: cfg.Network.Ports,
		Search: cfg.Network.DNSSearch,
	}
	for _, s := range cfg.Network.DNS {
		if a, err := netip.ParseAddr(s); err == nil { // else "none"
			request.DNS = append(request.DNS, a)
		}
	}
	c := &connecting{done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.answer, c.file, c.err = e.Network.Ask(ctx, request, nil)
	}()
	return c
}

// await gives the namespace and how it is attached.
func (c *connecting) await() (helper.Answer, *os.File, error) {
	<-c.done
	file := c.file
	c.file = nil
	if c.err == nil && file == nil {
		c.err = errors.New("the network helper sent no namespace")
	}
	return c.answer, file, c.err
}

// abandon closes the namespace of a start that nobody waited for.
func (c *connecting) abandon() {
	if c == nil {
		return
	}
	<-c.done
	if c.file != nil {
		c.file.Close()
	}
}

// planNetwork decides how the container reaches others and writes the files about it.
func (e *Engine) planNetwork(ctx context.Context, b *bundle, host *oci.Host, connected *connecting) (err error) {
	var helpers netns.Helpers
	if connected == nil {
		if helpers, err = netns.Probe(ctx, exec.LookPath); err != nil {
			return err
		}
	}
	facts := netns.ReadHost(helpers, b.path("netns"))
	facts.Root = !e.User.Rootless
	if facts.BaseHosts, err = baseHosts(b); err != nil {
		return err
	}
	if connected != nil {
		err = e.takeNetwork(b, facts, connected)
	} else {
		err = e.chooseNetwork(b, facts)
	}
	if err != nil {
		return e.namePortHolder(ctx, b.cfg, err)
	}
	for _, warning := range b.network.Warnings {
		e.Warn(warning)
	}
	if len(b.network.Command) > 0 || b.namespace != nil {
		b.netns = b.path("netns")
		if err := os.WriteFile(b.netns, nil, 0o600); err != nil {
			return err
		}
		host.Namespaces[specs.NetworkNamespace] = b.netns
	}
	host.ForeignNetwork = b.network.Mode == netns.ModeHost || b.network.JoinPath != "" && !ownsNamespace(b.network.JoinPath)
	return e.writeFiles(b, facts, host)
}

// baseHosts reads what /etc/hosts is to begin with.
func baseHosts(b *bundle) ([]byte, error) {
	switch file := b.cfg.Network.HostsFile; file {
	case "":
		return nil, nil
	case container.HostsFromImage:
		return readInRoot(b.root, "/etc/hosts", userFileLimit)
	default:
		text, err := readFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the hosts file %q: %w", file, err)
		}
		return text, nil
	}
}

// takeNetwork is about a container in networks: the helper has done everything.
func (e *Engine) takeNetwork(b *bundle, facts netns.HostFacts, connected *connecting) error {
	answer, file, err := connected.await()
	if err != nil {
		return err
	}
	b.namespace, b.network = file, netns.Attach(answer, facts)
	return e.recordPorts(b)
}

// chooseNetwork is about a network of the container's own, another's or none.
func (e *Engine) chooseNetwork(b *bundle, facts netns.HostFacts) (err error) {
	network := b.cfg.Network
	if network.Ports, err = netns.AssignPorts(network.Ports); err != nil {
		return err
	}
	if b.network, err = netns.Plan(network, facts); err != nil {
		return err
	}
	if err := e.recordPorts(b); err != nil {
		return err
	}
	return netns.CheckPorts(b.network.Ports)
}

// releaseNetworks takes a container out of its networks: addresses, names and ports are free when it returns.
func (e *Engine) releaseNetworks(ctx context.Context, id string) error {
	records, err := filepath.Glob(filepath.Join(e.Network.Dir, "*", helper.AttachedDir, id))
	if err != nil || len(records) == 0 {
		return err
	}
	place, err := e.Network.Place()
	if err != nil {
		return err
	}
	for _, record := range records {
		if other := filepath.Dir(filepath.Dir(record)); other != place {
			if err := releaseElsewhere(ctx, other, id); err != nil {
				return err
			}
			continue
		}
		_, file, err := e.Network.Ask(ctx, helper.Request{Verb: helper.Teardown, ID: id}, nil)
		if file != nil {
			file.Close()
		}
		if err != nil {
			return fmt.Errorf("release the networks of container %s: %w", short(id), err)
		}
	}
	return nil
}

// releaseElsewhere is about a container of a user namespace that was replaced. Its helper may still run; another cannot be started
// from here, but then nothing is left that needs one.
func releaseElsewhere(ctx context.Context, place, id string) error {
	_, running, err := helper.AskAt(ctx, place, helper.Request{Verb: helper.Teardown, ID: id})
	if err == nil && !running {
		err = os.Remove(filepath.Join(place, helper.AttachedDir, id))
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("release the networks of container %s: %w", short(id), err)
	}
	return nil
}

// mendNetwork starts the network helper again if it was killed while containers need it.
func (e *Engine) mendNetwork(ctx context.Context) {
	if !e.Network.Needed() {
		return
	}
	if err := e.ReloadNetworks(ctx); err != nil {
		e.Log.Warn("the network helper was killed and does not start again", "error", err)
	}
}

// Networks are the records of networks.
func (e *Engine) Networks() network.Store { return network.Store{Dir: e.Network.Networks} }

// Attached is how a running container is attached to its networks; ok is false for one that is in none.
func (e *Engine) Attached(id string) (attached helper.Attached, ok bool) {
	records, _ := filepath.Glob(filepath.Join(e.Network.Dir, "*", helper.AttachedDir, id))
	if len(records) == 0 || readJSON(records[0], &attached) != nil {
		return helper.Attached{}, false
	}
	return attached, attached.Boot == e.boot
}
