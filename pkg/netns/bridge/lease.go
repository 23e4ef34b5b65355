package bridge

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/netns/helper"
	"github.com/pod-engine/pod/pkg/netns/network"
)

// leases are the addresses in use: a file for each, dir/NETWORK/ADDRESS, made by one only and holding whose it is: the id of the
// container and the boot. One whose owner is attached by no helper, or is of another boot, is free.
type leases struct {
	dir  string // of all networks
	boot string
	last map[string]netip.Addr // given last, by network: an address rests before it is given again
}

// attachedAnywhere reports whether any helper of the user, also one of a user namespace that was replaced, serves this
// container.
func (l *leases) attachedAnywhere(id string) bool {
	found, _ := filepath.Glob(filepath.Join(filepath.Dir(l.dir), "*", helper.AttachedDir, id))
	return len(found) > 0
}

// take leases exactly this address.
func (l *leases) take(n network.Config, a netip.Addr, id string) error {
	free, err := l.try(n.Name, a, id)
	if err == nil && !free {
		err = hint.Wrap(fmt.Errorf("address %s of network %q is in use%s", a, n.Name, l.holder(n.Name, a)), "choose another address, or none and a free one is chosen")
	}
	return err
}

// choose leases the next free address of the subnet.
func (l *leases) choose(n network.Config, s network.Subnet, id string) (netip.Addr, error) {
	first, last := s.Bounds()
	start := first
	key := n.Name + " " + s.Subnet.String()
	if a, ok := l.last[key]; ok && a.Next().IsValid() && !last.Less(a.Next()) {
		start = a.Next()
	}
	a := start
	for round := 0; round < 2; {
		if s.Usable(a) {
			free, err := l.try(n.Name, a, id)
			if err != nil {
				return a, err
			}
			if free {
				l.last[key] = a
				return a, nil
			}
		}
		if a = a.Next(); !a.IsValid() || last.Less(a) {
			a = first
		}
		if a == start {
			round = 2
		}
	}
	return a, hint.Wrap(fmt.Errorf("network %q has no free address left in %s", n.Name, s.Subnet), "remove containers, or make a network with a larger --subnet")
}

// try makes the file of an address, taking over one that nobody needs any more.
func (l *leases) try(name string, a netip.Addr, id string) (bool, error) {
	path := filepath.Join(l.dir, name, a.String())
	for range 3 {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrNotExist) {
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				return false, fmt.Errorf("lease address %s: %w", a, err)
			}
			continue
		}
		if err == nil {
			_, err = f.WriteString(id + " " + l.boot + "\n")
			if err = errors.Join(err, f.Close()); err != nil {
				err = errors.Join(err, os.Remove(path))
				return false, fmt.Errorf("lease address %s: %w", a, err)
			}
			return true, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return false, fmt.Errorf("lease address %s: %w", a, err)
		}
		owner, live := l.owner(path)
		if owner == id {
			return true, nil
		}
		if live {
			return false, nil
		}
		os.Remove(path)
	}
	return false, nil
}

// owner says whose a lease is and whether that container is attached.
func (l *leases) owner(path string) (id string, live bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", false
	}
	f := strings.Fields(string(text))
	if len(f) != 2 || f[1] != l.boot {
		return "", false
	}
	return f[0], l.attachedAnywhere(f[0])
}

func (l *leases) holder(name string, a netip.Addr) string {
	id, live := l.owner(filepath.Join(l.dir, name, a.String()))
	if !live {
		return ""
	}
	return fmt.Sprintf(" by container %.12s", id)
}

// release frees an address if it is this container's.
func (l *leases) release(name string, a netip.Addr, id string) error {
	path := filepath.Join(l.dir, name, a.String())
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && strings.HasPrefix(string(text), id+" ") {
		err = os.Remove(path)
	}
	if err != nil {
		return err
	}
	os.Remove(filepath.Dir(path)) // the network's last lease; fails while there are others
	return nil
}

// sweep removes the leases that nobody needs: of containers that are attached nowhere, and those that a container which is attached here
// has not.
func (l *leases) sweep(attached map[string]*helper.Attached) {
	files, _ := filepath.Glob(filepath.Join(l.dir, "*", "*"))
	for _, path := range files {
		id, live := l.owner(path)
		if a := attached[id]; live && (a == nil || a.Leases(filepath.Base(filepath.Dir(path)), filepath.Base(path))) {
			continue
		}
		os.Remove(path)
		os.Remove(filepath.Dir(path))
	}
}
