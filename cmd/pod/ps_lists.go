package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/container"
)

// Labels is a map, as podman's, or "a=b,c=d", as docker's.
func (r psRow) Labels() any {
	if r.style == report.Docker {
		return r.labelText()
	}
	return r.c.Config.Labels
}

func (r psRow) labelText() string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(r.c.Config.Labels)) {
		pairs = append(pairs, k+"="+r.c.Config.Labels[k])
	}
	return strings.Join(pairs, ",")
}

// Label is the value of one label.
func (r psRow) Label(name string) string { return r.c.Config.Labels[name] }

// Mounts is the list of paths in the container, as podman's, or of the sources, as docker's.
func (r psRow) Mounts() any {
	if r.style == report.Docker {
		return r.mountText()
	}
	return r.destinations()
}

func (r psRow) destinations() []string {
	paths := []string{}
	for _, m := range r.c.Config.Mounts {
		paths = append(paths, m.Destination)
	}
	return paths
}

func (r psRow) mountText() string {
	var sources []string
	for _, m := range r.c.Config.Mounts {
		if m.Source != "" {
			sources = append(sources, r.shorten(m.Source, 15, "…"))
		}
	}
	return strings.Join(sources, ",")
}

// Networks is how the container is connected: the names of its networks, or a mode such as "host" and "none".
func (r psRow) Networks() string {
	var names []string
	for _, e := range r.c.Config.Network.Endpoints() {
		names = append(names, e.Network)
	}
	if len(names) == 0 {
		return r.c.Config.Network.Mode
	}
	return strings.Join(names, ",")
}

// Namespaces is all namespaces by podman's names of them.
func (r psRow) Namespaces() psNamespaces {
	return psNamespaces{r.MNT(), r.CGROUPNS(), r.IPC(), r.NET(), r.PIDNS(), r.UTS(), r.USERNS()}
}

type psNamespaces struct {
	Mnt    string `json:",omitempty"`
	Cgroup string `json:",omitempty"`
	Ipc    string `json:",omitempty"`
	Net    string `json:",omitempty"`
	Pidns  string `json:",omitempty"`
	Uts    string `json:",omitempty"`
	User   string `json:",omitempty"`
}

type psPort struct {
	HostIP        string `json:"host_ip"`
	ContainerPort uint16 `json:"container_port"`
	HostPort      uint16 `json:"host_port"`
	Range         uint16 `json:"range"`
	Protocol      string `json:"protocol"`
}

type psSize struct {
	RootFS   int64 `json:"rootFsSize"`
	Writable int64 `json:"rwSize"`
}

// psPodman is podman's JSON of one container.
type psPodman struct {
	AutoRemove bool
	Command    []string
	CreatedAt  string
	Exited     bool
	ExitedAt   int64
	ExitCode   int
	ID         string `json:"Id"`
	Image      string
	ImageID    string
	IsInfra    bool
	Labels     map[string]string
	Mounts     []string
	Names      []string
	Namespaces psNamespaces
	Networks   []string
	Pid        int
	Pod        string
	PodName    string
	Ports      []psPort
	Restarts   int
	Size       *psSize
	StartedAt  int64
	State      string
	Status     string
	Created    int64
}

// psDocker is docker's JSON of one container, in which everything is text.
type psDocker struct {
	Command, CreatedAt, ID, Image, Labels, LocalVolumes, Mounts, Names, Networks, Ports, RunningFor, Size, State, Status string
}

// MarshalJSON gives the object that the invoked program prints for --format json.
func (r psRow) MarshalJSON() ([]byte, error) {
	if r.style == report.Docker {
		return json.Marshal(r.docker())
	}
	return json.Marshal(r.podman())
}

func (r psRow) docker() psDocker {
	d := psDocker{
		Command: r.Command(), CreatedAt: r.CreatedAt(), ID: r.ID(), Image: r.Image(), Labels: r.labelText(),
		LocalVolumes: "0", Mounts: r.mountText(), Names: r.Names(), Networks: r.Networks(), Ports: r.Ports(), RunningFor: r.RunningFor(),
		Size: "0B", State: r.State(), Status: r.Status(),
	}
	if r.opts.size {
		d.Size = r.Size()
	}
	return d
}

func (r psRow) podman() psPodman {
	c, s := r.c.Config, r.c.State
	p := psPodman{
		AutoRemove: c.Remove, Command: c.Process.Args, CreatedAt: r.RunningFor(), Exited: r.Exited(), ExitedAt: r.ExitedAt(),
		ExitCode: s.ExitCode, ID: c.ID, Image: c.Image.Name, ImageID: c.Image.ID, Labels: c.Labels, Mounts: r.destinations(),
		Names: []string{c.Name}, Networks: []string{}, Pid: s.PID, Restarts: s.Restarts, StartedAt: r.StartedAt(), State: r.State(),
		Status: r.Status(), Created: c.Created.Unix(),
	}
	if r.opts.namespaces {
		p.Namespaces = r.Namespaces()
	}
	if r.opts.size {
		p.Size = &psSize{r.layers, r.writable}
	}
	for _, port := range r.ports {
		p.Ports = append(p.Ports, psPort{port.HostIP, port.ContainerPort, port.HostPort, max(port.Count, 1), port.Protocol})
	}
	return p
}

// portsText gives "0.0.0.0:8080->80/tcp, 443/tcp": published ports, neighbouring ones as one range, then those of exposed
// that are not published.
func portsText(ports []container.Port, exposed ...[]string) string {
	var parts []string
	published := map[string]bool{}
	for _, p := range mergePorts(ports) {
		count := int(max(p.Count, 1))
		for i := range count {
			published[strconv.Itoa(int(p.ContainerPort)+i)+"/"+p.Protocol] = true
		}
		inside := portRange(p.ContainerPort, count) + "/" + p.Protocol
		if p.HostPort != 0 {
			inside = hostAddress(p.HostIP, portRange(p.HostPort, count)) + "->" + inside
		}
		parts = append(parts, inside)
	}
	for _, entry := range slices.Concat(exposed...) {
		if !published[entry] {
			published[entry] = true
			parts = append(parts, entry)
		}
	}
	return strings.Join(parts, ", ")
}

// mergePorts joins neighbours that continue each other on both sides.
func mergePorts(ports []container.Port) []container.Port {
	var out []container.Port
	for _, p := range ports {
		p.Count = max(p.Count, 1)
		if n := len(out); n > 0 {
			last := &out[n-1]
			follows := last.HostIP == p.HostIP && last.Protocol == p.Protocol && last.HostPort != 0 &&
				int(last.HostPort)+int(last.Count) == int(p.HostPort) && int(last.ContainerPort)+int(last.Count) == int(p.ContainerPort)
			if follows {
				last.Count += p.Count
				continue
			}
		}
		out = append(out, p)
	}
	return out
}

func portRange(first uint16, count int) string {
	if count == 1 {
		return strconv.Itoa(int(first))
	}
	return strconv.Itoa(int(first)) + "-" + strconv.Itoa(int(first)+count-1)
}

// hostAddress gives "0.0.0.0:80" for every address, "[::1]:80" for an IPv6 one.
func hostAddress(ip, port string) string {
	switch {
	case ip == "":
		ip = "0.0.0.0"
	case strings.Contains(ip, ":"):
		ip = "[" + ip + "]"
	}
	return ip + ":" + port
}
