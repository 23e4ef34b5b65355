package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pod-engine/pod/pkg/container"
)

func addNamespaceFlags(f *pflag.FlagSet, cfg *container.Config) {
	for _, ns := range []struct {
		flag, kind string
		mode       *string
		modes      string
	}{
		{"pid", "pid", &cfg.Namespace.PID, "private, host, container:name, ns:path"},
		{"ipc", "ipc", &cfg.Namespace.IPC, "private, shareable, none, host, container:name, ns:path"},
		{"uts", "uts", &cfg.Namespace.UTS, "private, host, container:name, ns:path"},
		{"cgroupns", "cgroup", &cfg.Namespace.Cgroup, "private, host, container:name, ns:path"},
	} {
		parse := func(s string) (string, error) { return container.ParseNamespace(ns.kind, s) }
		f.Var(into("mode", ns.mode, parse), ns.flag, strings.ToUpper(ns.kind)+" namespace: "+ns.modes)
	}
}

func addNetworkFlags(f *pflag.FlagSet, cfg *container.Config, from caller) {
	n := &cfg.Network
	f.Var(parsed{kind: "mode", set: n.AddNetwork}, "network", "network: NAME[:alias=,ip=,ip6=,mac=,interface_name=], none, host, pasta, slirp4netns, container:NAME, ns:PATH")
	f.StringVar(&n.Address, "ip", "", "IPv4 address in the network")
	f.StringVar(&n.Address6, "ip6", "", "IPv6 address in the network")
	f.StringVar(&n.MAC, "mac-address", "", "MAC address in the network")
	f.Var(appendTo(&n.Aliases, func(s string) (string, error) { return s, nil }), "network-alias", "further name in the networks")
	f.VarP(appendTo(&n.Ports, container.ParsePort), "publish", "p", "publish a port: [[ip:][host-port]:]port[/protocol]")
	f.BoolVarP(&n.PublishAll, "publish-all", "P", false, "publish every exposed port on a free one of the host")
	f.Var(appendTo(&n.Expose, container.ParseExpose), "expose", "expose a port or range: port[/protocol]")
	f.Var(splitTo(&n.DNS), "dns", "name server, or none to leave resolv.conf to the image")
	f.Var(splitTo(&n.DNSSearch), "dns-search", "search domain, or \".\" for none")
	f.Var(splitTo(&n.DNSOptions), "dns-option", "option of resolv.conf")
	f.Var(appendTo(&n.AddHosts, container.ParseAddHost), "add-host", "add a line to /etc/hosts: name:address, or name:host-gateway")
	f.Var(into("file", &n.HostsFile, func(s string) (string, error) {
		switch s {
		case "none":
			return "", nil
		case container.HostsFromImage:
			return s, nil
		}
		return from.absolute(s)
	}), "hosts-file", "begin /etc/hosts with a file, or image or none")
	f.BoolVar(&n.NoHosts, "no-hosts", false, "do not make /etc/hosts")
	f.BoolVar(&n.NoHostname, "no-hostname", false, "do not make /etc/hostname")
}

// splitTo makes a flag of words that may be given several times or parted by commas.
func splitTo(dst *[]string) parsed {
	return parsed{kind: "list", set: func(s string) error {
		*dst = append(*dst, strings.Split(s, ",")...)
		return nil
	}}
}

func addSecurityFlags(f *pflag.FlagSet, cfg *container.Config, from caller) {
	s := &cfg.Security
	f.BoolVar(&s.Privileged, "privileged", false, "give every privilege that you have yourself")
	f.Var(capabilities(&s.CapAdd), "cap-add", "add a capability, or ALL")
	f.Var(capabilities(&s.CapDrop), "cap-drop", "drop a capability, or ALL")
	f.Var(securityOptions(s, from), "security-opt", "security option: no-new-privileges, seccomp=, apparmor=, label=, mask=, unmask=, proc-opts=")
	f.Var(parsed{kind: "key=value", set: func(v string) error {
		name, value, err := container.ParseSysctl(v)
		if err != nil {
			return err
		}
		if s.Sysctls == nil {
			s.Sysctls = make(map[string]string)
		}
		s.Sysctls[name] = value
		return nil
	}}, "sysctl", "set a kernel setting of the container's namespaces")
}

func securityOptions(s *container.Security, from caller) parsed {
	return parsed{kind: "list", set: func(v string) error {
		return s.SetOption(v, func(path string) (string, error) {
			path, err := from.absolute(path)
			if err != nil {
				return "", err
			}
			return readSmallFile(path)
		})
	}}
}

func capabilities(dst *[]string) parsed {
	return parsed{kind: "list", set: func(s string) error {
		for _, name := range strings.Split(s, ",") {
			c, err := container.ParseCapability(name)
			if err != nil {
				return err
			}
			if !slices.Contains(*dst, c) {
				*dst = append(*dst, c)
			}
		}
		return nil
	}}
}
