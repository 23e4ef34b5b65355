package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/carried"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/netns"
	"github.com/pod-engine/pod/pkg/oci"
	"golang.org/x/sys/unix"
)

// A bundle is what the runtime and the monitor need of one start, made in the container's run directory.
type bundle struct {
	dir       string
	root      *os.File // the root file system, mounted and attached nowhere
	shm       *os.File // the /dev/shm of the container whose IPC namespace is joined, attached nowhere; nil: none
	network   netns.Network
	namespace *os.File // the container's network namespace, when the network helper made it
	netns     string   // where the monitor mounts the container's network namespace; empty: it makes none
	cgroup    string   // linux.cgroupsPath
	filter    string   // where the compiled seccomp profile is kept
	cfg       *container.Config
	hooks     *specs.Hooks // of its devices by name
}

func (b *bundle) close() {
	for _, mount := range []*os.File{b.root, b.shm, b.namespace} {
		if mount != nil {
			mount.Close()
		}
	}
}

func (b *bundle) path(name string) string { return filepath.Join(b.dir, name) }

// makeBundle does all of a start that needs no process: it mounts the root, resolves names in it, writes the files that are
// generated, and renders the specification.
func (e *Engine) makeBundle(ctx context.Context, cfg *container.Config) (_ *bundle, err error) {
	b := &bundle{dir: e.ContainerRunDir(cfg.ID), cfg: cfg}
	defer func() {
		if err != nil {
			b.close()
			err = fmt.Errorf("start container %q: %w", cfg.Name, err)
		}
	}()
	if b.cfg, b.hooks, err = e.withDevices(cfg); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(b.path("merged"), 0o700); err != nil {
		return nil, err
	}
	e.emulateFor(ctx, cfg)
	connected := e.connectNetworks(ctx, cfg) // meanwhile
	defer connected.abandon()
	if err := failpoint.Hit("start.directory"); err != nil {
		return nil, err
	}
	store, err := e.images()
	if err != nil {
		return nil, err
	}
	layers, err := store.Layers(ctx, cfg.Image.ID)
	if err != nil {
		return nil, err
	}
	if b.root, err = e.mountRoot(cfg, layers); err != nil {
		return nil, err
	}
	if err := failpoint.Hit("start.mounted"); err != nil {
		return nil, err
	}
	host, err := e.prepare(ctx, b, connected)
	if err != nil {
		return nil, err
	}
	if err := failpoint.Hit("start.prepared"); err != nil {
		return nil, err
	}
	spec, err := oci.Spec(b.cfg, host)
	if err != nil {
		return nil, err
	}
	if b.filter, err = e.filterPath(spec); err != nil {
		return nil, err
	}
	useFilter(spec, b.filter)
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	return b, atomicfile.WriteVolatile(b.path("config.json"), text)
}

// prepare makes the container's root ready for the runtime and gathers what the specification depends on.
func (e *Engine) prepare(ctx context.Context, b *bundle, connected *connecting) (oci.Host, error) {
	host, err := e.hostFacts()
	if err != nil {
		return host, err
	}
	if err := prepareRoot(b.root, b.cfg); err != nil {
		return host, err
	}
	var group []byte
	if host.User, group, err = lookupUser(b.root, b.cfg.Process.User); err != nil {
		return host, err
	}
	if host.Groups, err = container.LookupGroups(b.cfg.Process.Groups, group); err != nil {
		return host, err
	}
	if err := makeWorkdir(b.root, b.cfg.Process.Workdir, int(host.User.UID), int(host.User.GID)); err != nil {
		return host, err
	}
	if host.Namespaces, err = e.joined(b.cfg); err != nil {
		return host, err
	}
	if err := e.joinShm(b, &host); err != nil {
		return host, err
	}
	if err := e.planNetwork(ctx, b, &host, connected); err != nil {
		return host, err
	}
	if err := giveSources(ctx, b.cfg.Mounts, host.User); err != nil {
		return host, err
	}
	host.Rootfs = b.path("merged")
	host.SourceFlags = sourceFlags(b.cfg.Mounts)
	host.Hooks = b.hooks
	if !host.Rootless {
		host.DeviceNodes = deviceNodes(b.cfg.Devices)
	}
	if b.cfg.Security.Privileged {
		host.Devices = hostDevices()
	}
	if b.cfg.Process.Init {
		if host.Init, err = carried.Path(ctx, "pod-monitor", e.DataDir); err != nil {
			return host, err
		}
	}
	if host.CgroupsPath, err = e.Cgroup.CgroupsPath(b.cfg.ID, b.cfg.Resources.CgroupParent); err != nil {
		return host, err
	}
	b.cgroup = host.CgroupsPath
	e.warnOnce("cgroups", e.Cgroup.Notice)
	return host, e.Cgroup.Prepare()
}

// recordPorts keeps the host ports that were chosen for this start.
func (e *Engine) recordPorts(b *bundle) error {
	if len(b.network.Ports) == 0 {
		return nil
	}
	text, err := json.Marshal(b.network.Ports)
	if err != nil {
		return err
	}
	return os.WriteFile(b.path(portsFile), text, 0o600)
}

// Ports are the published ports of a container, with the host ports that were chosen at its start while it runs.
func (e *Engine) Ports(c Container) []container.Port {
	var ports []container.Port
	if attached, ok := e.Attached(c.Config.ID); ok {
		return attached.Ports
	}
	if len(c.Config.Network.Ports) > 0 && readJSON(filepath.Join(e.ContainerRunDir(c.Config.ID), portsFile), &ports) == nil {
		return ports
	}
	return c.Config.Network.Ports
}

// ownsNamespace reports whether a namespace file belongs to this process's user namespace (ioctl_ns(2)).
func ownsNamespace(path string) bool {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	owner, err := unix.IoctlRetInt(fd, unix.NS_GET_USERNS)
	if err != nil {
		return false
	}
	defer unix.Close(owner)
	var theirs, ours unix.Stat_t
	return unix.Fstat(owner, &theirs) == nil && unix.Stat("/proc/self/ns/user", &ours) == nil && theirs.Ino == ours.Ino
}

// writeFiles writes the generated files that are mounted into the container.
func (e *Engine) writeFiles(b *bundle, facts netns.HostFacts, host *oci.Host) error {
	if err := os.MkdirAll(b.path("files"), 0o755); err != nil {
		return err
	}
	// The container's user reads them through the mount.
	if err := os.Chmod(b.path("files"), 0o755); err != nil {
		return err
	}
	host.Files = map[string]string{}
	write := func(inside string, content []byte) error {
		path := filepath.Join(b.path("files"), filepath.Base(inside))
		host.Files[inside] = path
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
		return os.Chmod(path, 0o644)
	}
	network := b.cfg.Network
	if !network.NoHosts {
		hosts, err := netns.Hosts(b.cfg, facts, b.network)
		if err != nil {
			return err
		}
		if err := write("/etc/hosts", hosts); err != nil {
			return err
		}
	}
	if !network.NoHostname {
		if err := write("/etc/hostname", []byte(netns.Hostname(b.cfg)+"\n")); err != nil {
			return err
		}
	}
	resolv, err := netns.ResolvConf(network, facts, b.network)
	if err != nil {
		return err
	}
	if resolv != nil {
		if err := write("/etc/resolv.conf", resolv); err != nil {
			return err
		}
	}
	zone, err := timezone(b.cfg)
	if err != nil {
		return err
	}
	if zone != nil {
		if err := write("/etc/localtime", zone); err != nil {
			return err
		}
	}
	return write("/run/.containerenv", e.containerEnv(b.cfg))
}

// containerEnv is what tells programs that they are in a container, in podman's words.
func (e *Engine) containerEnv(cfg *container.Config) []byte {
	privileged := 0
	if e.User.Rootless {
		privileged = 1
	}
	return fmt.Appendf(nil, "engine=\"pod\"\nname=%q\nid=%q\nimage=%q\nimageid=%q\nrootless=%d\n",
		cfg.Name, cfg.ID, cfg.Image.Name, cfg.Image.ID, privileged)
}
