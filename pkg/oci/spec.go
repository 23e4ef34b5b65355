// Package oci renders a container's configuration as an OCI runtime specification. It is pure: the same configuration
// and the same host facts give the same bytes. Nothing reads a specification back.
package oci

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
)

// keepGroupsAnnotation is crun's.
const keepGroupsAnnotation = "run.oci.keep_original_groups"

// Spec renders cfg, which ApplyImage has completed, for one start on host. What host cannot give is an error with a
// hint; nothing that was asked for is left out silently.
func Spec(cfg *container.Config, host Host) (*specs.Spec, error) {
	s := &specs.Spec{
		// The lowest version that has everything used here: crun 1.8.1 refuses what is newer than itself.
		Version: "1.0.2",
		Root:    &specs.Root{Path: host.Rootfs, Readonly: cfg.Root.ReadOnly},
		Linux:   &specs.Linux{MountLabel: host.MountLabel},
		Hooks:   host.Hooks,
	}
	process, err := newProcess(cfg, host, host.User, cfg.Security.Privileged)
	if err != nil {
		return nil, err
	}
	s.Process = process
	if s.Process.Args, err = argv(cfg, host); err != nil {
		return nil, err
	}
	for _, render := range []func(*specs.Spec, *container.Config, Host) error{
		renderNamespaces, renderMounts, renderPaths, renderSysctls, renderResources, renderSeccomp, renderAnnotations,
	} {
		if err := render(s, cfg, host); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func argv(cfg *container.Config, host Host) ([]string, error) {
	if !cfg.Process.Init {
		return cfg.Process.Argv(), nil
	}
	if host.Init == "" {
		return nil, hint.Wrap(fmt.Errorf("run %q with --init: no init program is installed", cfg.Name), "apt install catatonit")
	}
	return append([]string{initPath, "--"}, cfg.Process.Argv()...), nil
}

// Hostname is the name that the container sees as its own.
func Hostname(cfg *container.Config, host Host) string {
	switch {
	case cfg.Hostname != "":
		return cfg.Hostname
	case cfg.Namespace.UTS == "host" || cfg.Network.Mode == "host":
		return host.Hostname
	case len(cfg.ID) > 12:
		return cfg.ID[:12]
	}
	return cfg.ID
}

// SetCompiledSeccomp gives the runtime the compiled form of the specification's own seccomp profile, base64 of the
// instructions, so that it need not compile it. Only crun knows the annotation (crun(1)); others ignore it.
func SetCompiledSeccomp(s *specs.Spec, filter string) {
	if s.Annotations == nil {
		s.Annotations = make(map[string]string)
	}
	s.Annotations["run.oci.seccomp_bpf_data"] = filter
}

func renderAnnotations(s *specs.Spec, cfg *container.Config, host Host) error {
	s.Annotations = maps.Clone(cfg.Annotations)
	if !slices.Contains(cfg.Process.Groups, container.KeepGroups) {
		return nil
	}
	if !host.KeepGroups {
		return hint.Wrap(fmt.Errorf("keep the caller's groups in %q: the OCI runtime cannot", cfg.Name), "add --runtime crun")
	}
	if s.Annotations == nil {
		s.Annotations = make(map[string]string)
	}
	s.Annotations[keepGroupsAnnotation] = "1"
	return nil
}

// renderNamespaces never asks for a user namespace: see Host.Rootless.
func renderNamespaces(s *specs.Spec, cfg *container.Config, host Host) error {
	s.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.MountNamespace}}
	for _, ns := range []struct {
		kind specs.LinuxNamespaceType
		mode string
	}{
		{specs.PIDNamespace, cfg.Namespace.PID},
		{specs.NetworkNamespace, cfg.Network.Mode},
		{specs.IPCNamespace, cfg.Namespace.IPC},
		{specs.UTSNamespace, cfg.Namespace.UTS},
		{specs.CgroupNamespace, cfg.Namespace.Cgroup},
	} {
		if ns.mode == "host" {
			continue
		}
		path := host.Namespaces[ns.kind]
		if p, ok := strings.CutPrefix(ns.mode, "ns:"); ok {
			path = p
		}
		if other, ok := strings.CutPrefix(ns.mode, "container:"); ok && path == "" {
			return fmt.Errorf("join the %s namespace of %q: it is not running", ns.kind, other)
		}
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: ns.kind, Path: path})
	}
	if cfg.Namespace.UTS == "" {
		s.Hostname = Hostname(cfg, host)
	}
	if host.TimeNamespace {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
		s.Version = "1.2.0" // the first that knows time namespaces
	}
	return nil
}
