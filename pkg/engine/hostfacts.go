package engine

import (
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/oci"
	"github.com/pod-engine/pod/pkg/rootless"
	"golang.org/x/sys/unix"
)

// userFileLimit bounds what is read of an image's /etc/passwd and /etc/group.
const userFileLimit = 16 << 20

// hostFacts are the facts about this machine and this user that every specification depends on.
func (e *Engine) hostFacts() (oci.Host, error) {
	caps, err := boundingSet()
	if err != nil {
		return oci.Host{}, err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return oci.Host{}, fmt.Errorf("read the host's name: %w", err)
	}
	h := oci.Host{
		Rootless: e.User.Rootless, UIDs: idRanges(e.User.UIDMap), GIDs: idRanges(e.User.GIDMap),
		Capabilities: caps, Hostname: hostname,
		Unified:     e.Cgroup.Root != "" && exists(filepath.Join(e.Cgroup.Root, "cgroup.controllers")),
		Controllers: e.Cgroup.Controllers, ControllersHint: e.Cgroup.Hint(),
		KeepGroups: e.Runtime.Name() == "crun", RecursiveReadOnly: false,
		Rlimits: rlimits(), OOMScoreAdj: oomScoreAdj(),
		ThermalPaths: thermalPaths(),
	}
	h.SwapAccounting = exists(filepath.Join(e.Cgroup.Root, e.Cgroup.Own, "memory.swap.max"))
	return h, nil
}

func idRanges(maps []rootless.IDMapping) []oci.IDRange {
	var ranges []oci.IDRange
	for _, m := range maps {
		ranges = append(ranges, oci.IDRange{First: m.ContainerID, Count: m.Size})
	}
	return ranges
}

// boundingSet reads the capabilities this process and its children can ever have, CapBnd in proc_pid_status(5).
func boundingSet() ([]string, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, fmt.Errorf("read the capabilities of this process: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		text, ok := strings.CutPrefix(line, "CapBnd:")
		if !ok {
			continue
		}
		mask, ok := new(big.Int).SetString(strings.TrimSpace(text), 16)
		if !ok {
			break
		}
		var caps []string
		for bit, name := range container.Capabilities() {
			if mask.Bit(bit) == 1 {
				caps = append(caps, name)
			}
		}
		return caps, nil
	}
	return nil, errors.New("read the capabilities of this process: /proc/self/status has no CapBnd")
}

// rlimits are the limits a container inherits, but for the number of open files: the Go runtime raises its own soft limit,
// while children, and so the container, are given the original one back.
func rlimits() map[string]oci.Rlimit {
	limits := map[string]oci.Rlimit{}
	for name, resource := range map[string]int{
		"core": unix.RLIMIT_CORE, "cpu": unix.RLIMIT_CPU, "data": unix.RLIMIT_DATA, "fsize": unix.RLIMIT_FSIZE,
		"memlock": unix.RLIMIT_MEMLOCK, "nproc": unix.RLIMIT_NPROC, "rss": unix.RLIMIT_RSS, "stack": unix.RLIMIT_STACK,
	} {
		var l unix.Rlimit
		if unix.Getrlimit(resource, &l) == nil {
			limits[name] = oci.Rlimit{Soft: l.Cur, Hard: l.Max}
		}
	}
	return limits
}

func oomScoreAdj() int {
	b, _ := os.ReadFile("/proc/self/oom_score_adj")
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return n
}

func thermalPaths() []string {
	paths, _ := filepath.Glob("/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle")
	return paths
}

// lookupUser resolves "user[:group]" in the container's own passwd and group files.
func lookupUser(root *os.File, user string) (container.User, []byte, error) {
	passwd, err := readInRoot(root, "/etc/passwd", userFileLimit)
	if err != nil {
		return container.User{}, nil, fmt.Errorf("find the user %q: %w", user, err)
	}
	group, err := readInRoot(root, "/etc/group", userFileLimit)
	if err != nil {
		return container.User{}, nil, fmt.Errorf("find the user %q: %w", user, err)
	}
	found, err := container.LookupUser(user, passwd, group)
	return found, group, err
}

// namespaceFile is the name of a namespace in /proc/PID/ns.
func namespaceFile(kind specs.LinuxNamespaceType) string {
	switch kind {
	case specs.NetworkNamespace:
		return "net"
	case specs.MountNamespace:
		return "mnt"
	}
	return string(kind)
}

// joined gives the namespace files of the containers whose namespaces cfg joins (container:ID).
func (e *Engine) joined(cfg *container.Config) (map[specs.LinuxNamespaceType]string, error) {
	paths := map[specs.LinuxNamespaceType]string{}
	for kind, mode := range map[specs.LinuxNamespaceType]string{
		specs.NetworkNamespace: cfg.Network.Mode, specs.PIDNamespace: cfg.Namespace.PID, specs.IPCNamespace: cfg.Namespace.IPC,
		specs.UTSNamespace: cfg.Namespace.UTS, specs.CgroupNamespace: cfg.Namespace.Cgroup,
	} {
		id, ok := strings.CutPrefix(mode, "container:")
		if !ok {
			continue
		}
		other, err := e.load(id)
		if err != nil {
			return nil, fmt.Errorf("join the %s namespace of another container: %w", kind, err)
		}
		if other.State.PID == 0 {
			return nil, fmt.Errorf("join the %s namespace of container %q: it is %s, not running: %w", kind, other.Config.Name, other.State.Status, ErrState)
		}
		if _, err := process.Identify(other.State.PID); err != nil {
			return nil, fmt.Errorf("join the %s namespace of container %q: %w", kind, other.Config.Name, err)
		}
		paths[kind] = fmt.Sprintf("/proc/%d/ns/%s", other.State.PID, namespaceFile(kind))
	}
	return paths, nil
}

// sourceFlags are the restrictions of the file system each bind mount comes from: a user namespace cannot lift them, and a
// mount that does not repeat them is refused (mount_namespaces(7)).
func sourceFlags(mounts []container.Mount) map[string][]string {
	flags := map[string][]string{}
	for _, m := range mounts {
		var fs unix.Statfs_t
		if m.Type != container.MountBind || unix.Statfs(m.Source, &fs) != nil {
			continue
		}
		for option, bit := range map[string]int64{"nosuid": unix.ST_NOSUID, "nodev": unix.ST_NODEV, "noexec": unix.ST_NOEXEC} {
			if int64(fs.Flags)&bit != 0 {
				flags[m.Source] = append(flags[m.Source], option)
			}
		}
	}
	return flags
}

// hostDevices are the device nodes of this machine that the user may open, for privileged containers.
func hostDevices() []string {
	var nodes []string
	filepath.WalkDir("/dev", func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
		case entry.IsDir() && (path == "/dev/pts" || path == "/dev/shm" || path == "/dev/mqueue"):
			return filepath.SkipDir
		case entry.Type()&os.ModeDevice != 0 && unix.Access(path, unix.R_OK|unix.W_OK) == nil:
			nodes = append(nodes, path)
		}
		return nil
	})
	return nodes
}
