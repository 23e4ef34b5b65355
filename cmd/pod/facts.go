package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/pod-engine/pod/internal/carried"
	"github.com/pod-engine/pod/internal/cgroup"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/netns"
	"github.com/pod-engine/pod/pkg/netns/helper"
	"github.com/pod-engine/pod/pkg/netns/network"
	"github.com/pod-engine/pod/pkg/oci"
	"github.com/pod-engine/pod/pkg/rootless"
)

// sources are where this program's reading commands take their answers from.
func (a *app) sources() sources {
	return sources{
		now:        time.Now,
		containers: func(ctx context.Context) (containerReader, error) { return a.engine(ctx) },
		ports:      func(c engine.Container) []container.Port { return a.opened.Ports(c) },
		size:       a.containerSize,
		facts:      a.containerFacts,
		images: func(ctx context.Context) (imageInspector, error) {
			store, err := a.images(ctx)
			return imageFacts{store}, err
		},
		host: a.hostFacts,
	}
}

// containerSize adds up the container's own files and those of its image.
func (a *app) containerSize(ctx context.Context, c engine.Container) (writable, all int64, err error) {
	if writable, err = treeSize(writableDir(a.opened, c)); err != nil {
		return 0, 0, fmt.Errorf("measure container %q: %w", c.Config.Name, err)
	}
	store, err := a.images(ctx)
	if err != nil {
		return 0, 0, err
	}
	img, err := store.Lookup(ctx, c.Config.Image.ID)
	if err != nil {
		return 0, 0, err
	}
	size, err := store.Size(img)
	return writable, writable + size, err
}

// writableDir holds the container's own files.
func writableDir(e *engine.Engine, c engine.Container) string {
	return filepath.Join(e.Dir(c.Config.ID), "rootfs", "upper")
}

// treeSize is the bytes in the regular files below dir.
func treeSize(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // removed meanwhile
			}
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return nil
	})
	return total, err
}

func (a *app) containerFacts(ctx context.Context, c engine.Container) (container.Facts, error) {
	e := a.opened
	id := c.Config.ID
	files := filepath.Join(e.ContainerRunDir(id), "files")
	facts := container.Facts{
		Docker:    a.asDocker(),
		StaticDir: e.Dir(id), OCIConfigPath: filepath.Join(e.ContainerRunDir(id), "config.json"), LogPath: e.LogPath(c.Config),
		ResolvConfPath: filepath.Join(files, "resolv.conf"), HostnamePath: filepath.Join(files, "hostname"), HostsPath: filepath.Join(files, "hosts"),
		Runtime: e.Runtime.Name(), CgroupManager: string(e.Cgroup.Manager), Limits: e.Cgroup.Manager != cgroup.Disabled,
		StorageDriver: "overlay", ExecIDs: e.Execs(id),
		StorageData: map[string]string{
			"UpperDir": filepath.Join(e.Dir(id), "rootfs", "upper"), "WorkDir": filepath.Join(e.Dir(id), "rootfs", "work"),
		},
	}
	if c.State.PID != 0 {
		if dir, err := e.Cgroup.DirOf(c.State.PID); err == nil {
			facts.CgroupPath, _ = filepath.Rel(e.Cgroup.Root, dir)
			facts.CgroupPath = "/" + facts.CgroupPath
		}
	}
	if attached, ok := e.Attached(id); ok && c.State.Alive() {
		facts.Ports, facts.Networks = attached.Ports, a.attachments(attached)
		facts.SandboxKey = fmt.Sprintf("/proc/%d/ns/net", c.State.PID)
	}
	return facts, nil
}

// attachments are the container's ends in its networks as inspect shows them.
func (a *app) attachments(attached helper.Attached) map[string]container.InspectAttachment {
	ends := map[string]container.InspectAttachment{}
	for _, e := range attached.Ends {
		end := container.InspectAttachment{
			InspectEndpoint: container.InspectEndpoint{EndpointID: e.Peer, MacAddress: e.MAC},
			Aliases:         append(append([]string{}, e.Aliases...), attached.ID[:12]),
		}
		if n, err := a.opened.Networks().Load(e.Network); err == nil {
			end.NetworkID = n.ID
		}
		gateway := func(g netip.Addr) string {
			if !g.IsValid() || e.Internal {
				return ""
			}
			return g.String()
		}
		if v4, ok := e.Address4(); ok {
			end.IPAddress, end.IPPrefixLen, end.Gateway = v4.Prefix.Addr().String(), v4.Prefix.Bits(), gateway(v4.Gateway)
		}
		if v6, ok := e.Address6(); ok {
			end.GlobalIPv6Address, end.GlobalIPv6PrefixLen, end.IPv6Gateway = v6.Prefix.Addr().String(), v6.Prefix.Bits(), gateway(v6.Gateway)
		}
		ends[e.Network] = end
	}
	return ends
}

// hostFacts is what info shows of the engine and its user.
func (a *app) hostFacts(ctx context.Context) (hostFacts, error) {
	e, err := a.engine(ctx)
	if err != nil {
		return hostFacts{}, err
	}
	store, err := a.images(ctx)
	if err != nil {
		return hostFacts{}, err
	}
	images, err := store.List(ctx, image.ListOptions{})
	if err != nil {
		return hostFacts{}, err
	}
	helpers, err := netns.Probe(ctx, exec.LookPath)
	if err != nil {
		return hostFacts{}, err
	}
	monitor, err := carried.Path(ctx, "pod-monitor", e.DataDir)
	if err != nil {
		return hostFacts{}, err
	}
	return hostFacts{
		Rootless: e.User.Rootless, UIDMap: idRanges(e.User.UIDMap), GIDMap: idRanges(e.User.GIDMap),
		Capabilities:  oci.DefaultCapabilities(),
		CgroupManager: string(e.Cgroup.Manager), CgroupControllers: e.Cgroup.Controllers,
		EventLogger: "file", LogDriver: string(container.LogK8sFile),
		LogDrivers:     []string{"k8s-file", "json-file", "journald", "passthrough", "none"},
		NetworkBackend: "pod", NetworkDrivers: []string{network.DriverBridge, network.DriverMacvlan, network.DriverIPvlan},
		Monitor: monitor, Runtime: e.Runtime.Path, Pasta: helpers.Pasta, Slirp4netns: helpers.Slirp4netns,
		DataDir: e.DataDir, RunDir: e.RunDir,
		GraphDriver: store.Driver(), GraphRoot: store.GraphRoot(), GraphRunRoot: store.RunRoot(), Images: len(images),
	}, nil
}

func idRanges(maps []rootless.IDMapping) []idRange {
	var ranges []idRange
	for _, m := range maps {
		ranges = append(ranges, idRange{ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)})
	}
	return ranges
}

// imageFacts is the image side of inspect.
type imageFacts struct{ store *image.Store }

func (f imageFacts) ImageInspect(ctx context.Context, name string) (any, error) {
	img, err := f.store.Lookup(ctx, name)
	if errors.Is(err, image.ErrNotFound) {
		return nil, fmt.Errorf("%w: %q", errNoSuchImage, name)
	}
	if err != nil {
		return nil, err
	}
	return f.store.Inspect(img)
}
