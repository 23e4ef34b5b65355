package bridge

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// namespace is a network namespace with a thread that stays in it: sockets belong to the namespace in which they are made,
// and /proc/sys/net shows that of the thread that looks.
type namespace struct {
	file *os.File
	link *netlink.Handle
	jobs chan func()
}

// enter starts the thread of the namespace that file is.
func enter(file *os.File) (*namespace, error) {
	n, err := visit(file)
	if err != nil {
		return nil, err
	}
	err = n.do(func() (err error) {
		n.link, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	return n, err
}

func (n *namespace) serve(started chan<- error) {
	runtime.LockOSThread() // never unlocked: the thread ends with this function
	if unix.Gettid() == os.Getpid() {
		// The main thread cannot end. While it is held here, the next one is another.
		inner := make(chan error)
		go n.serve(inner)
		started <- <-inner
		runtime.UnlockOSThread()
		return
	}
	err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET)
	started <- err
	if err != nil {
		return
	}
	for job := range n.jobs {
		job()
	}
}

// do runs job on the thread of the namespace.
func (n *namespace) do(job func() error) error {
	done := make(chan error, 1)
	n.jobs <- func() { done <- job() }
	return <-done
}

func (n *namespace) close() {
	if n.link != nil {
		n.link.Close()
	}
	close(n.jobs)
}

// setting writes one file below /proc/sys/net of the namespace. One that does not exist, as with a kernel without IPv6, is left.
func (n *namespace) setting(name, value string) error {
	return n.do(func() error { return setting(name, value) })
}

func setting(name, value string) error {
	err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// fresh is a new namespace, with lo up. Routes that strangers advertise are not believed in it; ping works without a
// capability, and any user may listen on a low port, as in docker.
//
// In a user's namespaces TCP ends on this machine, at the way out, the port forwarder or another container. Congestion control has
// nothing to control there, and one that paces what it sends (BBR) waits for timers in vain: reno does not, and every kernel has it.
func (s *Server) fresh() (file *os.File, err error) {
	settings := [][2]string{
		{"ipv6/conf/all/accept_ra", "0"},
		{"ipv6/conf/default/accept_ra", "0"},
		{"ipv6/conf/all/accept_redirects", "0"},
		{"ipv6/conf/default/accept_redirects", "0"},
		{"ipv4/ping_group_range", "0 " + lastGroup()},
		{"ipv4/ip_unprivileged_port_start", "0"},
	}
	if s.Rootless {
		settings = append(settings, [2]string{"ipv4/tcp_congestion_control", "reno"})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		file, err = unshared(settings)
	}()
	<-done
	if err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	return file, nil
}

// unshared leaves its thread in the namespace; the runtime ends the thread with the goroutine.
func unshared(settings [][2]string) (file *os.File, err error) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			file, err = unshared(settings)
		}()
		<-done
		runtime.UnlockOSThread()
		return file, err
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	for _, s := range settings {
		if err := setting(s[0], s[1]); err != nil {
			return nil, err
		}
	}
	link, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer link.Close()
	lo := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: 1}} // lo is always the first
	if err := link.LinkSetUp(lo); err != nil {
		return nil, fmt.Errorf("bring lo up: %w", err)
	}
	return os.Open("/proc/" + strconv.Itoa(os.Getpid()) + "/task/" + strconv.Itoa(unix.Gettid()) + "/ns/net")
}

// lastGroup is the last group id of this user namespace; the kernel refuses a range with others.
func lastGroup() string {
	last := uint64(0)
	text, err := os.ReadFile("/proc/self/gid_map")
	if err != nil {
		return "0"
	}
	for line := range strings.Lines(string(text)) {
		var first, outside, size uint64
		if n, _ := fmt.Sscan(line, &first, &outside, &size); n == 3 && first <= last+1 {
			last = max(last, first+size-1)
		}
	}
	return strconv.FormatUint(min(last, 1<<31-1), 10)
}

// linkIn gives a netlink handle whose socket is in the namespace.
func linkIn(file *os.File) (link *netlink.Handle, err error) {
	n, err := visit(file)
	if err != nil {
		return nil, err
	}
	defer n.close()
	err = n.do(func() (err error) {
		link, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	return link, err
}

// settingIn writes a setting of another namespace, on a thread that goes there for it.
func settingIn(file *os.File, name, value string) error {
	n, err := visit(file)
	if err != nil {
		return err
	}
	defer n.close()
	return n.setting(name, value)
}

// visit is enter without a netlink handle.
func visit(file *os.File) (*namespace, error) {
	n := &namespace{file: file, jobs: make(chan func())}
	started := make(chan error)
	go n.serve(started)
	return n, <-started
}
