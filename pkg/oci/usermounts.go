package oci

import (
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/pod-engine/pod/pkg/container"
)

func userMounts(cfg *container.Config, host Host) []specs.Mount {
	var out []specs.Mount
	for _, m := range cfg.Mounts {
		if m.Type == container.MountTmpfs {
			out = append(out, tmpfsMount(m, host))
		} else {
			out = append(out, bindMount(m, host))
		}
	}
	return out
}

// bindMount adds Podman's defaults: recursive, private, and what the source's file system insists on.
func bindMount(m container.Mount, host Host) specs.Mount {
	options := slices.DeleteFunc(slices.Clone(m.Options), func(o string) bool { return o == "U" || o == "z" || o == "Z" })
	recursive := !slices.Contains(options, "bind")
	if recursive && !slices.Contains(options, "rbind") {
		options = append(options, "rbind")
	}
	if !slices.ContainsFunc(options, isPropagation) {
		options = append(options, "rprivate")
	}
	for _, flag := range host.SourceFlags[m.Source] {
		if !slices.Contains(options, flag) && !slices.Contains(options, flag[len("no"):]) {
			options = append(options, flag)
		}
	}
	if !m.ReadOnly {
		return bind(m.Source, m.Destination, append(options, "rw")...)
	}
	if recursive && host.RecursiveReadOnly {
		// Without it, what is mounted below the source stays writable.
		options = append(options, "rro")
	}
	return bind(m.Source, m.Destination, append(options, "ro")...)
}

func isPropagation(o string) bool {
	return slices.Contains([]string{"shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable"}, o)
}

// tmpfsMount adds Podman's defaults (nosuid, nodev, executable, filled from the image), not docker's, which are noexec
// and empty.
func tmpfsMount(m container.Mount, host Host) specs.Mount {
	out := specs.Mount{Destination: m.Destination, Type: "tmpfs", Source: "tmpfs", Options: []string{"rprivate"}}
	for _, o := range m.Options {
		switch o {
		case "U":
			out.Options = append(out.Options, fmt.Sprintf("uid=%d", host.User.UID), fmt.Sprintf("gid=%d", host.User.GID))
		case "notmpcopyup":
		default:
			out.Options = append(out.Options, o)
		}
	}
	for _, pair := range [][2]string{{"nosuid", "suid"}, {"nodev", "dev"}, {"tmpcopyup", "notmpcopyup"}} {
		if !slices.Contains(m.Options, pair[0]) && !slices.Contains(m.Options, pair[1]) {
			out.Options = append(out.Options, pair[0])
		}
	}
	access := "rw"
	if m.ReadOnly {
		access = "ro"
	}
	out.Options = append(out.Options, access)
	return out
}

// deviceMounts gives devices as bind mounts of the host's nodes: nodes cannot be made in a user namespace. In a privileged
// container they are all nodes that the caller may open.
func deviceMounts(cfg *container.Config, host Host) []specs.Mount {
	var out []specs.Mount
	if cfg.Security.Privileged {
		for _, node := range host.Devices {
			m := container.Device{Source: node, Destination: node, Permissions: "rwm"}
			if m.Replaceable() {
				out = append(out, bind(node, node, "bind", "slave", "nosuid", "noexec", "rw"))
			}
		}
	}
	for _, d := range cfg.Devices {
		access := "ro"
		if slices.Contains([]byte(d.Permissions), 'w') {
			access = "rw"
		}
		out = append(out, bind(d.Source, d.Destination, "rbind", "slave", "nosuid", "noexec", access))
	}
	return out
}
