package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/report"
)

// infoAnswer is what info prints, under podman's names: those of Go for templates, those of JSON for JSON and YAML.
type infoAnswer struct {
	Host       infoHost       `json:"host"`
	Store      infoStore      `json:"store"`
	Registries map[string]any `json:"registries"`
	Plugins    infoPlugins    `json:"plugins"`
	Version    versionInfo    `json:"version"`
}

type infoHost struct {
	Arch              string           `json:"arch"`
	CgroupManager     string           `json:"cgroupManager"`
	CgroupsVersion    string           `json:"cgroupVersion"`
	CgroupControllers []string         `json:"cgroupControllers"`
	Conmon            infoProgram      `json:"conmon"` // the monitor
	CPUs              int              `json:"cpus"`
	CPUUtilization    infoLoad         `json:"cpuUtilization"`
	Distribution      infoDistribution `json:"distribution"`
	EventLogger       string           `json:"eventLogger"`
	Hostname          string           `json:"hostname"`
	IDMappings        infoMaps         `json:"idMappings"`
	Kernel            string           `json:"kernel"`
	LogDriver         string           `json:"logDriver"`
	MemFree           int64            `json:"memFree"`  // bytes
	MemTotal          int64            `json:"memTotal"` // bytes
	NetworkBackend    string           `json:"networkBackend"`
	OCIRuntime        infoProgram      `json:"ociRuntime"`
	OS                string           `json:"os"`
	Pasta             infoProgram      `json:"pasta"`
	Security          infoSecurity     `json:"security"`
	ServiceIsRemote   bool             `json:"serviceIsRemote"`
	Slirp4NetNS       infoProgram      `json:"slirp4netns"`
	SwapFree          int64            `json:"swapFree"`
	SwapTotal         int64            `json:"swapTotal"`
	Uptime            string           `json:"uptime"`
}

// infoProgram is a program pod starts. Podman calls its place path or executable, depending on the program.
type infoProgram struct {
	Name       string `json:"name,omitempty"`
	Path       string `json:"path,omitempty"`
	Executable string `json:"executable,omitempty"`
	Version    string `json:"version,omitempty"`
}

type infoLoad struct {
	UserPercent   float64 `json:"userPercent"`
	SystemPercent float64 `json:"systemPercent"`
	IdlePercent   float64 `json:"idlePercent"`
}

type infoDistribution struct {
	Distribution string `json:"distribution"`
	Variant      string `json:"variant,omitempty"`
	Version      string `json:"version"`
	Codename     string `json:"codename,omitempty"`
}

type infoMaps struct {
	GIDMap []idRange `json:"gidmap"`
	UIDMap []idRange `json:"uidmap"`
}

type infoSecurity struct {
	AppArmorEnabled     bool   `json:"apparmorEnabled"`
	DefaultCapabilities string `json:"capabilities"`
	Rootless            bool   `json:"rootless"`
	SECCOMPEnabled      bool   `json:"seccompEnabled"`
	SECCOMPProfilePath  string `json:"seccompProfilePath"`
	SELinuxEnabled      bool   `json:"selinuxEnabled"`
}

type infoStore struct {
	ConfigFile         string            `json:"configFile"`
	ContainerStore     infoContainers    `json:"containerStore"`
	GraphDriverName    string            `json:"graphDriverName"`
	GraphOptions       map[string]string `json:"graphOptions"`
	GraphRoot          string            `json:"graphRoot"`
	GraphRootAllocated int64             `json:"graphRootAllocated"` // bytes
	GraphRootUsed      int64             `json:"graphRootUsed"`
	ImageStore         infoCount         `json:"imageStore"`
	RunRoot            string            `json:"runRoot"`
	// StateDir and RunDir are pod's own; podman keeps its state in the storage.
	StateDir string `json:"stateDir"`
	RunDir   string `json:"runDir"`
}

type infoContainers struct {
	Number  int `json:"number"`
	Paused  int `json:"paused"`
	Running int `json:"running"`
	Stopped int `json:"stopped"`
}

type infoCount struct {
	Number int `json:"number"`
}

type infoPlugins struct {
	Log     []string `json:"log"`
	Network []string `json:"network"`
	Volume  []string `json:"volume"`
}

// dockerInfo is the part of docker's info that scripts ask for and that has a meaning here.
type dockerInfo struct {
	Containers        int
	ContainersRunning int
	ContainersPaused  int
	ContainersStopped int
	Images            int
	Driver            string
	LoggingDriver     string
	CgroupDriver      string
	CgroupVersion     string
	Plugins           infoPlugins
	DefaultRuntime    string
	SecurityOptions   []string
	KernelVersion     string
	OperatingSystem   string
	OSType            string
	Architecture      string
	NCPU              int
	MemTotal          int64
	Name              string
	DockerRootDir     string
	ServerVersion     string
	SwapLimit         bool
	MemoryLimit       bool
	PidsLimit         bool
	CPUSet            bool
	// Swarm answers scripts that first ask whether this machine belongs to a swarm.
	Swarm dockerSwarm
}

type dockerSwarm struct{ LocalNodeState string }

func dockerInfoOf(i *infoAnswer) dockerInfo {
	has := func(controller string) bool { return slices.Contains(i.Host.CgroupControllers, controller) }
	d := dockerInfo{
		Containers: i.Store.ContainerStore.Number, ContainersRunning: i.Store.ContainerStore.Running,
		ContainersPaused: i.Store.ContainerStore.Paused, ContainersStopped: i.Store.ContainerStore.Stopped,
		Images: i.Store.ImageStore.Number, Driver: i.Store.GraphDriverName, LoggingDriver: i.Host.LogDriver, CgroupDriver: i.Host.CgroupManager,
		CgroupVersion: strings.TrimPrefix(i.Host.CgroupsVersion, "v"), Plugins: i.Plugins, DefaultRuntime: i.Host.OCIRuntime.Name,
		KernelVersion: i.Host.Kernel, OperatingSystem: strings.TrimSpace(i.Host.Distribution.Distribution + " " + i.Host.Distribution.Version),
		OSType: i.Host.OS, Architecture: machineName(i.Host.Arch), NCPU: i.Host.CPUs, MemTotal: i.Host.MemTotal, Name: i.Host.Hostname,
		DockerRootDir: i.Store.StateDir, ServerVersion: i.Version.Version,
		SwapLimit: has("memory"), MemoryLimit: has("memory"), PidsLimit: has("pids"), CPUSet: has("cpuset"), SecurityOptions: dockerSecurity(i.Host.Security),
		Swarm: dockerSwarm{"inactive"},
	}
	return d
}

func dockerSecurity(s infoSecurity) []string {
	options := []string{}
	for _, o := range []struct {
		on   bool
		name string
	}{{s.AppArmorEnabled, "apparmor"}, {s.SELinuxEnabled, "selinux"}, {s.SECCOMPEnabled, "seccomp,profile=builtin"}, {s.Rootless, "rootless"}} {
		if o.on {
			options = append(options, "name="+o.name)
		}
	}
	return options
}

// machineName is the kernel's name of an architecture, which docker shows, for Go's.
func machineName(arch string) string {
	switch arch {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	case "386":
		return "i686"
	}
	return arch
}

func printDockerInfo(w io.Writer, d dockerInfo, format string) error {
	if format != "" {
		return report.Record(w, d, format, report.Docker)
	}
	var b strings.Builder
	line := func(name string, value any) { fmt.Fprintf(&b, " %s: %s\n", name, report.Escape(fmt.Sprint(value))) }
	b.WriteString("Server:\n")
	line("Containers", d.Containers)
	line(" Running", d.ContainersRunning)
	line(" Paused", d.ContainersPaused)
	line(" Stopped", d.ContainersStopped)
	line("Images", d.Images)
	line("Server Version", d.ServerVersion)
	line("Storage Driver", d.Driver)
	line("Logging Driver", d.LoggingDriver)
	line("Cgroup Driver", d.CgroupDriver)
	line("Cgroup Version", d.CgroupVersion)
	line("Default Runtime", d.DefaultRuntime)
	line("Security Options", strings.Join(d.SecurityOptions, " "))
	line("Kernel Version", d.KernelVersion)
	line("Operating System", d.OperatingSystem)
	line("OSType", d.OSType)
	line("Architecture", d.Architecture)
	line("CPUs", d.NCPU)
	line("Total Memory", report.BinarySize(d.MemTotal))
	line("Name", d.Name)
	line("Docker Root Dir", d.DockerRootDir)
	_, err := io.WriteString(w, b.String())
	return err
}
