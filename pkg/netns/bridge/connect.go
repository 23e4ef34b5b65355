package bridge

import (
	"errors"
	"net"
	"os"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/netns/helper"
	"github.com/pod-engine/pod/pkg/netns/network"
)

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
		return s.attachedAs(a), nil // by a command that died before it could say so
	}
	end, err := s.reserve(n, e, a)
	if err != nil {
		return answer, err
	}
	before := a.Ends
	first := s.gatewayEnd(a) < 0
	if err = failpoint.Hit("helper.connecting"); err == nil {
		err = s.plug(n, end, file, first && !n.Internal)
	}
	// Recorded last: an interface without a record is taken away, and a record without its interface would say that the container has
	// ended.
	if err == nil {
		a.Ends = append(slices.Clone(before), end)
		err = s.record(a)
	}
	if err != nil {
		a.Ends = before
		go s.unplug([]string{end.Peer})
		return answer, errors.Join(err, s.rules.expel(end), s.release(a, end))
	}
	s.attached[a.ID] = a
	s.names.update()
	if first && !n.Internal && len(a.Ports) > 0 { // it had lost its last way in
		err = errors.Join(s.republish(a), s.redirect())
	}
	return s.attachedAs(a), errors.Join(err, failpoint.Hit("helper.connected"))
}

// disconnect takes a container out of a network.
func (s *Server) disconnect(request helper.Request, file *os.File) (answer helper.Answer, err error) {
	name := request.Endpoints[0].Network
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.attached[request.ID]
	i := -1
	if a != nil {
		i = slices.IndexFunc(a.Ends, func(e helper.End) bool { return e.Network == name })
	}
	switch {
	case a == nil:
		return answer, nil
	case i < 0:
		return s.attachedAs(a), nil // by a command that died before it could say so
	}
	end, gateway := a.Ends[i], s.gatewayEnd(a)
	a.Ends = slices.Delete(slices.Clone(a.Ends), i, i+1)
	err = errors.Join(s.record(a), failpoint.Hit("helper.disconnecting"))
	if s.onBridge(end) {
		s.unplug([]string{end.Peer})
		err = errors.Join(err, s.rules.expel(end))
	} else if file != nil {
		err = errors.Join(err, removeIn(file, end.Interface))
	}
	err = errors.Join(err, s.release(a, end))
	if i == gateway {
		err = errors.Join(err, failpoint.Hit("helper.disconnected"), s.moveOut(a, file))
	}
	s.names.update()
	return s.attachedAs(a), err
}

// moveOut gives a container that lost its way out another: its next network's gateway, and its ports lead there.
func (s *Server) moveOut(a *helper.Attached, file *os.File) error {
	next := s.gatewayEnd(a)
	s.unpublish(a.ID)
	if next < 0 {
		return s.redirect()
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
	return errors.Join(s.republish(a), s.redirect())
}

// redirect writes root's rules anew after published ports lead elsewhere.
func (s *Server) redirect() error {
	if s.Rootless {
		return nil
	}
	return s.replaceRules()
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
