package oci

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
)

// defaultPeriod is the kernel's, in microseconds.
const defaultPeriod = 100000

// renderResources turns limits into what cgroups are told.
func renderResources(s *specs.Spec, cfg *container.Config, host Host) error {
	r := cfg.Resources
	if r.Cgroups == "disabled" {
		return nil
	}
	s.Linux.CgroupsPath = host.CgroupsPath
	if err := checkControllers(cfg, host); err != nil {
		return err
	}
	out := &specs.LinuxResources{Memory: memory(r, host), CPU: cpu(r), Pids: pids(r, host), Devices: deviceRules(cfg, host)}
	if r.BlkioWeight != 0 {
		out.BlockIO = &specs.LinuxBlockIO{Weight: &r.BlkioWeight}
	}
	for _, kv := range r.CgroupConf {
		key, value, _ := strings.Cut(kv, "=")
		if out.Unified == nil {
			out.Unified = make(map[string]string)
		}
		out.Unified[key] = value
	}
	s.Linux.Resources = out
	return nil
}

// checkControllers refuses limits that no controller would keep.
func checkControllers(cfg *container.Config, host Host) error {
	r := cfg.Resources
	limits := []struct {
		asked            bool
		flag, controller string
	}{
		{r.Memory != 0, "--memory", "memory"},
		{r.MemoryReservation != 0, "--memory-reservation", "memory"},
		{r.MemorySwap != 0, "--memory-swap", "memory"},
		{r.MemorySwappiness != nil, "--memory-swappiness", "memory"},
		{r.CPUs != 0, "--cpus", "cpu"},
		{r.CPUShares != 0, "--cpu-shares", "cpu"},
		{r.CPUPeriod != 0, "--cpu-period", "cpu"},
		{r.CPUQuota != 0, "--cpu-quota", "cpu"},
		{r.CpusetCPUs != "", "--cpuset-cpus", "cpuset"},
		{r.CpusetMems != "", "--cpuset-mems", "cpuset"},
		{r.PidsLimit != nil && *r.PidsLimit > 0, "--pids-limit", "pids"},
		{r.BlkioWeight != 0, "--blkio-weight", "io"},
	}
	for _, kv := range r.CgroupConf {
		limits = append(limits, struct {
			asked            bool
			flag, controller string
		}{true, "--cgroup-conf", controllerOf(kv)})
	}
	what := strconv.Quote(cfg.Name)
	if cfg.Name == "" {
		what = "the step" // of a build
	}
	for _, l := range limits {
		if l.asked && !slices.Contains(host.Controllers, l.controller) {
			return hint.Wrap(fmt.Errorf("limit %s by %s: the cgroup controller %q is not available to you", what, l.flag, l.controller), host.ControllersHint)
		}
	}
	switch {
	case r.MemorySwap > 0 && !host.SwapAccounting:
		return hint.Wrap(fmt.Errorf("limit the swap of %s: the kernel does not count swap", what), "boot with swapaccount=1, or leave out --memory-swap")
	case r.MemorySwappiness != nil && host.Unified:
		return hint.Wrap(fmt.Errorf("set the swappiness of %s: cgroup v2 has none", what), "leave out --memory-swappiness")
	case len(r.CgroupConf) > 0 && !host.Unified:
		return errors.New("--cgroup-conf sets files of cgroup v2, which is not mounted here")
	}
	return nil
}

func memory(r container.Resources, host Host) *specs.LinuxMemory {
	var m specs.LinuxMemory
	if r.Memory != 0 {
		m.Limit = &r.Memory
		if r.MemorySwap == 0 && host.SwapAccounting {
			twice := 2 * r.Memory // as docker and Podman do: as much swap as memory
			m.Swap = &twice
		}
	}
	if r.MemorySwap != 0 {
		m.Swap = &r.MemorySwap
	}
	if r.MemoryReservation != 0 {
		m.Reservation = &r.MemoryReservation
	}
	m.Swappiness = r.MemorySwappiness
	if m == (specs.LinuxMemory{}) {
		return nil
	}
	return &m
}

func cpu(r container.Resources) *specs.LinuxCPU {
	c := specs.LinuxCPU{Cpus: r.CpusetCPUs, Mems: r.CpusetMems}
	if r.CPUs != 0 {
		r.CPUPeriod, r.CPUQuota = defaultPeriod, int64(r.CPUs*defaultPeriod)
	}
	if r.CPUShares != 0 {
		c.Shares = &r.CPUShares
	}
	if r.CPUPeriod != 0 {
		c.Period = &r.CPUPeriod
	}
	if r.CPUQuota != 0 {
		c.Quota = &r.CPUQuota
	}
	if c == (specs.LinuxCPU{}) {
		return nil
	}
	return &c
}

func pids(r container.Resources, host Host) *specs.LinuxPids {
	switch {
	case r.PidsLimit != nil && *r.PidsLimit > 0:
		return &specs.LinuxPids{Limit: r.PidsLimit}
	case r.PidsLimit == nil && slices.Contains(host.Controllers, "pids"):
		limit := int64(container.DefaultPidsLimit)
		return &specs.LinuxPids{Limit: &limit}
	}
	return nil
}

// deviceRules are for the device cgroup, which nobody may set up without root; there the user namespace keeps devices
// away.
func deviceRules(cfg *container.Config, host Host) []specs.LinuxDeviceCgroup {
	if host.Rootless {
		return nil
	}
	if cfg.Security.Privileged {
		return []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
	}
	rules := []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}
	for _, d := range cfg.Devices {
		if n, ok := host.DeviceNodes[d.Source]; ok && d.Permissions != "" {
			rules = append(rules, specs.LinuxDeviceCgroup{Allow: true, Type: n.Type, Major: &n.Major, Minor: &n.Minor, Access: d.Permissions})
		}
	}
	return rules
}
