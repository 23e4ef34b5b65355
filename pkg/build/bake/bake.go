// Package bake says which images a file of targets describes: the words that pod and pod-bake share, and how targets inherit from
// each other, are overridden and chosen. It is data and pure functions; package definition reads the files.
//
// The meaning is that of docker buildx bake (docs.docker.com/build/bake/reference).
package bake

import (
	"fmt"
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

// Target is one call of build. Nil and empty fields are not set.
type Target struct {
	Name             string            `json:"name,omitempty"` // empty in a Plan, where it is the key
	Description      string            `json:"description,omitempty"`
	Inherits         []string          `json:"inherits,omitempty"` // empty in a Plan
	Annotations      []string          `json:"annotations,omitempty"`
	Attest           []Entry           `json:"attest,omitempty"`
	Context          *string           `json:"context,omitempty"`
	Contexts         map[string]string `json:"contexts,omitempty"`
	Dockerfile       *string           `json:"dockerfile,omitempty"`
	DockerfileInline *string           `json:"dockerfile-inline,omitempty"`
	Args             map[string]string `json:"args,omitempty"`
	Labels           map[string]string `json:"labels,omitempty"`
	Tags             []string          `json:"tags,omitzero"`
	CacheFrom        []Entry           `json:"cache-from,omitempty"`
	CacheTo          []Entry           `json:"cache-to,omitzero"`
	Target           *string           `json:"target,omitempty"`
	Secrets          []Entry           `json:"secret,omitempty"`
	SSH              []Entry           `json:"ssh,omitempty"`
	Platforms        []string          `json:"platforms,omitzero"`
	Outputs          []Entry           `json:"output,omitzero"`
	Pull             *bool             `json:"pull,omitempty"`
	NoCache          *bool             `json:"no-cache,omitempty"`
	Network          *string           `json:"network,omitempty"`
	NoCacheFilter    []string          `json:"no-cache-filter,omitempty"`
	ShmSize          *string           `json:"shm-size,omitempty"`
	Ulimits          []string          `json:"ulimits,omitempty"`
	Call             *string           `json:"call,omitempty"`
	Entitlements     []string          `json:"entitlements,omitempty"`
	ExtraHosts       map[string]string `json:"extra-hosts,omitempty"`
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
	for _, name := range names {
		matching, err := c.match(name)
		if err != nil {
			return p, err
		}
		for _, name := range matching {
			p.Asked = append(p.Asked, c.expand(name, p.Groups, map[string]bool{})...)
		}
	}
	if _, ok := p.Groups["default"]; !ok {
		p.Groups["default"] = Group{Targets: names}
	}
	p.Asked = unique(p.Asked)
	r := &resolver{Config: c, overrides: set, done: map[string]Target{}, inside: map[string]bool{}}
	todo := slices.Clone(p.Asked)
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if _, ok := p.Targets[name]; ok {
			continue
		}
		t, err := r.target(name)
		if err != nil {
			return p, err
		}
		p.Targets[name] = t.complete()
		todo = append(todo, t.Links()...)
	}
	_, err = p.Order()
	return p, err
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

// Order gives the targets, each after those that it is linked to.
func (p Plan) Order() ([]string, error) {
	const visiting, done = 1, 2
	state := map[string]int{}
	var order []string
	var visit func(name string) error
	visit = func(name string) error {
		switch state[name] {
		case done:
			return nil
		case visiting:
			return fmt.Errorf("target %q needs itself: its contexts go round in a circle", name)
		}
		state[name] = visiting
		for _, link := range p.Targets[name].Links() {
			if err := visit(link); err != nil {
				return err
			}
		}
		state[name] = done
		order = append(order, name)
		return nil
	}
	for _, name := range p.Asked {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// Links are the targets whose results the target has as contexts.
func (t Target) Links() []string {
	var links []string
	for _, value := range t.Contexts {
		if name, ok := strings.CutPrefix(value, "target:"); ok {
			links = append(links, name)
		}
	}
	slices.Sort(links)
	return slices.Compact(links)
}

// complete fills in what every target has.
func (t Target) complete() Target {
	t.Name, t.Inherits = "", nil
	if t.Context == nil {
		dot := "."
		t.Context = &dot
	}
	if t.Dockerfile == nil {
		name := "Dockerfile"
		t.Dockerfile = &name
	}
	return t
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
