package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/pod-engine/pod/internal/hostinfo"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// hostFacts are what info shows and only the engine and the packages below it know. Paths of programs that are not
// there are empty.
type hostFacts struct {
	Rootless           bool
	UIDMap, GIDMap     []idRange
	Capabilities       []string // of a container by default
	SeccompProfile     string   // path; empty: the built-in one
	CgroupManager      string
	CgroupControllers  []string // those that limits can be set with
	EventLogger        string
	LogDriver          string // the default
	LogDrivers         []string
	NetworkBackend     string
	NetworkDrivers     []string
	Monitor            string // paths
	Runtime            string
	Pasta, Slirp4netns string
	DataDir, RunDir    string // pod's own state
	GraphDriver        string
	GraphOptions       map[string]string
	GraphRoot          string
	GraphRunRoot       string
	StorageConfig      string // path of the storage.conf in use
	Images             int
	Registries         []string // that unqualified names are searched in
}

// idRange is one line of a map of ids.
type idRange struct {
	ContainerID int `json:"container_id"`
	HostID      int `json:"host_id"`
	Size        int `json:"size"`
}

func newInfoCommand(a *app, src sources) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "info [flags]",
		Short:   "Show the machine, the engine and what is stored",
		Example: a.example("info", `info --format "{{.Host.OCIRuntime.Name}}"`),
		Args:    takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runInfo(cmd.Context(), a, src, format)
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "", "print as \"json\" or with a Go template, not as YAML")
	return cmd
}

func runInfo(ctx context.Context, a *app, src sources, format string) error {
	facts, err := src.host(ctx)
	if err != nil {
		return err
	}
	r, err := src.containers(ctx)
	if err != nil {
		return err
	}
	list, err := r.List(ctx)
	if err != nil {
		return err
	}
	host, err := hostinfo.Read(os.DirFS("/"))
	if err != nil {
		return fmt.Errorf("read what the kernel says of this machine: %w", err)
	}
	answer := newInfo(host, facts, list)
	answer.addVersions(ctx)
	answer.addDisk(facts.GraphRoot)
	if a.style() == report.Docker {
		return printDockerInfo(a.Out, dockerInfoOf(answer), format)
	}
	switch {
	case format == "":
		return report.WriteYAML(a.Out, answer)
	case report.IsJSON(format):
		return report.WriteJSON(a.Out, answer, "  ")
	}
	return report.Record(a.Out, answer, format, a.style())
}

func newInfo(host hostinfo.Host, f hostFacts, list []engine.Container) *infoAnswer {
	i := &infoAnswer{Version: thisVersion()}
	i.Host = infoHost{
		Arch: host.Arch, CgroupManager: f.CgroupManager, CgroupsVersion: host.CgroupVersion, CgroupControllers: f.CgroupControllers,
		Conmon: infoProgram{Path: f.Monitor}, CPUs: host.CPUs, CPUUtilization: infoLoad{host.Load.User, host.Load.System, host.Load.Idle},
		Distribution: infoDistribution{host.Distribution.ID, host.Distribution.Variant, host.Distribution.Version, host.Distribution.Codename},
		EventLogger:  f.EventLogger, Hostname: host.Hostname, IDMappings: infoMaps{f.GIDMap, f.UIDMap}, Kernel: host.Kernel, LogDriver: f.LogDriver,
		MemFree: host.MemFree, MemTotal: host.MemTotal, NetworkBackend: f.NetworkBackend, OS: "linux",
		OCIRuntime: infoProgram{Name: baseName(f.Runtime), Path: f.Runtime},
		Security: infoSecurity{
			host.AppArmor, strings.Join(f.Capabilities, ","), f.Rootless, host.Seccomp, f.SeccompProfile,
			host.SELinux,
		},
		Slirp4NetNS: infoProgram{Executable: f.Slirp4netns}, Pasta: infoProgram{Executable: f.Pasta},
		SwapFree: host.SwapFree, SwapTotal: host.SwapTotal, Uptime: uptimeText(host.Uptime),
	}
	i.Store = infoStore{
		ConfigFile: f.StorageConfig, ContainerStore: countContainers(list), GraphDriverName: f.GraphDriver, GraphOptions: f.GraphOptions,
		GraphRoot: f.GraphRoot, ImageStore: infoCount{f.Images}, RunRoot: f.GraphRunRoot, StateDir: f.DataDir, RunDir: f.RunDir,
	}
	if i.Store.GraphOptions == nil {
		i.Store.GraphOptions = map[string]string{}
	}
	i.Registries = map[string]any{}
	if len(f.Registries) > 0 {
		i.Registries["search"] = f.Registries
	}
	i.Plugins = infoPlugins{Log: f.LogDrivers, Network: f.NetworkDrivers, Volume: []string{"local"}}
	return i
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// uptimeText is podman's form: "26h 3m 4.50s", with the days beside in words.
func uptimeText(d time.Duration) string {
	hours := int(d.Hours())
	text := fmt.Sprintf("%dh %dm %.2fs", hours, int(d.Minutes())%60, (d % time.Minute).Seconds())
	if hours >= 24 {
		text += fmt.Sprintf(" (Approximately %.2f days)", d.Hours()/24)
	}
	return text
}

func countContainers(list []engine.Container) infoContainers {
	c := infoContainers{Number: len(list)}
	for _, one := range list {
		switch one.State.Status {
		case container.StatusRunning:
			c.Running++
		case container.StatusPaused:
			c.Paused++
		default:
			c.Stopped++
		}
	}
	return c
}

// addVersions asks the programs for their versions, all at once.
func (i *infoAnswer) addVersions(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var asked sync.WaitGroup
	for _, p := range []*infoProgram{&i.Host.OCIRuntime, &i.Host.Conmon, &i.Host.Slirp4NetNS, &i.Host.Pasta} {
		if path := p.Path + p.Executable; path != "" {
			asked.Go(func() { p.Version = programVersion(ctx, path) })
		}
	}
	asked.Wait()
}

// programVersion gives what the program at path prints for --version, or why it does not.
func programVersion(ctx context.Context, path string) string {
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return fmt.Sprintf("unknown: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// addDisk gives the size of the file system that images are on; both stay zero when it cannot be asked.
func (i *infoAnswer) addDisk(dir string) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) == nil {
		i.Store.GraphRootAllocated = int64(s.Blocks) * s.Bsize
		i.Store.GraphRootUsed = int64(s.Blocks-s.Bfree) * s.Bsize
	}
}
