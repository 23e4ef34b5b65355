// Package bake says which images a file of targets describes: the words that pod and pod-bake share, and how targets inherit from
// each other, are overridden and chosen. It is data and pure functions; package definition reads the files.
//
// The meaning is that of docker buildx bake (docs.docker.com/build/bake/reference).
package bake

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// File is a file as it was read.
type File struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// Request is what pod-bake is asked: the files in their order, and variables that go before those of the environment.
type Request struct {
	Files    []File            `json:"files"`
	Defaults map[string]string `json:"defaults"` // that the files can use, and not change
	Vars     map[string]string `json:"vars"`
}

// Answer is what the files define, or what is wrong.
type Answer struct {
	Config Config `json:"config"`
	Error  string `json:"error,omitempty"`
}

// Config is all targets and groups, as written.
type Config struct {
	Groups    []Group    `json:"groups,omitempty"`
	Targets   []Target   `json:"targets,omitempty"`
	Variables []Variable `json:"variables,omitempty"`
}

// Variable is a variable of the files.
type Variable struct {
	Name        string  `json:"name"`
	Description string  `json:"description,omitempty"`
	Type        string  `json:"type,omitempty"`
	Value       *string `json:"value,omitempty"`
}

// Group is a name for several targets and groups.
type Group struct {
	Name        string   `json:"name,omitempty"` // empty in a Plan, where it is the key
	Description string   `json:"description,omitempty"`
	Targets     []string `json:"targets"`
}

// Plan is what is built: the targets that were asked for and those that they are linked to (contexts "target:NAME").
type Plan struct {
	Groups  map[string]Group  `json:"group,omitempty"`
	Targets map[string]Target `json:"target"`
	Asked   []string          `json:"-"` // targets, in their order, each once
}

// Choose resolves the targets and groups asked for; none is "default". overrides are "PATTERN.KEY[+]=VALUE".
func (c Config) Choose(names, overrides []string) (Plan, error) {
	if len(names) == 0 {
		names = []string{"default"}
	}
	set, err := c.overrides(overrides)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Groups: map[string]Group{}, Targets: map[string]Target{}}
	var asked []string
	for _, name := range names {
		matching, err := c.match(TargetName(name))
		if err != nil {
			return p, err
		}
		asked = append(asked, matching...)
	}
	asked = unique(asked)
	for _, name := range asked {
		p.Asked = append(p.Asked, c.expand(name, p.Groups, map[string]bool{})...)
	}
	p.Asked = unique(p.Asked)
	p.noteDefault(asked)
	r := &resolver{Config: c, overrides: set, done: map[string]Target{}, inside: map[string]bool{}}
	for _, name := range p.Asked {
		t, err := r.target(name)
		if err != nil {
			return p, err
		}
		p.Targets[name] = t.complete()
	}
	for _, name := range p.Asked {
		if err := p.addLinks(name, r, nil); err != nil {
			return p, err
		}
	}
	return p, nil
}

// noteDefault has the group "default" say what was asked for.
func (p Plan) noteDefault(asked []string) {
	group, written := p.Groups["default"]
	for _, name := range asked {
		if !written || name != "default" {
			group.Targets = append(slices.Clone(group.Targets), name)
		}
	}
	group.Targets = unique(group.Targets)
	slices.Sort(group.Targets)
	p.Groups["default"] = group
}

// addLinks adds the targets that a target is linked to. They make nothing but their results, and what they may ask for it may too.
func (p Plan) addLinks(name string, r *resolver, inside []string) error {
	inside = append(inside, name)
	t := p.Targets[name]
	for _, link := range t.Links() {
		if slices.Contains(inside, link) {
			return fmt.Errorf("target %q needs itself: its contexts go round in a circle", link)
		}
		if _, ok := p.Targets[link]; !ok {
			linked, err := r.target(link)
			if err != nil {
				return err
			}
			linked = linked.complete()
			linked.Outputs = []Entry{{"type": "cacheonly"}}
			p.Targets[link] = linked
		}
		if err := p.addLinks(link, r, inside); err != nil {
			return err
		}
		linked := p.Targets[link]
		t.Entitlements = unique(slices.Concat(t.Entitlements, linked.Entitlements))
		if len(t.Platforms) > 1 && len(linked.Platforms) > 1 {
			for _, platform := range t.Platforms {
				if !slices.Contains(linked.Platforms, platform) {
					return fmt.Errorf("target %q is built for %s, and %q, which it needs, is not", name, platform, link)
				}
			}
		}
	}
	p.Targets[name] = t
	return nil
}

// Escaped is the plan as a file of targets could have it, in which "${" would begin an expression.
func (p Plan) Escaped() Plan {
	escape := strings.NewReplacer("${", "$${", "%{", "%%{").Replace
	pairs := func(m map[string]string) map[string]string {
		out := maps.Clone(m)
		for key, value := range out {
			out[key] = escape(value)
		}
		return out
	}
	out := Plan{Groups: p.Groups, Targets: map[string]Target{}, Asked: p.Asked}
	for name, t := range p.Targets {
		t.Args, t.Labels, t.ExtraHosts = pairs(t.Args), pairs(t.Labels), pairs(t.ExtraHosts)
		t.Annotations = slices.Clone(t.Annotations)
		for i, a := range t.Annotations {
			t.Annotations[i] = escape(a)
		}
		if t.DockerfileInline != nil {
			text := escape(*t.DockerfileInline)
			t.DockerfileInline = &text
		}
		out.Targets[name] = t
	}
	return out
}

// match gives the targets and groups that a word with wildcards means.
func (c Config) match(word string) ([]string, error) {
	if !strings.ContainsAny(word, "*?[") {
		return []string{word}, nil
	}
	var names []string
	for _, name := range c.names() {
		if ok, err := path.Match(word, name); err == nil && ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no target is like %q; there are %s", word, strings.Join(c.names(), ", "))
	}
	return names, nil
}

func (c Config) names() []string {
	var names []string
	for _, g := range c.Groups {
		names = append(names, g.Name)
	}
	for _, t := range c.Targets {
		names = append(names, t.Name)
	}
	return unique(names)
}

// expand gives the targets of a group, or the target itself, and notes the groups on the way.
func (c Config) expand(name string, groups map[string]Group, inside map[string]bool) []string {
	i := slices.IndexFunc(c.Groups, func(g Group) bool { return g.Name == name })
	if i < 0 || inside[name] && c.has(name) {
		return []string{name}
	}
	if inside[name] {
		return nil // it is in itself
	}
	inside[name] = true
	groups[name] = Group{Description: c.Groups[i].Description, Targets: c.Groups[i].Targets}
	var targets []string
	for _, member := range c.Groups[i].Targets {
		targets = append(targets, c.expand(member, groups, inside)...)
	}
	return targets
}

func (c Config) has(target string) bool {
	return slices.ContainsFunc(c.Targets, func(t Target) bool { return t.Name == target })
}

func unique(names []string) []string {
	var out []string
	for _, name := range names {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
