package oci

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/pod-engine/pod/pkg/container"
)

// initPath is where the init program is seen in a container.
const initPath = "/run/pod-init"

// renderMounts lays the user's mounts over the kernel's file systems and the generated files. One destination has one
// mount; parents come before what is below them.
func renderMounts(s *specs.Spec, cfg *container.Config, host Host) error {
	kernel, err := kernelMounts(cfg, host)
	if err != nil {
		return err
	}
	user := append(userMounts(cfg, host), deviceMounts(cfg, host)...)
	all := append(kernel, temporaryMounts(cfg)...)
	all = append(all, volumeMounts(cfg, host)...)
	all = append(all, fileMounts(cfg, host)...)
	all = append(all, user...)
	s.Mounts = merge(all)
	return nil
}

// merge keeps the last mount of each destination.
func merge(mounts []specs.Mount) []specs.Mount {
	at := make(map[string]int)
	var out []specs.Mount
	for _, m := range mounts {
		if i, ok := at[m.Destination]; ok {
			out[i] = m
			continue
		}
		at[m.Destination] = len(out)
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(a, b specs.Mount) int {
		return strings.Count(a.Destination, "/") - strings.Count(b.Destination, "/")
	})
	return out
}

func bind(source, destination string, options ...string) specs.Mount {
	return specs.Mount{Type: "bind", Source: source, Destination: destination, Options: options}
}

func kernelMounts(cfg *container.Config, host Host) ([]specs.Mount, error) {
	dev := specs.Mount{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}}
	if cfg.Root.ReadOnly && !cfg.Root.ReadOnlyTmpfs {
		dev.Options = append(dev.Options, "ro")
	}
	pts := specs.Mount{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}}
	if mapped(host.GIDs, 5) {
		pts.Options = append(pts.Options, "gid=5")
	}
	shm, err := shmMount(cfg, host)
	if err != nil {
		return nil, err
	}
	out := []specs.Mount{procMount(cfg), dev, pts, sysMount(cfg, host), cgroupMount(cfg, host)}
	if cfg.Namespace.IPC != "none" {
		out = append(out, shm)
	}
	switch {
	case cfg.Namespace.IPC != "host":
		out = append(out, specs.Mount{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}})
	case host.Mqueue:
		out = append(out, bind("/dev/mqueue", "/dev/mqueue", "rbind", "nosuid", "noexec", "nodev"))
	}
	return out, nil
}

func procMount(cfg *container.Config) specs.Mount {
	if cfg.Namespace.PID == "host" {
		// A new proc of a PID namespace that belongs to another user namespace is refused by the kernel.
		return bind("/proc", "/proc", "rbind", "nosuid", "noexec", "nodev")
	}
	return specs.Mount{Destination: "/proc", Type: "proc", Source: "proc", Options: append([]string{"nosuid", "noexec", "nodev"}, cfg.Security.ProcOptions...)}
}

// newSysfs reports whether the kernel lets a sysfs be mounted: only for a network namespace of this user namespace.
func newSysfs(cfg *container.Config, host Host) bool {
	return !host.Rootless || cfg.Network.Mode != "host" && !host.ForeignNetwork
}

func sysMount(cfg *container.Config, host Host) specs.Mount {
	access := "ro"
	if cfg.Security.Privileged {
		access = "rw"
	}
	if newSysfs(cfg, host) {
		return specs.Mount{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", access}}
	}
	m := bind("/sys", "/sys", "rbind", "rprivate", "nosuid", "noexec", "nodev", access)
	if access == "ro" && host.RecursiveReadOnly {
		m.Options = append(m.Options, "rro")
	}
	return m
}

// cgroupMount is writable in privileged containers only: whoever writes there changes limits, and with a host's tree
// those of others (CVE-2022-0492, CVE-2023-25809). It also covers what a bound /sys would show.
func cgroupMount(cfg *container.Config, host Host) specs.Mount {
	access := "ro"
	if cfg.Security.Privileged {
		access = "rw"
	}
	if host.Rootless && cfg.Namespace.Cgroup == "host" {
		m := bind("/sys/fs/cgroup", "/sys/fs/cgroup", "rbind", "rprivate", "nosuid", "noexec", "nodev", access)
		if access == "ro" && host.RecursiveReadOnly {
			m.Options = append(m.Options, "rro")
		}
		return m
	}
	return specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"rprivate", "nosuid", "noexec", "nodev", "relatime", access}}
}

func shmMount(cfg *container.Config, host Host) (specs.Mount, error) {
	access := "rw"
	if cfg.Root.ReadOnly && !cfg.Root.ReadOnlyTmpfs {
		access = "ro"
	}
	source := host.Shm
	if source == "" && cfg.Namespace.IPC == "host" {
		source = "/dev/shm"
	}
	if source != "" {
		return bind(source, "/dev/shm", "rbind", "rprivate", "nosuid", "noexec", "nodev", access), nil
	}
	if other, ok := strings.CutPrefix(cfg.Namespace.IPC, "container:"); ok {
		return specs.Mount{}, fmt.Errorf("join the ipc namespace of %q: it does not share its /dev/shm", other)
	}
	return specs.Mount{
		Destination: "/dev/shm", Type: "tmpfs", Source: "shm",
		Options: []string{"nosuid", "noexec", "nodev", "mode=1777", fmt.Sprintf("size=%d", cfg.Resources.ShmSize), access},
	}, nil
}

// temporaryMounts are the writable places of a read-only container.
func temporaryMounts(cfg *container.Config) []specs.Mount {
	if !cfg.Root.ReadOnly || !cfg.Root.ReadOnlyTmpfs {
		return nil
	}
	var out []specs.Mount
	for _, t := range [][2]string{{"/run", "mode=0755"}, {"/tmp", "mode=1777"}, {"/var/tmp", "mode=1777"}} {
		out = append(out, specs.Mount{
			Destination: t[0], Type: "tmpfs", Source: "tmpfs",
			Options: []string{"rw", "rprivate", "nosuid", "nodev", "tmpcopyup", t[1]},
		})
	}
	return out
}

func volumeMounts(cfg *container.Config, host Host) []specs.Mount {
	var out []specs.Mount
	for _, dst := range cfg.Image.Volumes {
		if source, ok := host.Volumes[dst]; ok {
			options := withSourceFlags([]string{"rbind", "rprivate", "nosuid", "nodev"}, host.SourceFlags[source])
			out = append(out, bind(source, dst, append(options, "rw")...))
		}
	}
	return out
}

// fileMounts binds the generated files where the user's mounts leave room: in a directory of the host the runtime
// would otherwise create the mount point.
func fileMounts(cfg *container.Config, host Host) []specs.Mount {
	access := "rw"
	if cfg.Root.ReadOnly {
		access = "ro"
	}
	var out []specs.Mount
	for _, dst := range slices.Sorted(maps.Keys(host.Files)) {
		if !coveredByBind(cfg.Mounts, dst) {
			out = append(out, bind(host.Files[dst], dst, "bind", "rprivate", "nosuid", "noexec", "nodev", access))
		}
	}
	if cfg.Process.Init {
		out = append(out, bind(host.Init, initPath, "bind", "rprivate", "nosuid", "nodev", "ro"))
	}
	return out
}

// coveredByBind reports whether the deepest of the mounts above path is a bind mount.
func coveredByBind(mounts []container.Mount, path string) bool {
	longest, covered := 0, false
	for _, m := range mounts {
		if (path == m.Destination || strings.HasPrefix(path, m.Destination+"/")) && len(m.Destination) > longest {
			longest, covered = len(m.Destination), m.Type == container.MountBind || path == m.Destination
		}
	}
	return covered
}
