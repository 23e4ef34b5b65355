package bake

import (
	"maps"
	"slices"
	"strconv"
)

// Flags are the flags of build that carry out the target, without its context, its Dockerfile and the links of its contexts.
func (t Target) Flags() []string {
	var flags []string
	add := func(name, value string) { flags = append(flags, "--"+name+"="+value) }
	pairs := func(name string, of map[string]string) {
		for _, key := range slices.Sorted(maps.Keys(of)) {
			add(name, key+"="+of[key])
		}
	}
	words := func(name string, of []string) {
		for _, word := range of {
			add(name, word)
		}
	}
	entries := func(name string, of []Entry, text func(Entry) string) {
		for _, e := range of {
			add(name, text(e))
		}
	}
	pairs("build-arg", t.Args)
	pairs("label", t.Labels)
	for _, key := range slices.Sorted(maps.Keys(t.ExtraHosts)) {
		add("add-host", key+":"+t.ExtraHosts[key])
	}
	words("tag", t.Tags)
	words("platform", t.Platforms)
	words("annotation", t.Annotations)
	words("no-cache-filter", t.NoCacheFilter)
	words("ulimit", t.Ulimits)
	words("allow", t.Entitlements)
	entries("output", t.Outputs, Entry.String)
	entries("cache-from", t.CacheFrom, Entry.String)
	entries("cache-to", t.CacheTo, Entry.String)
	entries("secret", t.Secrets, Entry.String)
	for _, agent := range t.SSH {
		add("ssh", agent.String())
	}
	for _, a := range t.Attest {
		add("attest", Entry(a).String())
	}
	return slices.Concat(flags, t.singleFlags(), t.Resources.flags())
}

// singleFlags are those that are given once.
func (t Target) singleFlags() []string {
	var flags []string
	for _, f := range []struct {
		name  string
		value *string
	}{{"target", t.Target}, {"network", t.Network}, {"shm-size", t.ShmSize}, {"call", t.Call}} {
		if f.value != nil && *f.value != "" {
			flags = append(flags, "--"+f.name+"="+*f.value)
		}
	}
	if t.Pull != nil {
		flags = append(flags, "--pull="+strconv.FormatBool(*t.Pull))
	}
	if t.NoCache != nil {
		flags = append(flags, "--no-cache="+strconv.FormatBool(*t.NoCache))
	}
	return flags
}

// flags are those of build that bound each RUN.
func (r *Resources) flags() []string {
	if r == nil {
		return nil
	}
	var flags []string
	for _, f := range []struct {
		name  string
		value *string
	}{{"memory", r.Memory}, {"memory-swap", r.MemorySwap}, {"cpuset-cpus", r.CPUSetCPUs}, {"cpuset-mems", r.CPUSetMems}} {
		if f.value != nil {
			flags = append(flags, "--"+f.name+"="+*f.value)
		}
	}
	for _, f := range []struct {
		name  string
		value *int64
	}{{"cpu-shares", r.CPUShares}, {"cpu-period", r.CPUPeriod}, {"cpu-quota", r.CPUQuota}} {
		if f.value != nil {
			flags = append(flags, "--"+f.name+"="+strconv.FormatInt(*f.value, 10))
		}
	}
	return flags
}
