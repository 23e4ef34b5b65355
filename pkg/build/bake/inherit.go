package bake

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// resolver puts targets together.
type resolver struct {
	Config
	overrides map[string][]*override
	done      map[string]Target
	inside    map[string]bool
}

// target is a target with what it inherits, earlier parents first, and what overrides it.
func (r *resolver) target(name string) (Target, error) {
	if t, ok := r.done[name]; ok {
		return t, nil
	}
	i := slices.IndexFunc(r.Targets, func(t Target) bool { return t.Name == name })
	if i < 0 {
		return Target{}, fmt.Errorf("there is no target %q; there are %s", name, strings.Join(r.names(), ", "))
	}
	if r.inside[name] {
		return Target{}, fmt.Errorf("target %q inherits from itself", name)
	}
	r.inside[name] = true
	defer delete(r.inside, name)
	var out Target
	for _, parent := range r.Targets[i].Inherits {
		t, err := r.target(parent)
		if err != nil {
			return out, err
		}
		out = out.Over(t)
	}
	out = out.Over(r.Targets[i])
	out.Name = name
	for _, o := range r.overrides[name] {
		if err := o.apply(&out); err != nil {
			return out, err
		}
	}
	out = out.normalize()
	r.done[name] = out
	return out, nil
}

// Over is t with what is set in top. Arguments, labels, contexts and hosts are joined, as are annotations, secrets, agents, limits and
// caches that are read; tags, platforms, outputs and caches that are written replace.
func (t Target) Over(top Target) Target {
	out := t
	pick(&out.Context, top.Context)
	pick(&out.Dockerfile, top.Dockerfile)
	pick(&out.DockerfileInline, top.DockerfileInline)
	pick(&out.Target, top.Target)
	pick(&out.Network, top.Network)
	pick(&out.ShmSize, top.ShmSize)
	pick(&out.Call, top.Call)
	pick(&out.Pull, top.Pull)
	pick(&out.NoCache, top.NoCache)
	if top.Description != "" {
		out.Description = top.Description
	}
	out.Args = joined(t.Args, top.Args)
	out.Labels = joined(t.Labels, top.Labels)
	out.Contexts = joined(t.Contexts, top.Contexts)
	out.ExtraHosts = joined(t.ExtraHosts, top.ExtraHosts)
	replace(&out.Tags, top.Tags)
	replace(&out.Platforms, top.Platforms)
	replace(&out.CacheTo, top.CacheTo)
	replace(&out.Outputs, top.Outputs)
	out.Annotations = slices.Concat(t.Annotations, top.Annotations)
	out.NoCacheFilter = slices.Concat(t.NoCacheFilter, top.NoCacheFilter)
	out.Ulimits = slices.Concat(t.Ulimits, top.Ulimits)
	out.Entitlements = slices.Concat(t.Entitlements, top.Entitlements)
	out.CacheFrom = distinct(slices.Concat(t.CacheFrom, top.CacheFrom))
	out.Secrets = mergedBy(t.Secrets, top.Secrets, func(e Entry) string { return e["id"] })
	out.SSH = mergedBy(t.SSH, top.SSH, func(a Agent) string { return a.ID })
	out.Attest = mergedBy(t.Attest, top.Attest, func(a Attestation) string { return a["type"] })
	out.Resources = t.Resources.over(top.Resources)
	out.Policy = slices.Concat(t.Policy, top.Policy)
	return out
}

func pick[T any](dst **T, value *T) {
	if value != nil {
		*dst = value
	}
}

func replace[T any](dst *[]T, value []T) {
	if value != nil {
		*dst = value
	}
}

func joined(below, top map[string]string) map[string]string {
	if len(below)+len(top) == 0 {
		return nil
	}
	out := maps.Clone(below)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, top)
	return out
}

// mergedBy appends the entries of top; one with a key that was there takes its place.
func mergedBy[E any](below, top []E, key func(E) string) []E {
	var out []E
	at := map[string]int{}
	for _, e := range slices.Concat(below, top) {
		if i, ok := at[key(e)]; ok {
			out[i] = e
			continue
		}
		at[key(e)] = len(out)
		out = append(out, e)
	}
	return out
}
