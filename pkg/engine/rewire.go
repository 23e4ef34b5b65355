package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/netns"
	"github.com/pod-engine/pod/pkg/netns/helper"
)

// rewire has the helper change a running container, tells the container's files of it, and writes down which networks it is in from now on.
func (e *Engine) rewire(ctx context.Context, c Container, rec record, verb helper.Verb, end container.Endpoint, ends []container.Endpoint) error {
	if c.State.Alive() && c.State.PID != 0 {
		namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", c.State.PID))
		if err != nil {
			return fmt.Errorf("find the network namespace of container %q: %w", c.Config.Name, err)
		}
		defer namespace.Close()
		before, _ := e.Attached(c.Config.ID)
		request := helper.Request{Verb: verb, ID: c.Config.ID, Names: []string{c.Config.Name}, Endpoints: []container.Endpoint{end}}
		answer, _, err := e.Network.Ask(ctx, request, namespace)
		if err != nil {
			return fmt.Errorf("container %q: %w", c.Config.Name, err)
		}
		if verb == helper.Connect { // also when an earlier command connected it and died before it came to the files
			before.Ends = slices.DeleteFunc(slices.Clone(answer.Attached.Ends), func(o helper.End) bool { return o.Network == end.Network })
		}
		if err := e.reviseFiles(c.Config, before, answer); err != nil {
			return fmt.Errorf("tell container %q of its networks: %w", c.Config.Name, err)
		}
	}
	if err := failpoint.Hit("network.rewired"); err != nil {
		return err
	}
	rec.Networks = &ends
	return e.writeRecord(c.Config, rec)
}

// reviseFiles changes /etc/hosts and /etc/resolv.conf of a running container as its networks have changed, and leaves in them what else
// the container has written.
func (e *Engine) reviseFiles(cfg *container.Config, before helper.Attached, answer helper.Answer) error {
	facts := netns.ReadHost(netns.Helpers{}, "")
	started := *cfg
	if len(answer.Attached.Names) > 0 {
		started.Name = answer.Attached.Names[0] // it may have been renamed since
	}
	now := netns.Attach(answer, facts)
	answer.Attached = before
	was := netns.Attach(answer, facts)
	if now.HostAddress == "" {
		now.HostAddress = was.HostAddress // out of reach without a network, but not unknown
	}
	render := map[string]func(netns.Network) ([]byte, error){
		"hosts":       func(n netns.Network) ([]byte, error) { return netns.Hosts(&started, facts, n) },
		"resolv.conf": func(n netns.Network) ([]byte, error) { return netns.ResolvConf(cfg.Network, facts, n) },
	}
	for name, of := range render {
		old, _ := of(was) // it may be that nothing was written of a state without any network
		text, err := of(now)
		if err != nil {
			return err
		}
		path := filepath.Join(e.ContainerRunDir(cfg.ID), "files", name)
		if err := revise(path, old, text); err != nil && !errors.Is(err, os.ErrNotExist) { // --no-hosts, --dns none
			return err
		}
	}
	return nil
}

// revise writes into the file itself, which is mounted into the container.
func revise(path string, before, after []byte) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	revised := netns.Revise(text, before, after)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(revised, 0)
	if err == nil {
		err = f.Truncate(int64(len(revised)))
	}
	return errors.Join(err, f.Close())
}
