package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/undo"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/netns"
	"github.com/pod-engine/pod/pkg/netns/helper"
	"github.com/pod-engine/pod/pkg/netns/network"
)

// errEnding is the answer to whoever came when the helper had decided to end. It is not sent: the connection closes.
var errEnding = errors.New("the network helper ends")

// setup makes a container's namespace, with an interface in each of its networks.
func (s *Server) setup(request helper.Request) (answer helper.Answer, file *os.File, err error) {
	networks, err := s.load(request.Endpoints)
	if err != nil {
		return answer, nil, err
	}
	if slices.ContainsFunc(networks, func(n network.Config) bool { return n.Driver == network.DriverBridge && !n.Internal }) {
		if answer.Warnings, err = s.uplink.await(); err != nil {
			return answer, nil, err
		}
	}
	if file, err = s.fresh(); err != nil {
		return answer, nil, err
	}
	defer func() {
		if err != nil {
			file.Close()
			file = nil
		}
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attached == nil {
		return answer, file, errEnding
	}
	if err := s.drop(request.ID); err != nil { // of an earlier start
		return answer, file, err
	}
	a := &helper.Attached{ID: request.ID, Boot: s.boot, Names: request.Names, DNS: request.DNS, Search: request.Search}
	if err := s.attach(a, networks, request, file); err != nil {
		return answer, file, err
	}
	warnings := answer.Warnings
	answer = s.attachedAs(a)
	answer.Warnings = warnings
	return answer, file, nil
}

// attachedAs is the answer about a container that is attached.
func (s *Server) attachedAs(a *helper.Attached) helper.Answer {
	return helper.Answer{Attached: *a, HostAddress: s.uplink.hostAddress(), Uplink: s.uplink.driver()}
}

// attach does what a start needs, in the order in which it can be taken back: addresses, ports, the record, interfaces, names.
func (s *Server) attach(a *helper.Attached, networks []network.Config, request helper.Request, file *os.File) (err error) {
	undone := new(undo.Stack)
	defer undone.OnError(&err)
	undone.Push(func() error { return s.forget(a) })
	for i, n := range networks {
		end, err := s.reserve(n, request.Endpoints[i], a)
		if err != nil {
			return err
		}
		a.Ends = append(a.Ends, end)
	}
	if err := failpoint.Hit("helper.leased"); err != nil {
		return err
	}
	if err := s.publish(a, request.Ports); err != nil {
		return err
	}
	if err := failpoint.Hit("helper.published"); err != nil {
		return err
	}
	if err := s.record(a); err != nil {
		return err
	}
	s.attached[a.ID] = a
	if err := failpoint.Hit("helper.recorded"); err != nil {
		return err
	}
	for i, n := range networks {
		if err := s.plug(n, a.Ends[i], file, i == s.gatewayEnd(a)); err != nil {
			return err
		}
	}
	if err := failpoint.Hit("helper.plugged"); err != nil {
		return err
	}
	if len(s.redirects()) > 0 {
		if err := s.replaceRules(); err != nil {
			return err
		}
	}
	s.names.update()
	return failpoint.Hit("helper.named")
}

// load gives the records of the networks of these endpoints.
func (s *Server) load(ends []container.Endpoint) ([]network.Config, error) {
	var networks []network.Config
	for _, e := range ends {
		n, err := s.store.Load(e.Network)
		if err == nil && n.Name == container.DefaultNetwork && !s.hasBridge(n.Name) {
			n, err = s.store.Settle(context.Background(), netns.Reachable(n.Interface))
		}
		if err != nil {
			return nil, err
		}
		networks = append(networks, n)
	}
	return networks, nil
}

func (s *Server) hasBridge(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.bridges[name]
	return ok
}

// reserve chooses names and addresses for one end and leases the addresses.
func (s *Server) reserve(n network.Config, e container.Endpoint, a *helper.Attached) (_ helper.End, err error) {
	end := helper.End{Network: n.Name, Interface: e.Interface, Peer: newPeer(), Aliases: e.Aliases, Internal: n.Internal, Resolves: n.DNS}
	undone := new(undo.Stack)
	defer undone.OnError(&err)
	if end.Interface == "" {
		end.Interface = freeInterface(a.Ends)
	}
	if slices.ContainsFunc(a.Ends, func(o helper.End) bool { return o.Interface == end.Interface }) {
		return end, fmt.Errorf("attach to network %q: the container has an interface %q already; give another interface_name", n.Name, end.Interface)
	}
	asked := map[bool]string{false: e.Address, true: e.Address6}
	if s.leases.last == nil {
		s.leases.last = map[string]netip.Addr{}
	}
	for _, sub := range n.Subnets {
		six := sub.Subnet.Addr().Is6()
		if had, ok := end.Address4(); ok && !six && had.Prefix.IsValid() {
			continue // one address of each family
		}
		if _, ok := end.Address6(); ok && six {
			continue
		}
		want := asked[six]
		var addr netip.Addr
		if want != "" {
			addr = netip.MustParseAddr(want) // checked by Validate
			if !sub.Usable(addr) {
				continue
			}
			err = s.leases.take(n, addr, a.ID)
			asked[six] = ""
		} else if s.inAny(n, e, six) {
			continue // it is asked for in another subnet
		} else {
			addr, err = s.leases.choose(n, sub, a.ID)
		}
		if err != nil {
			return end, err
		}
		undone.Push(func() error { return s.leases.release(n.Name, addr, a.ID) })
		end.Addresses = append(end.Addresses, helper.Address{Prefix: netip.PrefixFrom(addr, sub.Subnet.Bits()), Gateway: sub.Gateway})
		if sub.Gateway.IsValid() && n.Driver == network.DriverBridge {
			end.DNS = append(end.DNS, sub.Gateway)
		}
	}
	for _, left := range asked {
		if left != "" {
			return end, fmt.Errorf("address %s is not one that a container can have in network %q (%s)", left, n.Name, subnets(n))
		}
	}
	end.MAC = e.MAC
	if end.MAC == "" {
		end.MAC = chooseMAC(end)
	}
	return end, nil
}

// inAny reports whether the address asked for lies in one of the network's subnets.
func (s *Server) inAny(n network.Config, e container.Endpoint, six bool) bool {
	want := e.Address
	if six {
		want = e.Address6
	}
	addr, err := netip.ParseAddr(want)
	return err == nil && slices.ContainsFunc(n.Subnets, func(sub network.Subnet) bool { return sub.Usable(addr) })
}

func subnets(n network.Config) string {
	text := ""
	for _, sub := range n.Subnets {
		if text != "" {
			text += ", "
		}
		text += sub.Subnet.String()
	}
	if text == "" {
		return "it has no subnet"
	}
	return text
}

func freeInterface(ends []helper.End) string {
	for i := 0; ; i++ {
		name := "eth" + strconv.Itoa(i)
		if !slices.ContainsFunc(ends, func(e helper.End) bool { return e.Interface == name }) {
			return name
		}
	}
}

// gatewayEnd is the index of the end by which a container leaves: the first that is not internal.
func (s *Server) gatewayEnd(a *helper.Attached) int {
	return slices.IndexFunc(a.Ends, func(e helper.End) bool { return !e.Internal })
}

// record writes down how a container is attached; from it a helper that was killed is made again.
func (s *Server) record(a *helper.Attached) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteVolatile(s.recordPath(a.ID), text); err != nil {
		return fmt.Errorf("record how the container is attached: %w", err)
	}
	return nil
}

func (s *Server) recordPath(id string) string { return filepath.Join(s.Dir, helper.AttachedDir, id) }

// drop forgets a container, if it is attached. What the kernel has of it goes with its namespace, or in the background.
func (s *Server) drop(id string) error {
	a := s.attached[id]
	if a == nil {
		return nil
	}
	err := s.forget(a)
	s.names.update()
	return err
}

// forget is the undo of setup: for a failure, the end, and a crash.
func (s *Server) forget(a *helper.Attached) error {
	s.last = time.Now()
	s.unpublish(a.ID)
	delete(s.attached, a.ID)
	all := failpoint.Hit("helper.unpublished")
	var peers []string
	for _, e := range a.Ends {
		all = errors.Join(all, s.release(a, e))
		peers = append(peers, e.Peer)
		if err := s.rules.expel(e); err != nil {
			s.Log.Debug("packet filter", "error", err) // it was never admitted
		}
	}
	all = errors.Join(all, failpoint.Hit("helper.released"))
	if err := os.Remove(s.recordPath(a.ID)); err != nil && !errors.Is(err, os.ErrNotExist) {
		all = errors.Join(all, err)
	}
	if !s.Rootless && len(a.Ports) > 0 {
		all = errors.Join(all, s.replaceRules())
	}
	go s.unplug(peers) // the kernel takes some milliseconds for each
	return errors.Join(all, failpoint.Hit("helper.forgotten"))
}

// release frees the addresses of one end.
func (s *Server) release(a *helper.Attached, e helper.End) error {
	var all error
	for _, address := range e.Addresses {
		all = errors.Join(all, s.leases.release(e.Network, address.Prefix.Addr(), a.ID))
	}
	return all
}
