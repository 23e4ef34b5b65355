package monitor

import "errors"

// Launch is everything a monitor is told about the container it is to start. Paths are absolute. Descriptor fields are
// -1 when there is none; Start fills them in.
type Launch struct {
	ID, Name string
	Serial   uint64 // number of this start, for the exit record

	Runtime     string   // path of the OCI runtime
	RuntimeArgs []string // its global flags, "--root", "/run/…", "--systemd-cgroup"
	Env         []string // environment of the runtime, the network command and the clean-up command
	// Idle makes a two-step start outlive the command: FrameGo from any client goes on.
	Idle       bool
	TwoStep    bool   // stop after create, say so, and wait for the command's start
	CgroupRoot string // where cgroup version 2 is mounted; empty: OOM kills are not noticed
	// MemoryLimit says that there is one: the process begins only when its kills are noticed.
	MemoryLimit bool

	RootFD   int    // detached mount to attach at RootPath; -1: the root file system is in place already
	RootPath string // what is unmounted at the end; may be empty when RootFD is -1
	ShmFD    int    // detached mount of another container's /dev/shm to attach at ShmPath; -1: none
	ShmPath  string
	// NetnsPath, when not empty, is an existing file on which a network namespace is mounted: NetnsFD, or if that is -1 a new one
	// with its loopback up.
	NetnsPath string
	NetnsFD   int
	// NetworkCommand runs when that namespace exists and must succeed. What it leaves running in the background is
	// ended with the container.
	NetworkCommand []string

	Terminal  bool
	Stdin     bool // the container's stdin is what clients send; else /dev/null
	StdinOnce bool // stdin ends when the first client that attached to it sends its end or leaves
	ClientFD  int  // a first attach client, see client.NewConn
	StdioFDs  [3]int

	LogDriver  string // "k8s-file", "json-file", "journald", "passthrough" or "none"
	LogPath    string
	LogTag     string
	LogMaxSize int64 // bytes; 0: no limit
	LogMaxFile int   // files kept, the current one included; 0 is 1

	ExitFile string
	Durable  bool   // the exit record must survive a power loss
	PIDFile  string // the container's pid is also written here; may be empty

	RestartPolicy string // "", "no", "on-failure", "always" or "unless-stopped"
	RestartMax    uint   // most tries of on-failure; 0: no bound
	MaxRun        uint   // seconds until the container is stopped; 0: never
	StopSignal    int
	StopTimeout   uint // seconds from StopSignal to SIGKILL

	// EventsFile, when not empty, gets one line per end that is followed by another try and one per try. EventPrefix is
	// the beginning of a JSON object up to and including a comma; the monitor completes it with
	// "status":"died"|"restart","time":"…","containerExitCode":N} and a newline.
	EventsFile, EventPrefix string

	// Cleanup is the command that finishes the container when the one that started it is gone.
	Cleanup []string
}

// NewLaunch is a Launch without descriptors.
func NewLaunch() *Launch {
	return &Launch{RootFD: -1, ShmFD: -1, NetnsFD: -1, ClientFD: -1, StdioFDs: [3]int{-1, -1, -1}}
}

func (l *Launch) fields() []field {
	return []field{
		{"id", &l.ID},
		{"name", &l.Name},
		{"serial", &l.Serial},
		{"runtime", &l.Runtime},
		{"runtime-arg", &l.RuntimeArgs},
		{"env", &l.Env},
		{"two-step", &l.TwoStep},
		{"idle", &l.Idle},
		{"cgroup", &l.CgroupRoot},
		{"memory-limit", &l.MemoryLimit},
		{"root-fd", &l.RootFD},
		{"root-path", &l.RootPath},
		{"shm-fd", &l.ShmFD},
		{"shm-path", &l.ShmPath},
		{"netns", &l.NetnsPath},
		{"netns-fd", &l.NetnsFD},
		{"network", &l.NetworkCommand},
		{"terminal", &l.Terminal},
		{"stdin", &l.Stdin},
		{"stdin-once", &l.StdinOnce},
		{"client-fd", &l.ClientFD},
		{"stdin-fd", &l.StdioFDs[0]},
		{"stdout-fd", &l.StdioFDs[1]},
		{"stderr-fd", &l.StdioFDs[2]},
		{"log-driver", &l.LogDriver},
		{"log-path", &l.LogPath},
		{"log-tag", &l.LogTag},
		{"log-max-size", &l.LogMaxSize},
		{"log-max-file", &l.LogMaxFile},
		{"exit-file", &l.ExitFile},
		{"durable", &l.Durable},
		{"pid-file", &l.PIDFile},
		{"restart", &l.RestartPolicy},
		{"restart-max", &l.RestartMax},
		{"max-run", &l.MaxRun},
		{"stop-signal", &l.StopSignal},
		{"stop-timeout", &l.StopTimeout},
		{"events", &l.EventsFile},
		{"event-prefix", &l.EventPrefix},
		{"cleanup", &l.Cleanup},
	}
}

// Encode writes l as NUL-ended key=value entries.
func (l *Launch) Encode() ([]byte, error) { return encode(l.fields(), 0) }

// DecodeLaunch reads what Encode wrote. It is strict: a key that it does not know is an error that names it, so that a
// monitor never silently ignores what a newer command asks for.
func DecodeLaunch(data []byte) (*Launch, error) {
	l := NewLaunch()
	if err := decode(data, l.fields(), 0, true); err != nil {
		return nil, errors.New("read what to launch: " + err.Error())
	}
	return l, nil
}
