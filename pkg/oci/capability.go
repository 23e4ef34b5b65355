package oci

import (
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
)

// DefaultCapabilities are Podman's eleven.
func DefaultCapabilities() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
		"CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
	}
}

// has reports whether the caller has a capability; inInitial asks for one that counts on the whole machine, which inside
// a user namespace nobody has.
func has(host Host, name string, inInitial bool) bool {
	return slices.Contains(host.Capabilities, name) && !(inInitial && host.Rootless)
}

// capabilities fills the sets. Inheritable and ambient stay empty (CVE-2022-27649) but for what was added by name for a user
// other than root, who would otherwise never get it; such a user has nothing else in force.
func capabilities(cfg *container.Config, host Host, user container.User, privileged bool) (*specs.LinuxCapabilities, error) {
	base := DefaultCapabilities()
	if cfg.Security.Capabilities != nil {
		base = cfg.Security.Capabilities
	}
	if privileged {
		base = host.Capabilities
	}
	added, err := addedCapabilities(cfg, host)
	if err != nil {
		return nil, err
	}
	drop := cfg.Security.CapDrop
	if slices.Contains(drop, "ALL") {
		base = nil
	}
	bounding := slices.DeleteFunc(sortedUnion(base, added), func(c string) bool {
		return slices.Contains(drop, c) || !slices.Contains(host.Capabilities, c)
	})
	sets := &specs.LinuxCapabilities{Bounding: bounding, Effective: bounding, Permitted: bounding, Inheritable: []string{}, Ambient: []string{}}
	if user.UID != 0 {
		own := slices.DeleteFunc(slices.Clone(added), func(c string) bool { return !slices.Contains(bounding, c) })
		own = sortedUnion(own, nil)
		sets.Effective, sets.Permitted, sets.Inheritable, sets.Ambient = own, own, own, own
	}
	return sets, nil
}

func addedCapabilities(cfg *container.Config, host Host) ([]string, error) {
	if slices.Contains(cfg.Security.CapAdd, "ALL") {
		return host.Capabilities, nil
	}
	for _, c := range cfg.Security.CapAdd {
		if !slices.Contains(host.Capabilities, c) {
			return nil, hint.Wrap(fmt.Errorf("give %q the capability %s: you do not have it yourself", cfg.Name, c), "leave out --cap-add "+c)
		}
	}
	return cfg.Security.CapAdd, nil
}

// sortedUnion is never nil, so that an empty set is written as one.
func sortedUnion(a, b []string) []string {
	out := append(append([]string{}, a...), b...)
	slices.Sort(out)
	return slices.Compact(out)
}
