package engine

import (
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/pod-engine/pod/pkg/cdi"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/oci"
	"golang.org/x/sys/unix"
)

// withDevices gives cfg with what its devices by name mean at this moment, and the programs that the runtime is to start for them. cfg
// stays as it is: the next start may find another specification.
func (e *Engine) withDevices(cfg *container.Config) (*container.Config, *specs.Hooks, error) {
	names := byName(cfg.Devices)
	if len(names) == 0 {
		return cfg, nil, nil
	}
	registry, err := cdi.Open(e.CDIDirs)
	if err != nil {
		return nil, nil, err
	}
	edits, err := registry.Edits(names)
	if err != nil {
		return nil, nil, err
	}
	out := *cfg
	out.Process.Env = container.MergeEnv(cfg.Process.Env, edits.Env)
	out.Process.Groups = slices.Concat(cfg.Process.Groups, edits.Groups)
	out.Mounts = slices.DeleteFunc(slices.Clone(cfg.Mounts), func(m container.Mount) bool {
		return slices.ContainsFunc(edits.Mounts, func(other container.Mount) bool { return other.Destination == m.Destination })
	})
	out.Mounts = append(out.Mounts, edits.Mounts...)
	out.Devices = slices.DeleteFunc(slices.Clone(cfg.Devices), func(d container.Device) bool {
		return d.CDI != "" || slices.ContainsFunc(edits.Devices, func(other container.Device) bool { return other.Destination == d.Destination })
	})
	out.Devices = append(out.Devices, edits.Devices...)
	return &out, edits.Hooks, nil
}

// byName are the names of those that are no nodes.
func byName(devices []container.Device) []string {
	var names []string
	for _, d := range devices {
		if d.CDI != "" {
			names = append(names, d.CDI)
		}
	}
	return names
}

// checkDevices refuses devices by name that no specification has.
func (e *Engine) checkDevices(devices []container.Device) error {
	names := byName(devices)
	if len(names) == 0 {
		return nil
	}
	registry, err := cdi.Open(e.CDIDirs)
	if err == nil {
		_, err = registry.Edits(names)
	}
	if err != nil {
		return fmt.Errorf("give access to a device: %w", err)
	}
	return nil
}

// deviceNodes says what the nodes are that root's device cgroup has to let through.
func deviceNodes(devices []container.Device) map[string]oci.DeviceNode {
	nodes := map[string]oci.DeviceNode{}
	for _, d := range devices {
		var st unix.Stat_t
		if unix.Stat(d.Source, &st) != nil {
			continue
		}
		node := oci.DeviceNode{Type: "c", Major: int64(unix.Major(st.Rdev)), Minor: int64(unix.Minor(st.Rdev))}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFBLK:
			node.Type = "b"
		case unix.S_IFCHR:
		default:
			continue
		}
		nodes[d.Source] = node
	}
	return nodes
}
