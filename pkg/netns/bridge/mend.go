package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/netns/helper"
	"github.com/pod-engine/pod/pkg/netns/network"
)

// recover goes on from what a helper that was killed has left: containers whose interfaces are there keep them, their ports
// are bound again, and everything else goes.
func (s *Server) recover() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.records() {
		if a.Boot == s.boot && s.plugged(a) {
			s.attached[a.ID] = a
		} else {
			s.forget(a)
		}
	}
	s.leases.sweep(s.attached)
	s.dropStrangers()
	if err := failpoint.Hit("helper.swept"); err != nil {
		return err
	}
	if _, err := s.restore(); err != nil { // whoever started us asks again and is told
		return err
	}
	go s.follow()
	return failpoint.Hit("helper.restored")
}

// records are those of the containers that were attached.
func (s *Server) records() []*helper.Attached {
	var all []*helper.Attached
	dir := filepath.Join(s.Dir, helper.AttachedDir)
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		a := &helper.Attached{}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil || json.Unmarshal(text, a) != nil || a.ID != entry.Name() {
			os.Remove(filepath.Join(dir, entry.Name())) // a temporary file, or damage
			continue
		}
		all = append(all, a)
	}
	return all
}

// plugged reports whether the kernel has interfaces of a container on our side. Where it has only some, the container leaves the networks
// of the others.
func (s *Server) plugged(a *helper.Attached) bool {
	missing := func(e helper.End) bool {
		if !s.onBridge(e) {
			return false
		}
		_, err := s.inside.link.LinkByName(e.Peer)
		return err != nil
	}
	left := slices.DeleteFunc(slices.Clone(a.Ends), missing)
	if len(left) == 0 && len(a.Ends) > 0 {
		return false
	}
	if len(left) < len(a.Ends) {
		a.Ends = left
		if err := s.record(a); err != nil {
			s.Log.Error("record that a container has lost a network", "container", a.ID, "error", err)
		}
	}
	return true
}

// onBridge reports whether an end has an interface on our side, and not on one of the machine's.
func (s *Server) onBridge(e helper.End) bool {
	n, err := s.store.Load(e.Network)
	return err != nil || n.Driver == network.DriverBridge
}

// dropStrangers removes interfaces that belong to no container.
func (s *Server) dropStrangers() {
	links, err := s.inside.link.LinkList()
	if err != nil {
		return
	}
	for _, l := range links {
		name := l.Attrs().Name
		if strings.HasPrefix(name, peerPrefix) && !s.isPeer(name) {
			s.inside.link.LinkDel(l)
		}
	}
}

func (s *Server) isPeer(name string) bool {
	for _, a := range s.attached {
		if slices.ContainsFunc(a.Ends, func(e helper.End) bool { return e.Peer == name }) {
			return true
		}
	}
	return false
}

// restore makes bridges, rules, names, ports and the way out for what is attached. Of containers that go on without something the warnings
// say of what.
func (s *Server) restore() (warnings []string, all error) {
	needsUplink := false
	for _, a := range s.attached {
		for _, e := range a.Ends {
			n, err := s.store.Load(e.Network)
			if err != nil || n.Driver != network.DriverBridge {
				continue // its network was removed by hand: the container keeps what it has
			}
			needsUplink = needsUplink || !n.Internal
			if _, err := s.ensureBridge(n); err != nil {
				all = errors.Join(all, err)
			}
		}
	}
	if err := s.replaceRules(); err != nil {
		return warnings, errors.Join(all, err)
	}
	if needsUplink {
		if _, err := s.uplink.await(); err != nil {
			s.Log.Error("start the way out", "error", err)
			warnings = append(warnings, "containers have no way out of their networks: "+err.Error())
		}
	}
	s.names.update()
	for _, a := range s.attached {
		if s.ports[a.ID] != nil || s.gatewayEnd(a) < 0 {
			continue
		}
		if err := s.republish(a); err != nil {
			s.Log.Error("publish ports again", "container", a.ID, "error", err)
			warnings = append(warnings, fmt.Sprintf("the ports of container %q are not published any more: %v; when they can be again: pod network reload %s",
				ownName(a), err, ownName(a)))
		}
	}
	return warnings, all
}

// reload puts right what somebody took away, and reads the records of networks again.
func (s *Server) reload() (helper.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attached == nil {
		return helper.Answer{}, errEnding
	}
	for name := range s.bridges {
		if n, err := s.store.Load(name); err == nil {
			s.bridges[name] = n
		}
	}
	warnings, err := s.restore()
	return helper.Answer{Warnings: warnings}, err
}

// dropNetwork takes away the bridge of a network that was removed.
func (s *Server) dropNetwork(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.bridges[name]
	if !ok {
		return nil
	}
	delete(s.bridges, name)
	s.names.hush(name)
	s.names.update()
	if link, err := s.inside.link.LinkByName(n.Interface); err == nil {
		if err := s.inside.link.LinkDel(link); err != nil {
			return fmt.Errorf("remove the bridge %q: %w", n.Interface, err)
		}
	}
	return s.replaceRules()
}

// follow forgets containers whose namespace has ended: the kernel then takes their interfaces away and says so. Commands do
// that themselves at a container's end; this is for containers that nobody cleans up.
func (s *Server) follow() {
	updates, done := make(chan netlink.LinkUpdate, 256), make(chan struct{})
	err := s.inside.do(func() error { return netlink.LinkSubscribe(updates, done) })
	if err != nil {
		s.Log.Error("follow the interfaces", "error", err)
		return
	}
	for update := range updates {
		if name := update.Attrs().Name; update.Header.Type == unix.RTM_DELLINK && strings.HasPrefix(name, peerPrefix) {
			s.lost(name)
		}
	}
}

// lost is told of an interface that has gone. One that was not taken away by us took its container with it.
func (s *Server) lost(peer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.attached {
		if slices.ContainsFunc(a.Ends, func(e helper.End) bool { return e.Peer == peer }) {
			s.Log.Debug("a container's namespace ended", "container", a.ID)
			s.forget(a)
			s.names.update()
			return
		}
	}
}
