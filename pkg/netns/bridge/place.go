package bridge

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/netns/helper"
)

// openNamespace gives the namespace for the networks. A user's is mounted in the helper's directory, so that it lives on
// with the bridges and the containers' interfaces in it when the helper dies; root's is the machine's own.
func (s *Server) openNamespace() (*os.File, error) {
	if !s.Rootless {
		return os.Open("/proc/self/ns/net")
	}
	path := filepath.Join(s.Dir, helper.NetnsFile)
	if file, ok := openMounted(path); ok {
		return file, nil
	}
	// What is recorded as attached was attached to another namespace, which is gone.
	file, err := s.fresh()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", file.Fd()), path, "", unix.MS_BIND, ""); err != nil {
		return nil, errors.Join(fmt.Errorf("mount the namespace of the networks at %q: %w", path, err), file.Close())
	}
	if err := failpoint.Hit("helper.namespace"); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// openMounted opens the namespace mounted at path, if one is.
func openMounted(path string) (*os.File, bool) {
	file, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &fs); err != nil || fs.Type != unix.NSFS_MAGIC {
		file.Close()
		return nil, false
	}
	return file, true
}

// prepare sets what the networks need of their namespace: packets are forwarded, and the answers to connections that the port
// forwarder made in a client's name come back to it.
func (s *Server) prepare() error {
	settings := [][2]string{{"ipv4/ip_forward", "1"}, {"ipv6/conf/all/forwarding", "1"}, {"ipv6/conf/default/accept_ra", "0"}}
	for _, set := range settings {
		if err := s.inside.setting(set[0], set[1]); err != nil {
			return fmt.Errorf("set net.%s in the namespace of the networks: %w", set[0], err)
		}
	}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		rule := netlink.NewRule()
		rule.Family, rule.Mark, rule.Table, rule.Priority = family, markAnswer, tableLocal, 100
		if err := s.inside.link.RuleAdd(rule); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("route the answers to published ports: %w", err)
		}
		all := &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}
		if family == unix.AF_INET6 {
			all = &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
		}
		route := &netlink.Route{LinkIndex: 1, Table: tableLocal, Type: unix.RTN_LOCAL, Scope: unix.RT_SCOPE_HOST, Dst: all}
		if err := s.inside.link.RouteReplace(route); err != nil {
			return fmt.Errorf("route the answers to published ports: %w", err)
		}
	}
	return nil
}

// leave takes away what the helper has made. Its lock stays.
func (s *Server) leave() {
	if s.Rootless {
		path := filepath.Join(s.Dir, helper.NetnsFile)
		unix.Unmount(path, unix.MNT_DETACH)
		os.Remove(path)
	} else {
		s.clear()
	}
	s.inside.close()
	os.Remove(filepath.Join(s.Dir, helper.SocketFile))
	os.Remove(filepath.Join(s.Dir, helper.DialSocket))
	os.Remove(filepath.Join(s.Dir, helper.AttachedDir))
	os.Remove(filepath.Join(s.Dir, helper.NetnsFile+".log"))
	s.leases.sweep(nil)
}

// clear takes the bridges and the rules away from the machine.
func (s *Server) clear() {
	for _, n := range s.bridges {
		if link, err := s.inside.link.LinkByName(n.Interface); err == nil {
			s.inside.link.LinkDel(link)
		}
	}
	s.rules.clear()
}
