package oci

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/pkg/container"
)

// elsewhere names who acts on the fields that no specification shows.
func elsewhere() map[string]string {
	const (
		engine  = "engine"
		monitor = "monitor"
		netns   = "netns"
		image   = "container.ApplyImage"
		inspect = "inspect, ps"
	)
	return map[string]string{
		"Name": engine, "Created": inspect, "Command": inspect, "Image.Name": inspect, "Image.ID": engine, "Image.Digest": inspect, "Image.Arch": engine,
		"Image.ExposedPorts": image, "Process.User": "engine, by container.LookupUser", "Process.Interactive": monitor, "Labels": inspect,
		"Network.Networks.Network": netns, "Network.Networks.Aliases": netns, "Network.Networks.Address": netns, "Network.Networks.Address6": netns,
		"Network.Networks.MAC": netns, "Network.Networks.Interface": netns, "Network.Address": netns, "Network.Address6": netns, "Network.MAC": netns,
		"Network.Aliases": netns, "Network.Networks": netns,
		"Timezone": "engine, as Host.Files", "Network.Options": netns, "Network.Ports": netns, "Network.Ports.HostIP": netns,
		"Network.Ports.HostPort": netns, "Network.Ports.ContainerPort": netns, "Network.Ports.Count": netns, "Network.Ports.Protocol": netns,
		"Process.DefaultEnv": image, "Network.Expose": image, "Network.PublishAll": image, "Network.DNS": engine, "Network.DNSSearch": engine, "Network.DNSOptions": engine,
		"Network.AddHosts": engine, "Network.NoHosts": engine, "Network.HostsFile": engine, "Network.NoHostname": engine, "Resources.CgroupParent": "engine, as Host.CgroupsPath",
		"Devices.CDI": "engine, as what the device means", "Security.Label": "engine, as Host.ProcessLabel", "Log.Driver": monitor, "Log.Path": monitor, "Log.MaxSize": monitor, "Log.MaxFile": monitor, "Log.Tag": monitor,
		"Restart.Policy": monitor, "Restart.Max": monitor, "Stop.Signal": engine, "Stop.Timeout": engine, "Stop.MaxRun": monitor,
		"Remove": engine, "PIDFile": monitor, "CIDFile": engine,
	}
}

// flips change one field each in a way that the specification must show; base is what has to be there first.
func flips() map[string]func(*container.Config) {
	n, adj := int64(9), 5
	return map[string]func(*container.Config){
		"ID":                          func(c *container.Config) { c.ID = "f" + c.ID[1:] },
		"Image.Volumes":               func(c *container.Config) { c.Image.Volumes = []string{"/data"} },
		"Process.Entrypoint":          func(c *container.Config) { c.Process.Entrypoint = []string{"/x"} },
		"Process.Args":                func(c *container.Config) { c.Process.Args = []string{"x"} },
		"Process.Env":                 func(c *container.Config) { c.Process.Env = []string{"A=1"} },
		"Process.UnsetEnv":            func(c *container.Config) { c.Process.UnsetEnv = []string{"HOME"} },
		"Process.UnsetEnvAll":         func(c *container.Config) { c.Process.UnsetEnvAll = true },
		"Process.Workdir":             func(c *container.Config) { c.Process.Workdir = "/x" },
		"Process.Groups":              func(c *container.Config) { c.Process.Groups = []string{container.KeepGroups} },
		"Process.Terminal":            func(c *container.Config) { c.Process.Terminal = true },
		"Process.Init":                func(c *container.Config) { c.Process.Init = true },
		"Process.Umask":               func(c *container.Config) { c.Process.Umask = 0o77 },
		"Process.Ulimits":             func(c *container.Config) { c.Process.Ulimits = nil },
		"Process.Ulimits.Name":        func(c *container.Config) { c.Process.Ulimits[0].Name = "stack" },
		"Process.Ulimits.Soft":        func(c *container.Config) { c.Process.Ulimits[0].Soft = 2 },
		"Process.Ulimits.Hard":        func(c *container.Config) { c.Process.Ulimits[0].Hard = 9 },
		"Process.OOMScoreAdj":         func(c *container.Config) { c.Process.OOMScoreAdj = &adj },
		"Root.ReadOnly":               func(c *container.Config) { c.Root.ReadOnly = false },
		"Root.ReadOnlyTmpfs":          func(c *container.Config) { c.Root.ReadOnlyTmpfs = false },
		"Hostname":                    func(c *container.Config) { c.Hostname = "x" },
		"Annotations":                 func(c *container.Config) { c.Annotations = map[string]string{"a": "b"} },
		"Mounts":                      func(c *container.Config) { c.Mounts = nil },
		"Mounts.Type":                 func(c *container.Config) { c.Mounts[0].Type = container.MountTmpfs },
		"Mounts.Source":               func(c *container.Config) { c.Mounts[0].Source = "/x" },
		"Mounts.Destination":          func(c *container.Config) { c.Mounts[0].Destination = "/x" },
		"Mounts.ReadOnly":             func(c *container.Config) { c.Mounts[0].ReadOnly = true },
		"Mounts.Options":              func(c *container.Config) { c.Mounts[0].Options = []string{"noexec"} },
		"Devices":                     func(c *container.Config) { c.Devices = nil },
		"Devices.Source":              func(c *container.Config) { c.Devices[0].Source = "/dev/x" },
		"Devices.Destination":         func(c *container.Config) { c.Devices[0].Destination = "/dev/x" },
		"Devices.Permissions":         func(c *container.Config) { c.Devices[0].Permissions = "r" },
		"Namespace.PID":               func(c *container.Config) { c.Namespace.PID = "host" },
		"Namespace.IPC":               func(c *container.Config) { c.Namespace.IPC = "host" },
		"Namespace.UTS":               func(c *container.Config) { c.Namespace.UTS = "host" },
		"Namespace.Cgroup":            func(c *container.Config) { c.Namespace.Cgroup = "host" },
		"Network.Mode":                func(c *container.Config) { c.Network.Mode = "host" },
		"Resources.Memory":            func(c *container.Config) { c.Resources.Memory = 1 << 20 },
		"Resources.MemorySwap":        func(c *container.Config) { c.Resources.MemorySwap = -1 },
		"Resources.CPUShares":         func(c *container.Config) { c.Resources.CPUShares = 5 },
		"Resources.CPUPeriod":         func(c *container.Config) { c.Resources.CPUPeriod = 5000 },
		"Resources.CPUQuota":          func(c *container.Config) { c.Resources.CPUQuota = 5000 },
		"Resources.CPUs":              func(c *container.Config) { c.Resources.CPUs = 2 },
		"Resources.CpusetCPUs":        func(c *container.Config) { c.Resources.CpusetCPUs = "0" },
		"Resources.CpusetMems":        func(c *container.Config) { c.Resources.CpusetMems = "0" },
		"Resources.PidsLimit":         func(c *container.Config) { c.Resources.PidsLimit = &n },
		"Resources.BlkioWeight":       func(c *container.Config) { c.Resources.BlkioWeight = 10 },
		"Resources.ShmSize":           func(c *container.Config) { c.Resources.ShmSize = 1 },
		"Resources.Cgroups":           func(c *container.Config) { c.Resources.Cgroups = "disabled" },
		"Resources.CgroupConf":        func(c *container.Config) { c.Resources.CgroupConf = []string{"memory.high=1"} },
		"Resources.MemoryReservation": func(c *container.Config) { c.Resources.MemoryReservation = 1 },
		"Resources.MemorySwappiness":  func(c *container.Config) { c.Resources.MemorySwappiness = new(uint64) },
		"Security.Privileged":         func(c *container.Config) { c.Security.Privileged = true },
		"Security.Capabilities":       func(c *container.Config) { c.Security.Capabilities = []string{"CAP_KILL"} },
		"Security.CapAdd":             func(c *container.Config) { c.Security.CapAdd = []string{"ALL"} },
		"Security.CapDrop":            func(c *container.Config) { c.Security.CapDrop = []string{"ALL"} },
		"Security.NoNewPrivileges":    func(c *container.Config) { c.Security.NoNewPrivileges = true },
		"Security.Seccomp":            func(c *container.Config) { c.Security.Seccomp = "unconfined" },
		"Security.AppArmor":           func(c *container.Config) { c.Security.AppArmor = "x" },
		"Security.Mask":               func(c *container.Config) { c.Security.Mask = []string{"/x"} },
		"Security.Unmask":             func(c *container.Config) { c.Security.Unmask = []string{"ALL"} },
		"Security.ProcOptions":        func(c *container.Config) { c.Security.ProcOptions = []string{"hidepid=2"} },
		"Security.Sysctls":            func(c *container.Config) { c.Security.Sysctls = map[string]string{"net.x": "1"} },
	}
}

// fields lists the path of every field of a configuration, those of list elements included.
func fields(t reflect.Type, prefix string) []string {
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		path, inner := prefix+f.Name, f.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if f.Type.Kind() != reflect.Struct || f.Type == reflect.TypeFor[time.Time]() {
			out = append(out, path)
		}
		if inner.Kind() == reflect.Struct && inner != reflect.TypeFor[time.Time]() {
			out = append(out, fields(inner, path+".")...)
		}
	}
	return out
}

func TestEveryFieldHasAConsumer(t *testing.T) {
	known := make(map[string]bool)
	for _, path := range fields(reflect.TypeFor[container.Config](), "") {
		known[path] = true
		flip, shown := flips()[path]
		who, other := elsewhere()[path]
		switch {
		case shown == other:
			t.Errorf("field %s: name who reads it, or a change that the specification shows (one of both)", path)
		case shown && bytesOf(t, nil) == bytesOf(t, flip):
			t.Errorf("field %s: its change does not show in the specification", path)
		case other && strings.TrimSpace(who) == "":
			t.Errorf("field %s: nobody reads it", path)
		}
	}
	for path := range flips() {
		if !known[path] {
			t.Errorf("there is no field %s", path)
		}
	}
	for path := range elsewhere() {
		if !known[path] {
			t.Errorf("there is no field %s", path)
		}
	}
}

// bytesOf renders a container in which every list has an element, after one change.
func bytesOf(t *testing.T, flip func(*container.Config)) string {
	t.Helper()
	cfg, host := testConfig(), testHost()
	cfg.Root.ReadOnly = true
	cfg.Mounts = []container.Mount{{Type: container.MountBind, Source: "/a", Destination: "/b"}}
	cfg.Devices = []container.Device{{Source: "/dev/a", Destination: "/dev/a", Permissions: "rwm"}}
	cfg.Process.Ulimits = []container.Ulimit{{Name: "core", Soft: 1, Hard: 1}}
	host.Controllers = append(host.Controllers, "cpuset")
	host.Unified, host.AppArmor, host.Init = false, true, "/init"
	host.Volumes = map[string]string{"/data": "/vol"}
	if flip != nil {
		flip(cfg)
	}
	if len(cfg.Resources.CgroupConf) > 0 {
		host.Unified = true
	}
	s, err := Spec(cfg, host)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
