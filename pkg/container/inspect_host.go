package container

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// InspectHostConfig is what the container was given of the host. Values are those that were asked for; zero, an empty
// list or an empty string means that nothing was.
type InspectHostConfig struct {
	Binds                []string
	CgroupManager        string
	CgroupMode           string
	CgroupnsMode         string // docker's name of CgroupMode
	ContainerIDFile      string
	LogConfig            InspectLog
	NetworkMode          string
	PortBindings         map[string][]InspectPort
	RestartPolicy        InspectRestart
	AutoRemove           bool
	Annotations          map[string]string `json:",omitempty"`
	VolumeDriver         string
	VolumesFrom          []string
	CapAdd               []string
	CapDrop              []string
	Dns                  []string
	DnsOptions           []string
	DnsSearch            []string
	ExtraHosts           []string
	GroupAdd             []string
	IpcMode              string
	Cgroup               string
	Cgroups              string
	Links                []string
	OomScoreAdj          int
	PidMode              string
	Privileged           bool
	PublishAllPorts      bool
	ReadonlyRootfs       bool
	SecurityOpt          []string
	Tmpfs                map[string]string
	Sysctls              map[string]string `json:",omitempty"`
	UTSMode              string
	UsernsMode           string
	ShmSize              int64
	Runtime              string
	ConsoleSize          [2]uint
	Isolation            string
	CpuShares            uint64
	Memory               int64
	NanoCpus             int64
	CgroupParent         string
	BlkioWeight          uint16
	BlkioWeightDevice    []struct{}
	BlkioDeviceReadBps   []struct{}
	BlkioDeviceWriteBps  []struct{}
	BlkioDeviceReadIOps  []struct{}
	BlkioDeviceWriteIOps []struct{}
	CpuPeriod            uint64
	CpuQuota             int64
	CpuRealtimePeriod    int64
	CpuRealtimeRuntime   int64
	CpusetCpus           string
	CpusetMems           string
	Devices              []InspectDevice
	DeviceRequests       []InspectDeviceRequest `json:",omitempty"`
	DiskQuota            uint64
	KernelMemory         int64
	MemoryReservation    int64
	MemorySwap           int64
	MemorySwappiness     int64 // -1: the host's
	OomKillDisable       bool
	PidsLimit            int64 // 0 or -1: unlimited
	Ulimits              []InspectUlimit
	CpuCount             uint64
	CpuPercent           uint64
	IOMaximumIOps        uint64
	IOMaximumBandwidth   uint64
	CgroupConf           map[string]string
	Init                 bool
}

// InspectLog says where output is kept.
type InspectLog struct {
	Type   string
	Config map[string]string // max-size, max-file and tag, where given
	Path   string
	Tag    string
	Size   string // the most bytes of one file, "10000000B"; "0B" is no limit
}

// InspectRestart is the restart policy.
type InspectRestart struct {
	Name              string
	MaximumRetryCount uint
}

// InspectDevice is one device node.
type InspectDevice struct {
	PathOnHost        string
	PathInContainer   string
	CgroupPermissions string
}

// InspectDeviceRequest is a device by name, as docker shows one.
type InspectDeviceRequest struct {
	Driver       string
	Count        int
	DeviceIDs    []string
	Capabilities [][]string
	Options      map[string]string
}

// InspectUlimit is one resource limit; the name is RLIMIT_NOFILE for podman and nofile for docker.
type InspectUlimit struct {
	Name string
	Soft int64
	Hard int64
}

func inspectHost(c *Config, f Facts) InspectHostConfig {
	h := InspectHostConfig{
		Binds:           binds(c.Mounts),
		CgroupManager:   f.CgroupManager,
		ContainerIDFile: c.CIDFile,
		LogConfig:       inspectLog(c.Log, f),
		NetworkMode:     networkMode(c.Network),
		PortBindings:    bindings(c.Network.Ports, false),
		RestartPolicy:   InspectRestart{string(c.Restart.Policy), c.Restart.Max},
		AutoRemove:      c.Remove,
		Annotations:     c.Annotations,
		CapAdd:          list(c.Security.CapAdd),
		CapDrop:         list(c.Security.CapDrop),
		Dns:             list(c.Network.DNS),
		DnsOptions:      list(c.Network.DNSOptions),
		DnsSearch:       list(c.Network.DNSSearch),
		ExtraHosts:      list(c.Network.AddHosts),
		GroupAdd:        list(c.Process.Groups),
		Privileged:      c.Security.Privileged,
		ReadonlyRootfs:  c.Root.ReadOnly,
		SecurityOpt:     securityOptions(c.Security),
		Tmpfs:           tmpfs(c),
		Sysctls:         c.Security.Sysctls,
		Runtime:         f.Runtime,
		Devices:         []InspectDevice{},
		Ulimits:         []InspectUlimit{},
		Init:            c.Process.Init,
	}
	if c.Process.OOMScoreAdj != nil {
		h.OomScoreAdj = *c.Process.OOMScoreAdj
	}
	for _, d := range c.Devices {
		if d.CDI != "" {
			h.DeviceRequests = append(h.DeviceRequests, InspectDeviceRequest{Driver: "cdi", DeviceIDs: []string{d.CDI}})
			continue
		}
		h.Devices = append(h.Devices, InspectDevice{d.Source, d.Destination, d.Permissions})
	}
	for _, u := range c.Process.Ulimits {
		name := u.Name
		if !f.Docker {
			name = "RLIMIT_" + strings.ToUpper(name)
		}
		h.Ulimits = append(h.Ulimits, InspectUlimit{name, u.Soft, u.Hard})
	}
	inspectNamespaces(&h, c.Namespace, f)
	inspectResources(&h, c.Resources, f)
	return h
}

// inspectNamespaces writes the modes. Docker leaves those of the PID and UTS namespaces empty when they are private.
func inspectNamespaces(h *InspectHostConfig, n Namespace, f Facts) {
	private := func(mode string) string {
		if mode == "" {
			return "private"
		}
		return mode
	}
	h.IpcMode, h.PidMode, h.UTSMode = private(n.IPC), private(n.PID), private(n.UTS)
	h.CgroupMode, h.CgroupnsMode = private(n.Cgroup), private(n.Cgroup)
	if !f.Docker {
		return
	}
	if h.PidMode == "private" {
		h.PidMode = ""
	}
	if h.UTSMode == "private" {
		h.UTSMode = ""
	}
}

func inspectResources(h *InspectHostConfig, r Resources, f Facts) {
	h.Memory, h.MemoryReservation, h.MemorySwap = r.Memory, r.MemoryReservation, r.MemorySwap
	h.MemorySwappiness = -1
	if r.MemorySwappiness != nil {
		h.MemorySwappiness = int64(*r.MemorySwappiness)
	}
	h.CpuShares, h.CpuPeriod, h.CpuQuota = r.CPUShares, r.CPUPeriod, r.CPUQuota
	h.NanoCpus = int64(r.CPUs*1e9 + 0.5)
	h.CpusetCpus, h.CpusetMems = r.CpusetCPUs, r.CpusetMems
	h.BlkioWeight, h.ShmSize, h.CgroupParent = r.BlkioWeight, r.ShmSize, r.CgroupParent
	switch {
	case r.PidsLimit != nil:
		h.PidsLimit = *r.PidsLimit
	case f.Limits:
		h.PidsLimit = 2048
	}
	h.Cgroups = "default"
	if r.Cgroups == "disabled" {
		h.Cgroups = r.Cgroups
	}
	for _, entry := range r.CgroupConf {
		if h.CgroupConf == nil {
			h.CgroupConf = map[string]string{}
		}
		key, value, _ := strings.Cut(entry, "=")
		h.CgroupConf[key] = value
	}
}

func inspectLog(l Log, f Facts) InspectLog {
	out := InspectLog{Type: string(l.Driver), Config: map[string]string{}, Path: f.LogPath, Tag: l.Tag}
	out.Size = strconv.FormatInt(l.MaxSize, 10) + "B"
	if l.MaxSize > 0 {
		out.Config["max-size"] = strconv.FormatInt(l.MaxSize, 10)
	}
	if l.MaxFile > 0 {
		out.Config["max-file"] = strconv.Itoa(l.MaxFile)
	}
	if l.Tag != "" {
		out.Config["tag"] = l.Tag
	}
	return out
}

func networkMode(n Network) string {
	if n.Bridged() {
		return n.Endpoints()[0].Network
	}
	return n.Mode
}

func securityOptions(s Security) []string {
	out := []string{}
	if s.NoNewPrivileges {
		out = append(out, "no-new-privileges")
	}
	if s.Seccomp != "" {
		out = append(out, "seccomp="+s.Seccomp)
	}
	if s.AppArmor != "" {
		out = append(out, "apparmor="+s.AppArmor)
	}
	for _, l := range s.Label {
		out = append(out, "label="+l)
	}
	for _, group := range []struct {
		name   string
		values []string
	}{{"mask=", s.Mask}, {"unmask=", s.Unmask}} {
		if len(group.values) > 0 {
			out = append(out, group.name+strings.Join(group.values, ":"))
		}
	}
	if len(s.ProcOptions) > 0 {
		out = append(out, "proc-opts="+strings.Join(s.ProcOptions, ","))
	}
	return out
}

// tmpfs gives the options by path, with those a read-only root file system brings along.
func tmpfs(c *Config) map[string]string {
	out := map[string]string{}
	if c.Root.ReadOnly && c.Root.ReadOnlyTmpfs {
		for _, path := range []string{"/run", "/tmp", "/var/tmp"} {
			out[path] = "rw"
		}
	}
	for _, m := range c.Mounts {
		if m.Type == MountTmpfs {
			out[m.Destination] = strings.Join(append([]string{access(m)}, m.Options...), ",")
		}
	}
	return out
}

// binds spells the bind mounts as --volume takes them.
func binds(mounts []Mount) []string {
	out := []string{}
	for _, m := range mounts {
		if m.Type == MountBind {
			options := append([]string{access(m)}, m.Options...)
			if !slices.ContainsFunc(m.Options, isPropagation) {
				options = slices.Insert(options, 1, "rprivate")
			}
			out = append(out, m.Source+":"+m.Destination+":"+strings.Join(options, ","))
		}
	}
	return out
}

func access(m Mount) string {
	if m.ReadOnly {
		return "ro"
	}
	return "rw"
}

// list gives a list that is never null in JSON.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// set gives the words as the keys of docker's sets; nil for none.
func set(groups ...[]string) map[string]struct{} {
	out := map[string]struct{}{}
	for _, words := range groups {
		for _, w := range words {
			out[w] = struct{}{}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func labels(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}
