package oci

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/pod-engine/pod/pkg/container"
)

// Host is everything that a spec depends on beyond the configuration: facts about this machine, this user and this
// start. The engine gathers it; nothing here is looked up.
type Host struct {
	// Rootfs is the path at which the runtime finds the mounted root file system.
	Rootfs string
	// Rootless says that this process, and so the runtime, is in a user namespace other than the machine's first. The
	// spec never asks for a user namespace: the process is in the right one already.
	Rootless bool
	// UIDs and GIDs are the ids that exist in this user namespace, sorted; empty means all.
	UIDs, GIDs []IDRange
	// Capabilities is the bounding set of this process, in full upper-case names.
	Capabilities []string
	// Hostname is the machine's, for containers that share its UTS namespace.
	Hostname string

	// User is Process.User resolved against the mounted root; Groups is Process.Groups resolved.
	User   container.User
	Groups []uint32

	// Namespaces are paths of namespaces to join instead of new ones: always for the modes container:ID, and for the network
	// whenever it was made before the container. ns:PATH needs no entry.
	Namespaces map[specs.LinuxNamespaceType]string
	// ForeignNetwork says that the network namespace to join does not belong to this user namespace, as the machine's does
	// not; then no sysfs can be mounted and no net.* setting written.
	ForeignNetwork bool

	// Unified says that cgroup v2 is mounted at /sys/fs/cgroup and nothing else.
	Unified bool
	// Controllers are the cgroup controllers this user may set limits with: "cpu", "cpuset", "io", "memory", "pids".
	Controllers []string
	// ControllersHint is what to do about one that is not among them.
	ControllersHint string
	// SwapAccounting says that cgroups can limit swap.
	SwapAccounting bool
	// CgroupsPath is what the runtime is given: a path, or "slice:prefix:name" for the systemd manager.
	CgroupsPath string

	// KeepGroups says that the runtime can leave the caller's supplementary groups (crun).
	KeepGroups bool
	// TimeNamespace says that both kernel and runtime can make time namespaces (crun 1.8.1 and runc 1.1.5 cannot).
	TimeNamespace bool
	// RecursiveReadOnly says that the runtime knows the mount option rro (kernel 5.12).
	RecursiveReadOnly bool

	// Rlimits are the limits of the calling process as it was started, by the names of container.Ulimit.
	Rlimits map[string]Rlimit
	// OOMScoreAdj is the calling process's own; without privilege no container can get less.
	OOMScoreAdj int
	// AppArmor and SELinux say that the module is active and this user may choose profiles and labels.
	AppArmor, SELinux bool
	// AppArmorProfile is for containers that choose none; empty leaves it to the kernel.
	AppArmorProfile string
	// ProcessLabel and MountLabel are the SELinux labels made for this container.
	ProcessLabel, MountLabel string

	// Files are generated files, host paths by their path in the container: /etc/hosts, /etc/resolv.conf, /etc/hostname,
	// /run/.containerenv, /etc/localtime. One is left out where a mount of the user covers its place.
	Files map[string]string
	// Volumes are host directories for the image's volumes, by their path in the container.
	Volumes map[string]string
	// SourceFlags are the options among nosuid, nodev and noexec that the file system of a source of Mounts or Volumes has,
	// by source: in a user namespace a mount cannot drop them, and runc 1.1 does not add them by itself.
	SourceFlags map[string][]string
	// Shm is a host directory to share as /dev/shm; empty makes a new one.
	Shm string
	// Mqueue says that this machine has a message queue file system at /dev/mqueue to share with --ipc host.
	Mqueue bool
	// Init is the host path of a static init that takes "-- COMMAND"; empty when none is there.
	Init string
	// Devices are the device nodes of this machine that the caller may open, for privileged containers.
	Devices []string
	// DeviceNodes are kind and numbers of devices, by path; needed for the device cgroup when not rootless.
	DeviceNodes map[string]DeviceNode
	// Hooks are programs that the runtime starts for devices by name; nil: none.
	Hooks *specs.Hooks
	// ThermalPaths are the machine's thermal_throttle directories below /sys/devices/system/cpu, to be masked.
	ThermalPaths []string
}

// IDRange is Count ids from First on.
type IDRange struct{ First, Count uint32 }

// Rlimit is one resource limit of a process.
type Rlimit struct{ Soft, Hard uint64 }

// DeviceNode says which device a node is: Type is "c" or "b".
type DeviceNode struct {
	Type         string
	Major, Minor int64
}

func mapped(ranges []IDRange, id uint32) bool {
	return len(ranges) == 0 || slices.ContainsFunc(ranges, func(r IDRange) bool { return id >= r.First && id-r.First < r.Count })
}

// lastMapped is the highest id up to which every id from 0 on is mapped.
func lastMapped(ranges []IDRange) uint32 {
	const last = 1<<31 - 1 // the largest that ping_group_range takes
	if len(ranges) == 0 {
		return last
	}
	var next uint32
	for _, r := range ranges {
		if r.First <= next && r.First+r.Count > next {
			next = r.First + r.Count
		}
	}
	return min(max(next, 1)-1, last)
}
