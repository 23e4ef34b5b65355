package container

import (
	"strings"
	"testing"
)

func ptr[T any](v T) *T { return &v }

func TestValidateAcceptsNothingChosen(t *testing.T) {
	if err := NewConfig().Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidateAcceptsOrdinaryChoices(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"rm with restart no": func(c *Config) { c.Remove = true },
		"host network, same port": func(c *Config) {
			c.Network.Mode, c.Network.Ports = "host", []Port{{HostPort: 80, ContainerPort: 80, Count: 1, Protocol: "tcp"}}
		},
		"privileged and cap-add": func(c *Config) { c.Security = Security{Privileged: true, CapAdd: []string{"CAP_NET_ADMIN"}} },
		"drop all, add one":      func(c *Config) { c.Security = Security{CapDrop: []string{"ALL"}, CapAdd: []string{"CAP_CHOWN"}} },
		"same port, tcp and udp": func(c *Config) {
			c.Network.Ports = []Port{{HostPort: 53, ContainerPort: 53, Count: 1, Protocol: "tcp"}, {HostPort: 53, ContainerPort: 53, Count: 1, Protocol: "udp"}}
		},
		"same port, two addresses": func(c *Config) {
			c.Network.Ports = []Port{{HostIP: "127.0.0.1", HostPort: 53, ContainerPort: 53, Count: 1, Protocol: "tcp"}, {HostIP: "127.0.0.2", HostPort: 53, ContainerPort: 53, Count: 1, Protocol: "tcp"}}
		},
		"two chosen ports": func(c *Config) {
			c.Network.Ports = []Port{{ContainerPort: 53, Count: 1, Protocol: "tcp"}, {ContainerPort: 54, Count: 1, Protocol: "tcp"}}
		},
		"swap unlimited":             func(c *Config) { c.Resources.Memory, c.Resources.MemorySwap = 1<<20, -1 },
		"dns none":                   func(c *Config) { c.Network.DNS = []string{"none"} },
		"cgroups disabled, no limit": func(c *Config) { c.Resources.Cgroups, c.Resources.PidsLimit = "disabled", ptr(int64(-1)) },
		"workdir":                    func(c *Config) { c.Process.Workdir = "/procession" },
		"local time":                 func(c *Config) { c.Timezone = "local" },
		"zone":                       func(c *Config) { c.Timezone = "America/Argentina/Buenos_Aires" },
	} {
		c := NewConfig()
		change(c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	tcp := func(host uint16, ip string, count uint16) Port {
		return Port{HostIP: ip, HostPort: host, ContainerPort: 80, Count: count, Protocol: "tcp"}
	}
	for part, change := range map[string]func(*Config){
		"--rm removes":                   func(c *Config) { c.Remove, c.Restart.Policy = true, RestartAlways },
		"restart policy \"x\"":           func(c *Config) { c.Restart.Policy = "x" },
		"container id":                   func(c *Config) { c.ID = "../x" },
		"cannot be a name":               func(c *Config) { c.Name = "../x" },
		"host name":                      func(c *Config) { c.Hostname = "a b" },
		"UTS namespace":                  func(c *Config) { c.Hostname, c.Namespace.UTS = "a", "host" },
		"not a label":                    func(c *Config) { c.Labels = map[string]string{"": "x"} },
		"NUL":                            func(c *Config) { c.Process.Args = []string{"a\x00"} },
		"has no value":                   func(c *Config) { c.Process.Env = []string{"HOME"} },
		"lead out of the container":      func(c *Config) { c.Process.Workdir = "/x/../proc/self/fd/7" },
		"not absolute; give an absolute": func(c *Config) { c.Process.Workdir = "x" },
		"above 2147483647":               func(c *Config) { c.Process.User = "4294967296" },
		"stands alone":                   func(c *Config) { c.Process.Groups = []string{KeepGroups, "1"} },
		"umask":                          func(c *Config) { c.Process.Umask = 0o1000 },
		"--oom-score-adj":                func(c *Config) { c.Process.OOMScoreAdj = ptr(1001) },
		"given twice":                    func(c *Config) { c.Process.Ulimits = []Ulimit{{"core", 1, 1}, {"core", 2, 2}} },
		"two mounts": func(c *Config) {
			c.Mounts = []Mount{{Type: MountTmpfs, Destination: "/a"}, {Type: MountTmpfs, Destination: "/a"}}
		},
		"two mounts or devices": func(c *Config) {
			c.Mounts, c.Devices = []Mount{{Type: MountTmpfs, Destination: "/a"}}, []Device{{Source: "/dev/a", Destination: "/a", Permissions: "r"}}
		},
		"mount type":                     func(c *Config) { c.Mounts = []Mount{{Type: "volume", Destination: "/a"}} },
		"uts namespace mode":             func(c *Config) { c.Namespace.UTS = "shareable" },
		"change another network":         func(c *Config) { c.Network.Mode, c.Security.Sysctls = "host", map[string]string{"net.a": "1"} },
		"change another IPC":             func(c *Config) { c.Namespace.IPC, c.Security.Sysctls = "host", map[string]string{"kernel.sem": "1"} },
		"published twice":                func(c *Config) { c.Network.Ports = []Port{tcp(8080, "", 1), tcp(8075, "127.0.0.1", 10)} },
		"53/tcp of the host":             func(c *Config) { c.Network.Ports = []Port{tcp(53, "0.0.0.0", 1), tcp(53, "127.0.0.1", 1)} },
		"not all from 1 to 65535":        func(c *Config) { c.Network.Ports = []Port{tcp(65535, "", 2)} },
		"container's ports are the host": func(c *Config) { c.Network.Mode, c.Network.Ports = "host", []Port{tcp(8080, "", 1)} },
		"leave out --publish-all":        func(c *Config) { c.Network.Mode, c.Network.PublishAll = "host", true },
		"with --network none":            func(c *Config) { c.Network.Mode, c.Network.Ports = "none", []Port{tcp(80, "", 1)} },
		"--no-hosts":                     func(c *Config) { c.Network.NoHosts, c.Network.AddHosts = true, []string{"a:1.1.1.1"} },
		"--dns ":                         func(c *Config) { c.Network.DNS = []string{"1.1.1.1\nsearch x"} },
		"--dns-search":                   func(c *Config) { c.Network.DNSSearch = []string{"a b"} },
		"--dns-option":                   func(c *Config) { c.Network.DNSOptions = []string{"a\nnameserver x"} },
		"options are of pasta":           func(c *Config) { c.Network.Options = []string{"-T"} },
		"written in full; write \"80":    func(c *Config) { c.Network.Expose = []string{"80"} },
		"add --memory":                   func(c *Config) { c.Resources.MemorySwap = 1 << 30 },
		"at least the 1048576 bytes":     func(c *Config) { c.Resources.Memory, c.Resources.MemorySwap = 1<<20, 1<<19 },
		"reservation is above":           func(c *Config) { c.Resources.Memory, c.Resources.MemoryReservation = 1<<20, 1<<21 },
		"--memory-swappiness":            func(c *Config) { c.Resources.MemorySwappiness = ptr(uint64(101)) },
		"--cpus stands":                  func(c *Config) { c.Resources.CPUs, c.Resources.CPUQuota = 1, 5000 },
		"--cpu-period":                   func(c *Config) { c.Resources.CPUPeriod = 1 },
		"--cpu-quota":                    func(c *Config) { c.Resources.CPUQuota = 1 },
		"--cpu-shares":                   func(c *Config) { c.Resources.CPUShares = 1 },
		"--cpuset-cpus":                  func(c *Config) { c.Resources.CpusetCPUs = "2-1" },
		"--cpuset-mems":                  func(c *Config) { c.Resources.CpusetMems = "a" },
		"--pids-limit":                   func(c *Config) { c.Resources.PidsLimit = ptr(int64(-2)) },
		"--blkio-weight":                 func(c *Config) { c.Resources.BlkioWeight = 5 },
		"--shm-size":                     func(c *Config) { c.Resources.ShmSize = -1 },
		"no cgroup to limit":             func(c *Config) { c.Resources.Cgroups, c.Resources.Memory = "disabled", 1<<20 },
		"--cgroups \"split\"":            func(c *Config) { c.Resources.Cgroups = "split" },
		"--cgroup-parent":                func(c *Config) { c.Resources.CgroupParent = "../x" },
		"setting of cgroup v2":           func(c *Config) { c.Resources.CgroupConf = []string{"memory/../x=1"} },
		"kept by the engine":             func(c *Config) { c.Resources.CgroupConf = []string{"cgroup.procs=1"} },
		"value of one line":              func(c *Config) { c.Resources.CgroupConf = []string{"memory.high=1\n2"} },
		"both added and dropped":         func(c *Config) { c.Security = Security{CapAdd: []string{"CAP_KILL"}, CapDrop: []string{"CAP_KILL"}} },
		"not written in full":            func(c *Config) { c.Security.CapAdd = []string{"KILL"} },
		"profile is not JSON":            func(c *Config) { c.Security.Seccomp = "{" },
		"AppArmor profile":               func(c *Config) { c.Security.AppArmor = "a\nb" },
		"log driver \"x\"":               func(c *Config) { c.Log.Driver = "x" },
		"writes no file":                 func(c *Config) { c.Log.Driver, c.Log.MaxSize = LogNone, 1 },
		"add --log-opt max-size":         func(c *Config) { c.Log.MaxFile = 2 },
		"caller's own streams":           func(c *Config) { c.Log.Driver, c.Process.Terminal = LogPassthrough, true },
		"not a signal":                   func(c *Config) { c.Stop.Signal = "x" },
		"--tz":                           func(c *Config) { c.Timezone = "../../etc/passwd" },
		"--tz \"/etc":                    func(c *Config) { c.Timezone = "/etc/passwd" },
		"name the same file":             func(c *Config) { c.PIDFile, c.CIDFile = "/a", "/a" },
		"absolute path of a file":        func(c *Config) { c.PIDFile = "a" },
	} {
		c := NewConfig()
		change(c)
		checkInvalid(t, part, c.Validate(), strings.TrimPrefix(part, "53"))
	}
}
