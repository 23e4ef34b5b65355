package engine

import (
	"os"
	"path/filepath"

	"github.com/pod-engine/pod/internal/cgroup"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/event"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/rootless"
)

// launchRecord is all the monitor is told about one start.
func (e *Engine) launchRecord(cfg *container.Config, b *bundle, serial uint64, opts StartOptions) (*monitor.Launch, error) {
	stop, err := container.ParseSignal(cfg.Stop.Signal)
	if err != nil {
		return nil, err
	}
	l := monitor.NewLaunch()
	l.ID, l.Name, l.Serial = cfg.ID, cfg.Name, serial
	l.Runtime, l.RuntimeArgs = e.Runtime.Path, e.runtimeArgs()
	l.Env = e.monitorEnv()
	l.TwoStep, l.Idle = opts.InitOnly, opts.InitOnly
	if e.Cgroup.Manager != cgroup.Disabled {
		l.CgroupRoot, l.MemoryLimit = e.Cgroup.Root, cfg.Resources.Memory > 0
	}
	l.RootPath = filepath.Join(b.dir, "merged")
	if b.shm != nil {
		l.ShmPath = b.path("shm")
	}
	l.NetnsPath, l.NetworkCommand = b.netns, b.network.Command // its descriptor, if it exists already, is added by client.Start
	l.Terminal, l.Stdin = cfg.Process.Terminal, cfg.Process.Interactive
	// As docker: stdin of an attached run ends with its client, that of a detached container does not.
	l.StdinOnce = cfg.Process.Interactive && opts.Attach
	l.LogDriver, l.LogPath, l.LogTag = string(cfg.Log.Driver), e.LogPath(cfg), cfg.Log.Tag
	l.LogMaxSize, l.LogMaxFile = cfg.Log.MaxSize, cfg.Log.MaxFile
	l.ExitFile, l.Durable = filepath.Join(e.Dir(cfg.ID), exitFile), !cfg.Remove
	l.PIDFile = cfg.PIDFile
	l.RestartPolicy, l.RestartMax = string(cfg.Restart.Policy), cfg.Restart.Max
	l.MaxRun, l.StopSignal, l.StopTimeout = cfg.Stop.MaxRun, int(stop), cfg.Stop.Timeout
	l.Cleanup = e.cleanupCommand(cfg.ID)
	l.EventsFile = e.EventsPath()
	l.EventPrefix, err = event.Prefix(containerEvent(cfg, nil))
	return l, err
}

// monitorEnv is the environment of what the monitor starts: the runtime, network helpers, the clean-up. It carries what
// those need to find the same directories and nothing else of the caller's.
func (e *Engine) monitorEnv() []string {
	env := rootless.ChildEnv(e.User)
	names := []string{"PATH", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "DBUS_SESSION_BUS_ADDRESS", "POD_FAILPOINT", "POD_FAILPOINT_TRACE"}
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// cleanupCommand is what the monitor runs when it is alone at the container's end.
func (e *Engine) cleanupCommand(id string) []string {
	argv := append([]string{e.Executable}, e.GlobalArgs...)
	return append(argv, "container", "cleanup", id)
}
