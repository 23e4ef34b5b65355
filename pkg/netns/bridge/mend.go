package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

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
	s.leases.sweep()
	s.dropStrangers()
	if err := s.restore(); err != nil {
		return err
	}
	go s.follow()
	return nil
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

// plugged reports whether the kernel has all interfaces of a container on our side.
func (s *Server) plugged(a *helper.Attached) bool {
	for _, e := range a.Ends {
		if _, err := s.inside.link.LinkByName(e.Peer); err != nil && s.onBridge(e) {
			return false
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

// restore makes bridges, rules, names, ports and the way out for what is attached.
func (s *Server) restore() error {
	var all error
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
		return errors.Join(all, err)
	}
	if needsUplink {
		if _, err := s.uplink.await(); err != nil {
			s.Log.Error("start the way out", "error", err)
		}
	}
	s.names.update()
	for _, a := range s.attached {
		if s.ports[a.ID] != nil || len(a.Ports) == 0 {
			continue
		}
		ports := a.Ports
		a.Ports = nil
		if err := s.publish(a, ports); err != nil {
			s.unpublish(a.ID)
			a.Ports = ports
			s.Log.Error("publish ports again", "container", a.ID, "error", err)
		}
	}
	return all
}

// reload puts right what somebody took away, and reads the records of networks again.
func (s *Server) reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attached == nil {
		return errEnding
	}
	for name := range s.bridges {
		if n, err := s.store.Load(name); err == nil {
			s.bridges[name] = n
		}
	}
	return s.restore()
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

// connect attaches a running container to one network more.
func (s *Server) connect(request helper.Request, file *os.File) (answer helper.Answer, err error) {
	if file == nil {
		return answer, errors.New("connect: no namespace was sent")
	}
	networks, err := s.load(request.Endpoints)
	if err != nil {
		return answer, err
	}
	n, e := networks[0], request.Endpoints[0]
	if n.Driver == network.DriverBridge && !n.Internal {
		if _, err := s.uplink.await(); err != nil {
			return answer, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attached == nil {
		return answer, errEnding
	}
	a := s.attached[request.ID]
	if a == nil { // it was started in no network, or left its last
		a = &helper.Attached{ID: request.ID, Boot: s.boot, Names: request.Names}
	}
	if slices.ContainsFunc(a.Ends, func(o helper.End) bool { return o.Network == n.Name }) {
		return answer, fmt.Errorf("the container is in network %q already: %w", n.Name, network.ErrExists)
	}
	end, err := s.reserve(n, e, a)
	if err != nil {
		return answer, err
	}
	before := a.Ends
	first := s.gatewayEnd(a) < 0
	a.Ends = append(slices.Clone(before), end)
	s.attached[a.ID] = a
	if err = s.record(a); err == nil {
		err = s.plug(n, end, file, first && !n.Internal)
	}
	if err != nil {
		go s.unplug([]string{end.Peer})
		if len(before) == 0 {
			return answer, errors.Join(err, s.forget(a))
		}
		a.Ends = before
		return answer, errors.Join(err, s.release(a, end), s.record(a))
	}
	s.names.update()
	answer.Attached = *a
	return answer, nil
}

// disconnect takes a container out of a network.
func (s *Server) disconnect(request helper.Request, file *os.File) error {
	name := request.Endpoints[0].Network
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.attached[request.ID]
	i := -1
	if a != nil {
		i = slices.IndexFunc(a.Ends, func(e helper.End) bool { return e.Network == name })
	}
	if i < 0 {
		return fmt.Errorf("the container is not in network %q: %w", name, network.ErrNotFound)
	}
	end, gateway := a.Ends[i], s.gatewayEnd(a)
	a.Ends = slices.Delete(slices.Clone(a.Ends), i, i+1)
	err := s.record(a)
	if s.onBridge(end) {
		s.unplug([]string{end.Peer})
		err = errors.Join(err, s.rules.expel(end))
	} else if file != nil {
		err = errors.Join(err, removeIn(file, end.Interface))
	}
	err = errors.Join(err, s.release(a, end))
	if i == gateway {
		err = errors.Join(err, s.moveOut(a, file))
	}
	s.names.update()
	return err
}

// moveOut gives a container that lost its way out another: its next network's gateway, and its ports lead there.
func (s *Server) moveOut(a *helper.Attached, file *os.File) error {
	next := s.gatewayEnd(a)
	ports := a.Ports
	s.unpublish(a.ID)
	if next < 0 {
		return nil
	}
	if file != nil {
		n, err := s.store.Load(a.Ends[next].Network)
		if err == nil {
			err = routeBy(n, a.Ends[next], file)
		}
		if err != nil {
			return err
		}
	}
	a.Ports = nil
	if err := s.publish(a, ports); err != nil {
		a.Ports = ports
		return err
	}
	return nil
}

func routeBy(_ network.Config, e helper.End, file *os.File) error {
	link, err := linkIn(file)
	if err != nil {
		return err
	}
	defer link.Close()
	eth, err := link.LinkByName(e.Interface)
	if err != nil {
		return err
	}
	for _, a := range e.Addresses {
		if !a.Gateway.IsValid() {
			continue
		}
		if err := link.RouteReplace(&netlink.Route{LinkIndex: eth.Attrs().Index, Gw: net.IP(a.Gateway.AsSlice())}); err != nil {
			return err
		}
	}
	return nil
}

func removeIn(file *os.File, name string) error {
	link, err := linkIn(file)
	if err != nil {
		return err
	}
	defer link.Close()
	eth, err := link.LinkByName(name)
	if err != nil {
		return err
	}
	return link.LinkDel(eth)
}
