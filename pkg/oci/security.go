package oci

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/pod-engine/pod/pkg/container"
)

// maskedPaths are what Podman and docker hide, together.
func maskedPaths() []string {
	return []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/dev/block",
		"/sys/devices/virtual/powercap", "/sys/firmware", "/sys/fs/selinux",
	}
}

func readonlyPaths() []string {
	return []string{"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}

// renderPaths hides and protects parts of /proc and /sys.
func renderPaths(s *specs.Spec, cfg *container.Config, host Host) error {
	masked := slices.Clone(cfg.Security.Mask)
	var readonly []string
	if !cfg.Security.Privileged {
		masked = append(append(maskedPaths(), host.ThermalPaths...), masked...)
		if host.Rootless && !newSysfs(cfg, host) {
			masked = append(masked, "/sys/kernel") // the machine's own, through the bound /sys
		}
		readonly = readonlyPaths()
	}
	unmasked := func(p string) bool { return matchesAny(cfg.Security.Unmask, p) }
	masked = slices.DeleteFunc(masked, func(p string) bool { return unmasked(p) && !slices.Contains(cfg.Security.Mask, p) })
	slices.Sort(masked)
	s.Linux.MaskedPaths = slices.Compact(masked)
	s.Linux.ReadonlyPaths = slices.DeleteFunc(readonly, func(p string) bool {
		return unmasked(p) || slices.Contains(masked, p)
	})
	return nil
}

// matchesAny reads each pattern as path.Match does; "ALL" is every path.
func matchesAny(patterns []string, p string) bool {
	for _, pattern := range patterns {
		if ok, err := path.Match(pattern, p); pattern == "ALL" || err == nil && ok {
			return true
		}
	}
	return false
}

// renderSysctls adds Podman's default to what was asked for: processes without CAP_NET_RAW may ping, where the network
// namespace is the container's own. Both ends of the range must be mapped groups.
func renderSysctls(s *specs.Spec, cfg *container.Config, host Host) error {
	sysctls := maps.Clone(cfg.Security.Sysctls)
	const ping = "net.ipv4.ping_group_range"
	if _, given := sysctls[ping]; !given && cfg.Network.OwnsNetwork() && !host.ForeignNetwork {
		if sysctls == nil {
			sysctls = make(map[string]string)
		}
		sysctls[ping] = fmt.Sprintf("0 %d", lastMapped(host.GIDs))
	}
	s.Linux.Sysctl = sysctls
	return nil
}

// renderSeccomp comes after the capabilities: the profile allows calls by them.
func renderSeccomp(s *specs.Spec, cfg *container.Config, host Host) (err error) {
	profile := cfg.Security.Seccomp
	switch {
	case profile == "unconfined" || profile == "" && cfg.Security.Privileged:
		return nil
	case profile == "":
		s.Linux.Seccomp, err = seccomp.GetDefaultProfile(s)
	default:
		s.Linux.Seccomp, err = seccomp.LoadProfile(profile, s)
	}
	if err != nil {
		return fmt.Errorf("read the seccomp profile of %q: %w", cfg.Name, err)
	}
	return nil
}

// controllerOf is the cgroup v2 controller that a file belongs to.
func controllerOf(key string) string {
	name, _, _ := strings.Cut(key, ".")
	return name
}
