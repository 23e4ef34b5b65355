package container

import (
	"fmt"
	"slices"
	"strconv"
)

// Facts are what inspect shows of a container and what neither its configuration nor its state knows.
// An empty fact is shown empty.
type Facts struct {
	// Docker gives the few values that differ in docker's way: Name with a slash, Image with "sha256:", times in
	// RFC 3339, no Health without a health check.
	Docker bool

	StaticDir, OCIConfigPath, LogPath         string
	ResolvConfPath, HostnamePath, HostsPath   string
	Runtime, OCIVersion                       string
	CgroupManager, CgroupPath                 string
	Limits                                    bool // cgroup limits hold in this container
	StorageDriver                             string
	StorageData                               map[string]string // LowerDir, UpperDir, WorkDir, MergedDir
	EffectiveCaps, BoundingCaps               []string
	MountLabel, ProcessLabel, AppArmorProfile string
	ExecIDs                                   []string

	// Ports are the published ports with those host ports that were chosen at start; nil: those of the configuration.
	Ports      []Port
	Networks   map[string]InspectAttachment // by name of the network, while the container runs
	SandboxKey string                       // the network namespace's file

	SizeRw     *int64 // bytes in the writable layer; nil: not asked for
	SizeRootFs int64  // bytes in all layers
}

// Inspect renders everything known of a container. It changes none of its arguments. A damaged container, of which only
// the id and the name are known, gives an answer too.
func Inspect(c *Config, s State, f Facts) InspectData {
	d := InspectData{
		ID:              c.ID,
		Created:         InspectTime{c.Created, f.Docker},
		Args:            []string{},
		State:           inspectState(s, f),
		Image:           c.Image.ID,
		ImageDigest:     c.Image.Digest,
		ImageName:       c.Image.Name,
		ResolvConfPath:  f.ResolvConfPath,
		HostnamePath:    f.HostnamePath,
		HostsPath:       f.HostsPath,
		LogPath:         f.LogPath,
		StaticDir:       f.StaticDir,
		OCIConfigPath:   f.OCIConfigPath,
		OCIRuntime:      f.Runtime,
		PidFile:         c.PIDFile,
		Name:            c.Name,
		RestartCount:    s.Restarts,
		Driver:          f.StorageDriver,
		Platform:        "linux",
		MountLabel:      f.MountLabel,
		ProcessLabel:    f.ProcessLabel,
		AppArmorProfile: f.AppArmorProfile,
		EffectiveCaps:   list(f.EffectiveCaps),
		BoundingCaps:    list(f.BoundingCaps),
		ExecIDs:         list(f.ExecIDs),
		GraphDriver:     InspectDriver{f.StorageDriver, f.StorageData},
		SizeRw:          f.SizeRw,
		SizeRootFs:      f.SizeRootFs,
		Mounts:          inspectMounts(c.Mounts),
		Dependencies:    append([]string{}, c.Dependencies()...),
		NetworkSettings: inspectNetwork(c, s, f),
		Config:          inspectConfig(c),
		HostConfig:      inspectHost(c, f),
	}
	if argv := c.Process.Argv(); len(argv) > 0 {
		d.Path, d.Args = argv[0], argv[1:]
	}
	if f.Docker {
		d.Name = "/" + c.Name
		if c.Image.ID != "" {
			d.Image = "sha256:" + c.Image.ID
		}
	}
	return d
}

func inspectState(s State, f Facts) InspectState {
	out := InspectState{
		OciVersion:     f.OCIVersion,
		Status:         string(s.Status),
		Running:        s.Status == StatusRunning || s.Status == StatusPaused || s.Status == StatusStopping,
		Paused:         s.Status == StatusPaused,
		Restarting:     s.Status == StatusRestarting,
		OOMKilled:      s.OOMKilled,
		Dead:           s.Status == StatusDamaged,
		Pid:            s.PID,
		ConmonPid:      s.MonitorPID,
		ExitCode:       s.ExitCode,
		Error:          s.Problem,
		StartedAt:      InspectTime{s.Started, f.Docker},
		FinishedAt:     InspectTime{s.Finished, f.Docker},
		CgroupPath:     f.CgroupPath,
		CheckpointedAt: InspectTime{rfc3339: f.Docker},
		RestoredAt:     InspectTime{rfc3339: f.Docker},
	}
	if f.Docker {
		out.Status = s.Status.Docker()
		out.Running = out.Running || out.Restarting // docker calls a restarting container running too
		return out
	}
	out.Running = s.Status == StatusRunning
	out.Health = &InspectHealth{}
	return out
}

// Docker gives the status in docker's words: created, running, paused, restarting, removing, exited or dead.
func (s Status) Docker() string {
	switch s {
	case StatusInitialized:
		return "created"
	case StatusStopping:
		return "running"
	case StatusDamaged:
		return "dead"
	}
	return string(s)
}

func inspectConfig(c *Config) InspectConfig {
	return InspectConfig{
		Hostname:      c.hostname(),
		User:          c.Process.User,
		ExposedPorts:  set(c.Image.ExposedPorts, c.Network.Expose, containerPorts(c.Network.Ports)),
		Tty:           c.Process.Terminal,
		OpenStdin:     c.Process.Interactive,
		Env:           list(c.Process.Env),
		Cmd:           c.Process.Args,
		Image:         c.Image.Name,
		Volumes:       set(c.Image.Volumes),
		WorkingDir:    c.Process.Workdir,
		Entrypoint:    c.Process.Entrypoint,
		Labels:        labels(c.Labels),
		Annotations:   labels(c.Annotations),
		StopSignal:    c.Stop.Signal,
		CreateCommand: c.Command,
		Timezone:      c.Timezone,
		Umask:         fmt.Sprintf("%04o", c.Process.Umask),
		Timeout:       c.Stop.MaxRun,
		StopTimeout:   c.Stop.Timeout,

		HealthcheckOnFailureAction: "none",
	}
}

func (c *Config) hostname() string {
	if c.Hostname == "" && len(c.ID) > 12 {
		return c.ID[:12]
	}
	return c.Hostname
}

func inspectMounts(mounts []Mount) []InspectMount {
	out := []InspectMount{}
	for _, m := range mounts {
		if m.Type == MountTmpfs {
			continue
		}
		one := InspectMount{
			Type: string(m.Type), Source: m.Source, Destination: m.Destination, Options: []string{}, RW: !m.ReadOnly,
			Propagation: "rprivate",
		}
		for _, o := range m.Options {
			switch {
			case isPropagation(o):
				one.Propagation = o
			case o == "z" || o == "Z":
				one.Mode = o
			default:
				one.Options = append(one.Options, o)
			}
		}
		out = append(out, one)
	}
	return out
}

func inspectNetwork(c *Config, s State, f Facts) InspectNetwork {
	n := InspectNetwork{Networks: f.Networks, SandboxKey: f.SandboxKey}
	ends := c.Network.Endpoints()
	if n.Networks == nil && len(ends) > 0 { // it does not run
		n.Networks = map[string]InspectAttachment{}
		for _, e := range ends {
			n.Networks[e.Network] = InspectAttachment{Aliases: list(e.Aliases)}
		}
	}
	if len(ends) == 1 {
		// As docker, which shows the address here for its default network, and podman for any that is the only one.
		n.InspectEndpoint = n.Networks[ends[0].Network].InspectEndpoint
	}
	ports := f.Ports
	if ports == nil {
		ports = c.Network.Ports
	}
	// Docker shows published ports only while they are.
	if !f.Docker || s.Alive() {
		n.Ports = bindings(ports, true)
	} else {
		n.Ports = map[string][]InspectPort{}
	}
	for _, exposed := range slices.Concat(c.Image.ExposedPorts, c.Network.Expose) {
		if _, ok := n.Ports[exposed]; !ok && (!f.Docker || s.Alive()) {
			n.Ports[exposed] = nil
		}
	}
	return n
}

// bindings gives the host addresses by container port. With effective, an open address is spelled out and a port that
// is not chosen yet is left out.
func bindings(ports []Port, effective bool) map[string][]InspectPort {
	out := map[string][]InspectPort{}
	for _, p := range ports {
		for i := range max(p.Count, 1) {
			host := InspectPort{HostIP: p.HostIP}
			if p.HostPort != 0 {
				host.HostPort = strconv.Itoa(int(p.HostPort) + int(i))
			} else if effective {
				continue
			}
			if effective && host.HostIP == "" {
				host.HostIP = "0.0.0.0"
			}
			key := p.containerPort(i)
			out[key] = append(out[key], host)
		}
	}
	return out
}

func containerPorts(ports []Port) []string {
	var out []string
	for _, p := range ports {
		for i := range max(p.Count, 1) {
			out = append(out, p.containerPort(i))
		}
	}
	return out
}

func (p Port) containerPort(i uint16) string {
	return strconv.Itoa(int(p.ContainerPort)+int(i)) + "/" + p.Protocol
}
