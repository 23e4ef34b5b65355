// Package container holds the types that describe one container: what was asked for (Config), and what
// became of it (State). It is a leaf: it imports nothing else of this module, does no input or output,
// and every function in it is pure.
//
// A Config is made once (from flags, a compose service or a build step), checked once by Validate, completed
// once by ApplyImage, stored once, and from then on only read. Nothing is ever converted back into a Config.
package container

import (
	"slices"
	"strings"
	"time"
)

// Config is the whole intent behind one container. After ApplyImage no default is open any more: every
// reader (oci.Spec, inspect, the monitor) takes the values as they stand.
type Config struct {
	ID      string    `json:"id"` // 64 lower-case hexadecimal digits
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	// Command is the argument vector of the command that made the container, for inspect and systemd units.
	Command []string `json:"command,omitempty"`

	Image   Image   `json:"image"`
	Process Process `json:"process"`
	Root    Root    `json:"root"`

	Hostname    string            `json:"hostname,omitempty"` // empty: the first 12 digits of ID
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Timezone    string            `json:"timezone,omitempty"` // zone name, "local", or empty for the image's own

	Mounts    []Mount   `json:"mounts,omitempty"`
	Devices   []Device  `json:"devices,omitempty"`
	Namespace Namespace `json:"namespace"`
	Network   Network   `json:"network"`
	Resources Resources `json:"resources"`
	Security  Security  `json:"security"`
	Log       Log       `json:"log"`
	Restart   Restart   `json:"restart"`
	Stop      Stop      `json:"stop"`

	// Remove asks that the container is removed when it has ended (--rm). Its writable layer is volatile.
	Remove  bool   `json:"remove,omitempty"`
	PIDFile string `json:"pidFile,omitempty"` // the container's host pid is written here at each start
	CIDFile string `json:"cidFile,omitempty"` // the id is written here at creation; removed with the container
}

// Image names the image a container was made from.
type Image struct {
	Name string `json:"name"` // as the user typed it, then the canonical name after resolution
	ID   string `json:"id"`   // 64 hexadecimal digits, no algorithm
	// Digest is the manifest digest, "sha256:…", when the image has one.
	Digest string `json:"digest,omitempty"`
	// Arch is the architecture that the image is for, in the words of GOARCH, when it is not the machine's.
	Arch string `json:"arch,omitempty"`
	// Volumes are the image's VOLUME paths; each becomes an anonymous volume or a tmpfs at creation.
	Volumes []string `json:"volumes,omitempty"`
	// ExposedPorts are the image's EXPOSE entries, "80/tcp".
	ExposedPorts []string `json:"exposedPorts,omitempty"`
}

// Process is what runs inside.
type Process struct {
	// Entrypoint and Args are kept apart as docker and podman do; the process's argument vector is Argv().
	// A nil Entrypoint takes the image's; an empty, non-nil one clears it (--entrypoint "").
	Entrypoint []string `json:"entrypoint"`
	Args       []string `json:"args"`
	Env        []string `json:"env,omitempty"` // NAME=value, complete and in order after ApplyImage
	// DefaultEnv is what containers.conf brings in, below the image's; it is part of Env after ApplyImage.
	DefaultEnv []string `json:"defaultEnv,omitempty"`
	// UnsetEnv are names that the image and the defaults must not bring in; UnsetEnvAll means all names.
	UnsetEnv    []string `json:"unsetEnv,omitempty"`
	UnsetEnvAll bool     `json:"unsetEnvAll,omitempty"`
	Workdir     string   `json:"workdir,omitempty"` // absolute inside the container
	// User is "user[:group]" as given, by name or number; resolved against the image at every start.
	User        string   `json:"user,omitempty"`
	Groups      []string `json:"groups,omitempty"` // supplementary, by name or number (--group-add), or KeepGroups alone
	Terminal    bool     `json:"terminal,omitempty"`
	Interactive bool     `json:"interactive,omitempty"` // stdin is kept open
	Init        bool     `json:"init,omitempty"`        // a small init reaps zombies as pid 1
	Umask       uint32   `json:"umask"`                 // 0o022 by default
	Ulimits     []Ulimit `json:"ulimits,omitempty"`
	OOMScoreAdj *int     `json:"oomScoreAdj,omitempty"`
}

// Argv is the argument vector of the container's first process.
func (p Process) Argv() []string {
	return append(append([]string(nil), p.Entrypoint...), p.Args...)
}

// Ulimit is one resource limit, in the units of setrlimit(2). -1 is unlimited.
type Ulimit struct {
	Name string `json:"name"` // without RLIMIT_, lower case: "nofile"
	Soft int64  `json:"soft"`
	Hard int64  `json:"hard"`
}

// Root says how the root file system is given.
type Root struct {
	ReadOnly      bool `json:"readOnly,omitempty"`
	ReadOnlyTmpfs bool `json:"readOnlyTmpfs,omitempty"` // with ReadOnly: writable tmpfs on /dev/shm, /run, /tmp, /var/tmp
}

// MountType is the kind of a Mount.
type MountType string

const (
	MountBind  MountType = "bind"
	MountTmpfs MountType = "tmpfs"
)

// Mount is one file system the user asked for.
type Mount struct {
	Type        MountType `json:"type"`
	Source      string    `json:"source,omitempty"` // bind: absolute host path
	Destination string    `json:"destination"`      // absolute path in the container
	ReadOnly    bool      `json:"readOnly,omitempty"`
	// Options are further mount options in the words of mount(8): nosuid, nodev, noexec, exec, dev, suid,
	// size=…, mode=…, tmpcopyup, and for bind one propagation word and rbind/bind. U, z and Z are done by the engine.
	Options []string `json:"options,omitempty"`
}

// Device is one device made available: a node, or a device by name.
type Device struct {
	// CDI is the qualified name of a device of the Container Device Interface, VENDOR/CLASS=NAME; what it means is looked up at each start.
	// The other fields are empty then.
	CDI         string `json:"cdi,omitempty"`
	Source      string `json:"source,omitempty"`      // host path
	Destination string `json:"destination,omitempty"` // path in the container
	Permissions string `json:"permissions,omitempty"` // of "rwm"
}

// Namespace modes: "private", "host", "container:ID" (the full id), or "ns:PATH". IPC also has "shareable"
// and "none". An empty mode is private. The network has its own type.
type Namespace struct {
	PID    string `json:"pid,omitempty"`
	IPC    string `json:"ipc,omitempty"`
	UTS    string `json:"uts,omitempty"`
	Cgroup string `json:"cgroup,omitempty"`
}

// Network is how the container reaches others. Mode is "" (the networks of Endpoints), "none", "host",
// "container:ID", "ns:PATH", "pasta" or "slirp4netns".
type Network struct {
	Mode    string   `json:"mode,omitempty"`
	Options []string `json:"options,omitempty"` // of pasta and slirp4netns
	// Networks are those asked for by name; Endpoints has what they come down to.
	Networks []Endpoint `json:"networks,omitempty"`
	// Address, Address6, MAC and Aliases are for the only network (--ip, --ip6, --mac-address, --network-alias).
	Address  string   `json:"address,omitempty"`
	Address6 string   `json:"address6,omitempty"`
	MAC      string   `json:"mac,omitempty"`
	Aliases  []string `json:"aliases,omitempty"`
	Ports    []Port   `json:"ports,omitempty"`
	Expose   []string `json:"expose,omitempty"` // "80/tcp", from flags
	// PublishAll asks for a port of the host for every exposed one; ApplyImage turns it into Ports.
	PublishAll bool `json:"publishAll,omitempty"`

	DNS        []string `json:"dns,omitempty"`
	DNSSearch  []string `json:"dnsSearch,omitempty"`
	DNSOptions []string `json:"dnsOptions,omitempty"`
	AddHosts   []string `json:"addHosts,omitempty"` // "name:address"; the address may be host-gateway
	NoHosts    bool     `json:"noHosts,omitempty"`
	// HostsFile has the lines that /etc/hosts begins with: an absolute path on the host, HostsFromImage, or empty for none.
	HostsFile  string `json:"hostsFile,omitempty"`
	NoHostname bool   `json:"noHostname,omitempty"`
}

// Endpoint is the container's end in one network.
type Endpoint struct {
	Network   string   `json:"network"`             // the network's name
	Aliases   []string `json:"aliases,omitempty"`   // further names in that network
	Address   string   `json:"address,omitempty"`   // IPv4; empty: a free one at each start
	Address6  string   `json:"address6,omitempty"`  // IPv6; empty: a free one where the network has IPv6
	MAC       string   `json:"mac,omitempty"`       // empty: one that follows from the address
	Interface string   `json:"interface,omitempty"` // name inside the container; empty: the next free ethN
}

// Port publishes one container port, or a range of Count ports, on the host.
type Port struct {
	HostIP        string `json:"hostIP,omitempty"`   // empty: every address
	HostPort      uint16 `json:"hostPort,omitempty"` // zero: chosen at start
	ContainerPort uint16 `json:"containerPort"`
	Count         uint16 `json:"count"` // at least 1
	Protocol      string `json:"protocol"`
}

// Resources are cgroup limits. A nil or zero value means no limit was asked for.
type Resources struct {
	Memory            int64    `json:"memory,omitempty"` // bytes
	MemoryReservation int64    `json:"memoryReservation,omitempty"`
	MemorySwap        int64    `json:"memorySwap,omitempty"` // memory plus swap, bytes; -1 unlimited
	MemorySwappiness  *uint64  `json:"memorySwappiness,omitempty"`
	CPUShares         uint64   `json:"cpuShares,omitempty"`
	CPUPeriod         uint64   `json:"cpuPeriod,omitempty"` // microseconds
	CPUQuota          int64    `json:"cpuQuota,omitempty"`  // microseconds per period
	CPUs              float64  `json:"cpus,omitempty"`      // turned into quota and period by oci.Spec
	CpusetCPUs        string   `json:"cpusetCPUs,omitempty"`
	CpusetMems        string   `json:"cpusetMems,omitempty"`
	PidsLimit         *int64   `json:"pidsLimit,omitempty"` // nil: 2048 where cgroups allow; -1 or 0: unlimited
	BlkioWeight       uint16   `json:"blkioWeight,omitempty"`
	ShmSize           int64    `json:"shmSize,omitempty"` // bytes; 64 MiB by default
	CgroupParent      string   `json:"cgroupParent,omitempty"`
	Cgroups           string   `json:"cgroups,omitempty"`    // "enabled" or "disabled"
	CgroupConf        []string `json:"cgroupConf,omitempty"` // unified keys, "memory.high=1G"
}

// Security is isolation beyond the defaults.
type Security struct {
	Privileged      bool              `json:"privileged,omitempty"`
	Capabilities    []string          `json:"capabilities,omitempty"` // those to begin with; nil: pod's default
	CapAdd          []string          `json:"capAdd,omitempty"`       // upper case, with CAP_
	CapDrop         []string          `json:"capDrop,omitempty"`
	NoNewPrivileges bool              `json:"noNewPrivileges,omitempty"`
	Seccomp         string            `json:"seccomp,omitempty"`  // "", "unconfined" or the profile's JSON text
	AppArmor        string            `json:"apparmor,omitempty"` // "", "unconfined" or a profile name
	Label           []string          `json:"label,omitempty"`    // SELinux label options
	Mask            []string          `json:"mask,omitempty"`
	Unmask          []string          `json:"unmask,omitempty"`      // paths, or "ALL"
	ProcOptions     []string          `json:"procOptions,omitempty"` // mount options of /proc
	Sysctls         map[string]string `json:"sysctls,omitempty"`
}

// LogDriver names where a container's output is kept.
type LogDriver string

const (
	LogK8sFile     LogDriver = "k8s-file"
	LogJSONFile    LogDriver = "json-file"
	LogJournald    LogDriver = "journald"
	LogPassthrough LogDriver = "passthrough"
	LogNone        LogDriver = "none"
)

// Log says how output is kept. Rotation keeps at most MaxFile files of about MaxSize bytes each.
type Log struct {
	Driver  LogDriver `json:"driver"`
	Path    string    `json:"path,omitempty"`    // empty: inside the container's directory
	MaxSize int64     `json:"maxSize,omitempty"` // bytes; zero: no limit
	MaxFile int       `json:"maxFile,omitempty"` // zero: 1
	Tag     string    `json:"tag,omitempty"`
}

// RestartPolicy says when a container that ended is started again.
type RestartPolicy string

const (
	RestartNo            RestartPolicy = "no"
	RestartOnFailure     RestartPolicy = "on-failure"
	RestartAlways        RestartPolicy = "always"
	RestartUnlessStopped RestartPolicy = "unless-stopped"
)

// Restart is a policy and, for on-failure, the most tries (zero: no bound).
type Restart struct {
	Policy RestartPolicy `json:"policy"`
	Max    uint          `json:"max,omitempty"`
}

// Stop is how the container is asked to end.
type Stop struct {
	Signal string `json:"signal,omitempty"` // "SIGTERM"; name with SIG, or a number
	// Timeout is how long stop waits between Signal and SIGKILL, in seconds.
	Timeout uint `json:"timeout"`
	// MaxRun ends the container this many seconds after its start (--timeout); zero: never.
	MaxRun uint `json:"maxRun,omitempty"`
}

// Dependencies are the full ids of the containers whose namespaces this one joins.
func (c *Config) Dependencies() []string {
	var ids []string
	for _, mode := range []string{c.Network.Mode, c.Namespace.PID, c.Namespace.IPC, c.Namespace.UTS, c.Namespace.Cgroup} {
		if id, ok := strings.CutPrefix(mode, "container:"); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
