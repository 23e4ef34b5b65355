package container

import (
	"path"
	"strings"
)

func checkResources(r Resources) error {
	if err := checkMemory(r); err != nil {
		return err
	}
	if err := checkCPU(r); err != nil {
		return err
	}
	switch {
	case r.PidsLimit != nil && *r.PidsLimit < -1:
		return invalid("--pids-limit %d is not a number of processes; give one from 1 up, or -1 for no limit", *r.PidsLimit)
	case r.BlkioWeight != 0 && (r.BlkioWeight < 10 || r.BlkioWeight > 1000):
		return invalid("--blkio-weight %d is out of range; give a number from 10 to 1000", r.BlkioWeight)
	case r.ShmSize < 0:
		return invalid("--shm-size %d is below zero; give a size such as 64m", r.ShmSize)
	}
	return checkCgroup(r)
}

func checkMemory(r Resources) error {
	switch {
	case r.Memory < 0 || r.MemoryReservation < 0 || r.MemorySwap < -1:
		return invalid("a limit of memory is below zero; give a size such as 512m")
	case r.MemorySwap > 0 && r.Memory == 0:
		return invalid("--memory-swap counts memory and swap together; add --memory")
	case r.MemorySwap > 0 && r.MemorySwap < r.Memory:
		return invalid("--memory-swap counts memory and swap together; give at least the %d bytes of --memory", r.Memory)
	case r.MemoryReservation > 0 && r.Memory > 0 && r.MemoryReservation > r.Memory:
		return invalid("--memory-reservation is above --memory; give at most %d bytes", r.Memory)
	case r.MemorySwappiness != nil && *r.MemorySwappiness > 100:
		return invalid("--memory-swappiness %d is out of range; give a number from 0 to 100", *r.MemorySwappiness)
	}
	return nil
}

func checkCPU(r Resources) error {
	if err := checkCPUs(r.CPUs); err != nil {
		return err
	}
	switch {
	case r.CPUs != 0 && (r.CPUPeriod != 0 || r.CPUQuota != 0):
		return invalid("--cpus stands for a period and a quota; leave it out, or --cpu-period and --cpu-quota")
	case r.CPUPeriod != 0 && (r.CPUPeriod < 1000 || r.CPUPeriod > 1000000):
		return invalid("--cpu-period %d is out of range; give 1000 to 1000000 microseconds", r.CPUPeriod)
	case r.CPUQuota != 0 && r.CPUQuota != -1 && r.CPUQuota < 1000:
		return invalid("--cpu-quota %d is too small; give at least 1000 microseconds, or -1 for no limit", r.CPUQuota)
	case r.CPUShares == 1 || r.CPUShares > 262144:
		return invalid("--cpu-shares %d is out of range; give a number from 2 to 262144", r.CPUShares)
	}
	if err := checkCpuset("cpuset-cpus", r.CpusetCPUs); err != nil {
		return err
	}
	return checkCpuset("cpuset-mems", r.CpusetMems)
}

// Limited reports whether a limit was asked for that only a cgroup can give.
func (r Resources) Limited() bool {
	return r.Memory != 0 || r.MemoryReservation != 0 || r.MemorySwap != 0 || r.MemorySwappiness != nil ||
		r.CPUShares != 0 || r.CPUPeriod != 0 || r.CPUQuota != 0 || r.CPUs != 0 || r.CpusetCPUs != "" || r.CpusetMems != "" ||
		r.PidsLimit != nil && *r.PidsLimit > 0 || r.BlkioWeight != 0 || len(r.CgroupConf) > 0
}

func checkCgroup(r Resources) error {
	switch r.Cgroups {
	case "", "enabled":
	case "disabled":
		if r.Limited() || r.CgroupParent != "" {
			return invalid("--cgroups disabled gives the container no cgroup to limit; leave out the limits and --cgroup-parent, or --cgroups")
		}
	default:
		return invalid("--cgroups %q is not known; give enabled or disabled", clip(r.Cgroups))
	}
	if p := r.CgroupParent; p != "" && (hasControl(p) || len(p) > 4095 || path.Clean(p) != p || p == "." || strings.HasPrefix(p, "..")) {
		return invalid("--cgroup-parent %q is not a cgroup; give a path without \"..\", or the name of a slice", clip(p))
	}
	for _, kv := range r.CgroupConf {
		if err := checkCgroupConf(kv); err != nil {
			return err
		}
	}
	return nil
}

// checkCgroupConf accepts a file of cgroup v2 and a value of one line. The files that move processes or controllers
// are the engine's.
func checkCgroupConf(s string) error {
	key, value, ok := strings.Cut(s, "=")
	controller, file, hasDot := strings.Cut(key, ".")
	plain := func(r rune) bool { return r > 127 || !isAlnum(byte(r)) && r != '_' && r != '.' && r != '-' }
	if !ok || !hasDot || controller == "" || file == "" || strings.ContainsFunc(key, plain) || strings.Contains(key, "..") {
		return invalid("%q is not a setting of cgroup v2; give KEY=VALUE such as memory.high=1073741824", clip(s))
	}
	if controller == "cgroup" {
		return invalid("%q is kept by the engine; leave it out", clip(key))
	}
	if value == "" || hasControl(value) || len(value) > 4096 {
		return invalid("%q has no value of one line; give KEY=VALUE", clip(s))
	}
	return nil
}
