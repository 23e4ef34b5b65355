package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/pod-engine/pod/pkg/container"
)

func addResourceFlags(f *pflag.FlagSet, cfg *container.Config) {
	r := &cfg.Resources
	f.VarP(into("bytes", &r.Memory, container.ParseSize), "memory", "m", "limit of memory")
	f.Var(into("bytes", &r.MemoryReservation, container.ParseSize), "memory-reservation", "memory kept under pressure")
	f.Var(into("bytes", &r.MemorySwap, container.ParseSwap), "memory-swap", "limit of memory and swap together, -1 for none (default twice the memory)")
	f.Var(swappiness(&r.MemorySwappiness), "memory-swappiness", "tendency to swap, 0 to 100 (cgroup v1)")
	f.Var(into("number", &r.CPUs, container.ParseCPUs), "cpus", "number of CPUs")
	f.Uint64VarP(&r.CPUShares, "cpu-shares", "c", 0, "relative share of CPU time, 2 to 262144")
	f.Uint64Var(&r.CPUPeriod, "cpu-period", 0, "length of a scheduling period in microseconds")
	f.Int64Var(&r.CPUQuota, "cpu-quota", 0, "CPU time within a period in microseconds")
	f.StringVar(&r.CpusetCPUs, "cpuset-cpus", "", "CPUs to run on, such as 0-2,5")
	f.StringVar(&r.CpusetMems, "cpuset-mems", "", "memory nodes to use, such as 0,1")
	f.Var(pointerTo("int", &r.PidsLimit, container.ParsePidsLimit), "pids-limit", fmt.Sprintf("limit of processes, -1 for none (default %d)", container.DefaultPidsLimit))
	f.Uint16Var(&r.BlkioWeight, "blkio-weight", 0, "relative share of block I/O, 10 to 1000")
	f.Var(into("bytes", &r.ShmSize, container.ParseSize).withDefault("64m"), "shm-size", "size of /dev/shm")
	f.StringVar(&r.CgroupParent, "cgroup-parent", "", "cgroup or slice to make the container's cgroup in")
	f.StringVar(&r.Cgroups, "cgroups", r.Cgroups, "enabled, or disabled for no cgroup of its own")
	f.StringArrayVar(&r.CgroupConf, "cgroup-conf", nil, "set a file of cgroup v2: key=value")
}

// swappiness takes docker's -1 as nothing chosen.
func swappiness(dst **uint64) parsed {
	return parsed{kind: "int", set: func(s string) error {
		if s == "-1" {
			*dst = nil
			return nil
		}
		n, err := strconv.ParseUint(s, 10, 7)
		if err != nil || n > 100 {
			return &container.InvalidError{Text: fmt.Sprintf("%q is out of range; give a number from 0 to 100", s)}
		}
		*dst = &n
		return nil
	}}
}
