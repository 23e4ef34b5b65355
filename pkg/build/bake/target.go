package bake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Target is one call of build. Nil and empty fields are not set.
type Target struct {
	Name             string            `json:"name,omitempty"` // empty in a Plan, where it is the key
	Description      string            `json:"description,omitempty"`
	Inherits         []string          `json:"inherits,omitempty"` // empty in a Plan
	Annotations      []string          `json:"annotations,omitempty"`
	Attest           []Attestation     `json:"attest,omitempty"`
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
	SSH              []Agent           `json:"ssh,omitempty"`
	Platforms        []string          `json:"platforms,omitzero"`
	Outputs          []Entry           `json:"output,omitzero"`
	Pull             *bool             `json:"pull,omitempty"`
	NoCache          *bool             `json:"no-cache,omitempty"`
	Network          *string           `json:"network,omitempty"`
	NoCacheFilter    []string          `json:"no-cache-filter,omitempty"`
	ShmSize          *string           `json:"shm-size,omitempty"`
	Ulimits          []string          `json:"ulimits,omitempty"`
	Resources        *Resources        `json:"resources,omitempty"`
	Call             *string           `json:"call,omitempty"`
	Entitlements     []string          `json:"entitlements,omitempty"`
	ExtraHosts       map[string]string `json:"extra-hosts,omitempty"`
	Policy           []Policy          `json:"policy,omitempty"`
}

// Resources bound each RUN.
type Resources struct {
	Memory     *string `json:"memory,omitempty"`
	MemorySwap *string `json:"memory-swap,omitempty"`
	CPUShares  *int64  `json:"cpu-shares,omitempty"`
	CPUPeriod  *int64  `json:"cpu-period,omitempty"` // microseconds
	CPUQuota   *int64  `json:"cpu-quota,omitempty"`  // microseconds
	CPUSetCPUs *string `json:"cpuset-cpus,omitempty"`
	CPUSetMems *string `json:"cpuset-mems,omitempty"`
}

// over is r with what is set in top.
func (r *Resources) over(top *Resources) *Resources {
	if r == nil || top == nil {
		if top != nil {
			return top
		}
		return r
	}
	out := *r
	pick(&out.Memory, top.Memory)
	pick(&out.MemorySwap, top.MemorySwap)
	pick(&out.CPUShares, top.CPUShares)
	pick(&out.CPUPeriod, top.CPUPeriod)
	pick(&out.CPUQuota, top.CPUQuota)
	pick(&out.CPUSetCPUs, top.CPUSetCPUs)
	pick(&out.CPUSetMems, top.CPUSetMems)
	return &out
}

// set sets one field by its name.
func (r *Resources) set(name, value string) error {
	words := map[string]**string{"memory": &r.Memory, "memory-swap": &r.MemorySwap, "cpuset-cpus": &r.CPUSetCPUs, "cpuset-mems": &r.CPUSetMems}
	numbers := map[string]**int64{"cpu-shares": &r.CPUShares, "cpu-period": &r.CPUPeriod, "cpu-quota": &r.CPUQuota}
	if word, ok := words[name]; ok {
		*word = &value
		return nil
	}
	number, ok := numbers[name]
	if !ok {
		return fmt.Errorf("resources have no %q", name)
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is no number", value)
	}
	*number = &n
	return nil
}

// Policy is what docker would judge sources by. Of these pod has none: only one that is switched off can be carried out.
type Policy struct {
	Files    []PolicyFile
	Reset    bool
	Disabled bool
	Strict   *bool
	LogLevel *string
}

// PolicyFile is a file of rules.
type PolicyFile struct {
	Filename string
	Data     []byte
}

// ParsePolicy reads "[filename=FILE][,reset=BOOL][,disabled=BOOL][,strict=BOOL][,log-level=LEVEL]".
func ParsePolicy(text string) (p Policy, err error) {
	for field := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(field, "=")
		if err := p.set(strings.ToLower(strings.TrimSpace(key)), value); err != nil {
			return p, fmt.Errorf("%q: %w", text, err)
		}
	}
	return p, nil
}

func (p *Policy) set(key, value string) error {
	on, err := strconv.ParseBool(value)
	switch key {
	case "filename":
		p.Files = append(p.Files, PolicyFile{Filename: value})
		return nil
	case "log-level":
		p.LogLevel = &value
		return nil
	case "reset":
		p.Reset = on
	case "disabled":
		p.Disabled = on
	case "strict":
		p.Strict = &on
	default:
		return fmt.Errorf("a policy has no %q", key)
	}
	return err
}

// Agent is an SSH agent, or keys, by its id.
type Agent struct {
	ID    string   `json:"id,omitempty"`
	Paths []string `json:"paths,omitempty"`
}

// ParseAgent reads "ID[=PATH[,PATH...]]".
func ParseAgent(text string) Agent {
	id, paths, ok := strings.Cut(text, "=")
	if !ok {
		return Agent{ID: id}
	}
	return Agent{ID: id, Paths: strings.Split(paths, ",")}
}

// String is the form of --ssh.
func (a Agent) String() string {
	if len(a.Paths) == 0 {
		return a.ID
	}
	return a.ID + "=" + strings.Join(a.Paths, ",")
}

// Attestation is an entry whose "disabled" is no word.
type Attestation Entry

// MarshalJSON writes "disabled" as true.
func (a Attestation) MarshalJSON() ([]byte, error) {
	out := map[string]any{}
	for key, value := range a {
		out[key] = value
	}
	delete(out, "disabled")
	if a["disabled"] == "true" {
		out["disabled"] = true
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (a *Attestation) UnmarshalJSON(text []byte) error {
	var in map[string]any
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	*a = Attestation{}
	for key, value := range in {
		(*a)[key] = fmt.Sprint(value)
	}
	return nil
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

// complete fills in what every target has, and leaves out what says nothing.
func (t Target) complete() Target {
	t.Name, t.Inherits = "", nil
	if t.Context == nil {
		dot := "."
		t.Context = &dot
	}
	if t.Dockerfile == nil || *t.Dockerfile == "" {
		name := "Dockerfile"
		t.Dockerfile = &name
	}
	return t
}

// normalize leaves out repetitions.
func (t Target) normalize() Target {
	for _, list := range []*[]string{&t.Annotations, &t.Tags, &t.Platforms, &t.NoCacheFilter, &t.Ulimits} {
		*list = unique(*list)
	}
	t.CacheFrom, t.CacheTo, t.Outputs = distinct(t.CacheFrom), distinct(t.CacheTo), distinct(t.Outputs)
	t.Secrets = mergedBy(nil, t.Secrets, func(e Entry) string { return e["id"] })
	t.SSH = mergedBy(nil, t.SSH, func(a Agent) string { return a.ID })
	t.Attest = mergedBy(nil, t.Attest, func(a Attestation) string { return a["type"] })
	if t.Network != nil && *t.Network == "host" {
		t.Entitlements = append(slices.Clone(t.Entitlements), "network.host")
	}
	t.Entitlements = unique(t.Entitlements)
	contexts := map[string]string{}
	for key, value := range t.Contexts {
		if value != "" {
			contexts[key] = value
		}
	}
	t.Contexts = nil
	if len(contexts) > 0 {
		t.Contexts = contexts
	}
	return t
}

// TargetName is the name of the target that a service becomes.
func TargetName(service string) string { return strings.ReplaceAll(service, ".", "_") }
