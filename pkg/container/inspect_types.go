package container

import "time"

// InspectData is what inspect prints of a container: the field names and shapes of podman, which are docker's too where
// both have the field. It is an answer only; nothing is read back from it.
type InspectData struct {
	ID              string `json:"Id"`
	Created         InspectTime
	Path            string
	Args            []string
	State           InspectState
	Image           string // id: with "sha256:" for docker, bare for podman
	ImageDigest     string
	ImageName       string
	Rootfs          string
	Pod             string
	ResolvConfPath  string
	HostnamePath    string
	HostsPath       string
	LogPath         string
	StaticDir       string
	OCIConfigPath   string `json:",omitempty"`
	OCIRuntime      string
	PidFile         string
	Name            string // with "/" in front for docker
	RestartCount    int
	Driver          string
	Platform        string
	MountLabel      string
	ProcessLabel    string
	AppArmorProfile string
	EffectiveCaps   []string
	BoundingCaps    []string
	ExecIDs         []string
	GraphDriver     InspectDriver
	SizeRw          *int64 `json:",omitempty"` // bytes; with --size
	SizeRootFs      int64  `json:",omitempty"` // bytes; with --size
	Mounts          []InspectMount
	Dependencies    []string // ids of the containers whose namespaces this one joins
	NetworkSettings InspectNetwork
	Namespace       string // always empty, podman's own notion
	IsInfra         bool
	IsService       bool
	Config          InspectConfig
	HostConfig      InspectHostConfig
}

// ImageID is Image by the name podman's templates also accept.
func (d InspectData) ImageID() string { return d.Image }

// InspectTime is a time that prints in a template as podman prints it, or in RFC 3339 as docker does.
type InspectTime struct {
	time.Time
	rfc3339 bool
}

// String gives the time in the words of the style it was made for.
func (t InspectTime) String() string {
	if t.rfc3339 {
		return t.Time.Format(time.RFC3339Nano)
	}
	return t.Time.String()
}

// InspectState is what has become of the container.
type InspectState struct {
	OciVersion     string
	Status         string
	Running        bool
	Paused         bool
	Restarting     bool
	OOMKilled      bool
	Dead           bool
	Pid            int
	ConmonPid      int `json:",omitempty"` // the monitor's pid
	ExitCode       int
	Error          string
	StartedAt      InspectTime // zero: never
	FinishedAt     InspectTime
	Health         *InspectHealth `json:",omitempty"` // nil for docker, which leaves it out without a health check
	CgroupPath     string         `json:",omitempty"`
	CheckpointedAt InspectTime
	RestoredAt     InspectTime
}

// InspectHealth is the state of the health check.
type InspectHealth struct {
	Status        string
	FailingStreak int
	Log           []struct{}
}

// InspectDriver says how the root file system is put together.
type InspectDriver struct {
	Name string
	Data map[string]string
}

// InspectMount is one bind mount or volume. A tmpfs is in HostConfig.Tmpfs.
type InspectMount struct {
	Type        string
	Name        string `json:",omitempty"`
	Source      string
	Destination string
	Driver      string
	Mode        string
	Options     []string
	RW          bool
	Propagation string
}

// Src and Dst are Source and Destination by the names podman's templates also accept.
func (m InspectMount) Src() string { return m.Source }

// Dst is Destination.
func (m InspectMount) Dst() string { return m.Destination }

// InspectPort is one host address of a published port.
type InspectPort struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

// InspectEndpoint is the container's end in one network.
type InspectEndpoint struct {
	EndpointID          string
	Gateway             string
	IPAddress           string
	IPPrefixLen         int
	IPv6Gateway         string
	GlobalIPv6Address   string
	GlobalIPv6PrefixLen int
	MacAddress          string
}

// InspectAttachment is the container's end in one network, by that network's name.
type InspectAttachment struct {
	InspectEndpoint
	NetworkID  string
	DriverOpts map[string]string
	IPAMConfig map[string]string
	Links      []string
	Aliases    []string
}

// InspectNetwork is how the container is reached.
type InspectNetwork struct {
	InspectEndpoint
	Bridge                 string
	SandboxID              string
	HairpinMode            bool
	LinkLocalIPv6Address   string
	LinkLocalIPv6PrefixLen int
	Ports                  map[string][]InspectPort // null: exposed, not published
	SandboxKey             string
	Networks               map[string]InspectAttachment `json:",omitempty"`
}

// InspectConfig is what the process was given.
type InspectConfig struct {
	Hostname      string
	Domainname    string
	User          string
	AttachStdin   bool
	AttachStdout  bool
	AttachStderr  bool
	ExposedPorts  map[string]struct{} `json:",omitempty"`
	Tty           bool
	OpenStdin     bool
	StdinOnce     bool
	Env           []string
	Cmd           []string
	Image         string
	Volumes       map[string]struct{}
	WorkingDir    string
	Entrypoint    []string
	OnBuild       []string
	Labels        map[string]string
	Annotations   map[string]string
	StopSignal    string
	CreateCommand []string
	Timezone      string `json:",omitempty"`
	Umask         string // four octal digits
	Timeout       uint   // seconds, of --timeout
	StopTimeout   uint   // seconds
	// HealthcheckOnFailureAction is what a failing health check does to the container.
	HealthcheckOnFailureAction string
}
