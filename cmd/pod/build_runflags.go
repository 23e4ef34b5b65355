package main

import (
	"fmt"
	"strings"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/spf13/pflag"
)

// addRunFlags are about every RUN: they are those of run, in the configuration that all of them share.
func (o *buildOptions) addRunFlags(f *pflag.FlagSet, from caller) {
	cfg := o.job.Run
	f.Var(secrets(o.job.Secrets), "secret", "secret for RUN --mount=type=secret: id=ID[,src=FILE][,env=NAME]")
	f.Var(agents(o.job.Agents), "ssh", "SSH agent for RUN --mount=type=ssh: default, or ID=SOCKET")
	f.Var(ulimits(&cfg.Process.Ulimits), "ulimit", "set a resource limit: name=soft[:hard], or host for your own limits")
	f.Var(splitTo(&cfg.Process.Groups), "group-add", "add supplementary groups, or keep-groups to keep your own")
	f.VarP(appendTo(&cfg.Mounts, func(s string) (container.Mount, error) { return container.ParseVolume(s, from.dir) }),
		"volume", "v", "mount a path of this machine in every RUN: source:path[:options]")
	f.Var(appendTo(&cfg.Mounts, func(s string) (container.Mount, error) { return container.ParseMount(s, from.dir) }),
		"mount", "mount a file system in every RUN: type=bind|tmpfs,source=path,target=path")
	f.Var(appendTo(&cfg.Devices, container.ParseDevice), "device", "give every RUN access to a device: path[:path][:rwm], or by name: vendor/class=name (CDI)")
	f.Var(parsed{kind: "list", set: o.allow}, "allow", "let RUN ask for more: security.insecure, device or device=NAME[,alias=NAME] (network.host needs no leave)")
	f.Var(parsed{kind: "kind", set: checkIsolation, fallback: "oci"}, "isolation", "how a RUN is kept apart: oci, which is by a container")
	o.addRunNetworkFlags(f)
	addRunLimitFlags(f, cfg)
	addRunSecurityFlags(f, cfg, from)
}

func (o *buildOptions) addRunNetworkFlags(f *pflag.FlagSet) {
	n := &o.job.Run.Network
	f.Var(parsed{kind: "mode", fallback: "default", set: func(s string) error {
		switch s {
		case "", "default", "private":
			return nil
		}
		return n.AddNetwork(s)
	}}, "network", "network of RUN: default, none, host, NAME, pasta, slirp4netns, container:NAME, ns:PATH")
	f.Var(appendTo(&n.AddHosts, container.ParseAddHost), "add-host", "add a line to /etc/hosts: name:address, or name:host-gateway")
	f.Var(splitTo(&n.DNS), "dns", "name server, or none to leave resolv.conf to the image")
	f.Var(splitTo(&n.DNSSearch), "dns-search", "search domain, or \".\" for none")
	f.Var(splitTo(&n.DNSOptions), "dns-option", "option of resolv.conf")
	f.BoolVar(&n.NoHosts, "no-hosts", false, "do not make /etc/hosts")
	f.BoolVar(&n.NoHostname, "no-hostname", false, "do not make /etc/hostname")
}

func addRunLimitFlags(f *pflag.FlagSet, cfg *container.Config) {
	r := &cfg.Resources
	f.VarP(into("bytes", &r.Memory, container.ParseSize), "memory", "m", "memory that each RUN may have: bytes, or a number with b, k, m or g")
	f.Var(into("bytes", &r.MemorySwap, container.ParseSwap), "memory-swap", "memory and swap together that each RUN may have, as --memory, or -1 for any (default twice the memory)")
	f.Uint64VarP(&r.CPUShares, "cpu-shares", "c", 0, "relative share of CPU time, 2 to 262144")
	f.Uint64Var(&r.CPUPeriod, "cpu-period", 0, "length of a scheduling period in microseconds")
	f.Int64Var(&r.CPUQuota, "cpu-quota", 0, "CPU time within a period in microseconds")
	f.StringVar(&r.CpusetCPUs, "cpuset-cpus", "", "CPUs to run on, such as 0-2,5")
	f.StringVar(&r.CpusetMems, "cpuset-mems", "", "memory nodes to use, such as 0,1")
	f.Var(into("bytes", &r.ShmSize, container.ParseSize).withDefault("64m"), "shm-size", "size of /dev/shm: bytes, or a number with b, k, m or g")
	f.StringVar(&r.CgroupParent, "cgroup-parent", "", "cgroup or slice to make the cgroups of RUN in")
}

func addRunSecurityFlags(f *pflag.FlagSet, cfg *container.Config, from caller) {
	s := &cfg.Security
	f.Var(capabilities(&s.CapAdd), "cap-add", "add a capability, or ALL")
	f.Var(capabilities(&s.CapDrop), "cap-drop", "take a capability away, or ALL")
	f.Var(securityOptions(s, from), "security-opt", "security option: no-new-privileges, seccomp=, apparmor=, label=, mask=, unmask=, proc-opts=")
	for _, ns := range []struct {
		flag, kind string
		mode       *string
	}{{"ipc", "ipc", &cfg.Namespace.IPC}, {"uts", "uts", &cfg.Namespace.UTS}, {"cgroupns", "cgroup", &cfg.Namespace.Cgroup}} {
		f.Var(into("mode", ns.mode, func(s string) (string, error) { return container.ParseNamespace(ns.kind, s) }),
			ns.flag, strings.ToUpper(ns.kind)+" namespace: private, host, ns:path")
	}
	f.Var(parsed{kind: "mode", fallback: "private", set: func(s string) error {
		if s != "private" {
			return fmt.Errorf("%q: the processes of a RUN always have a namespace of their own, so that they end with the build", s)
		}
		return nil
	}}, "pid", "PID namespace: private")
}

// allow reads --allow, which docker has for what a Dockerfile may ask for beyond its container.
func (o *buildOptions) allow(s string) error {
	if s == "device" {
		return o.job.AllowDevices.Allow(nil)
	}
	if device, ok := strings.CutPrefix(s, "device="); ok {
		fields, err := csvFields(device)
		if err != nil {
			return err
		}
		return o.job.AllowDevices.Allow(fields)
	}
	for word := range strings.SplitSeq(s, ",") {
		switch word {
		case "security.insecure":
			o.job.AllowInsecure = true
		case "network.host":
		default:
			return fmt.Errorf("%q: it is security.insecure, network.host, device or device=NAME", word)
		}
	}
	return nil
}

func checkIsolation(s string) error {
	switch s {
	case "oci", "rootless", "default":
		return nil
	}
	return fmt.Errorf("%q: every RUN is in a container of its own, which is oci", s)
}
