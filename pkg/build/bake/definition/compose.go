package definition

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pod-engine/pod/pkg/build/bake"
	"go.yaml.in/yaml/v3"
)

// isCompose says that a file is compose's, by its name.
func isCompose(file bake.File) bool {
	extension := filepath.Ext(file.Name)
	return extension == ".yml" || extension == ".yaml"
}

// composeFile is what of a compose file is about builds.
type composeFile struct {
	Services map[string]composeService `yaml:"services"`
	Secrets  map[string]composeSecret  `yaml:"secrets"`
}

type composeService struct {
	Image string        `yaml:"image"`
	Build *composeBuild `yaml:"build"`
}

type composeSecret struct {
	File        string `yaml:"file"`
	Environment string `yaml:"environment"`
}

// composeBuild is the section build (compose-spec, build.md).
type composeBuild struct {
	Context            string         `yaml:"context"`
	Dockerfile         string         `yaml:"dockerfile"`
	DockerfileInline   string         `yaml:"dockerfile_inline"`
	Args               composeMap     `yaml:"args"`
	Labels             composeMap     `yaml:"labels"`
	AdditionalContexts composeMap     `yaml:"additional_contexts"`
	ExtraHosts         composeHosts   `yaml:"extra_hosts"`
	Tags               []string       `yaml:"tags"`
	Target             string         `yaml:"target"`
	Platforms          []string       `yaml:"platforms"`
	CacheFrom          []string       `yaml:"cache_from"`
	CacheTo            []string       `yaml:"cache_to"`
	Entitlements       []string       `yaml:"entitlements"`
	Network            string         `yaml:"network"`
	ShmSize            string         `yaml:"shm_size"`
	NoCache            bool           `yaml:"no_cache"`
	Pull               bool           `yaml:"pull"`
	Privileged         bool           `yaml:"privileged"`
	SSH                []string       `yaml:"ssh"`
	Secrets            []secretOf     `yaml:"secrets"`
	Ulimits            map[string]any `yaml:"ulimits"`
}

// UnmarshalYAML takes a word for the context.
func (b *composeBuild) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&b.Context)
	}
	type plain composeBuild
	return n.Decode((*plain)(b))
}

// secretOf is the name of a secret, alone or as source.
type secretOf struct {
	Source string `yaml:"source"`
	Target string `yaml:"target"`
}

// UnmarshalYAML takes a word for the source.
func (s *secretOf) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&s.Source)
	}
	type plain secretOf
	return n.Decode((*plain)(s))
}

// composeMap is a map, or a list of NAME=VALUE. A NAME without a value is nil.
type composeMap map[string]*string

// UnmarshalYAML reads either form.
func (m *composeMap) UnmarshalYAML(n *yaml.Node) error {
	return decodePairs(n, "=", (*map[string]*string)(m))
}

// composeHosts is a map, or a list of NAME:ADDRESS or NAME=ADDRESS.
type composeHosts map[string]*string

// UnmarshalYAML reads either form.
func (m *composeHosts) UnmarshalYAML(n *yaml.Node) error {
	return decodePairs(n, "=:", (*map[string]*string)(m))
}

func decodePairs(n *yaml.Node, separators string, m *map[string]*string) error {
	if n.Kind == yaml.MappingNode {
		return n.Decode(m)
	}
	var list []string
	if err := n.Decode(&list); err != nil {
		return err
	}
	*m = map[string]*string{}
	for _, word := range list {
		i := strings.IndexAny(word, separators)
		if i < 0 {
			(*m)[word] = nil
			continue
		}
		value := word[i+1:]
		(*m)[word[:i]] = &value
	}
	return nil
}

// readCompose makes a target of each service that is built, and a group "default" of all.
func readCompose(file bake.File, lookup func(string) (string, bool)) (bake.Config, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(file.Data, &root); err != nil {
		return bake.Config{}, err
	}
	if err := interpolate(&root, lookup); err != nil {
		return bake.Config{}, err
	}
	var c composeFile
	if err := root.Decode(&c); err != nil {
		return bake.Config{}, err
	}
	var out bake.Config
	all := bake.Group{Name: "default"}
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		service := c.Services[name]
		if service.Build == nil {
			continue
		}
		t, err := service.target(strings.ReplaceAll(name, ".", "_"), c, lookup)
		if err != nil {
			return out, fmt.Errorf("service %s: %w", name, err)
		}
		out.Targets = append(out.Targets, t)
		all.Targets = append(all.Targets, t.Name)
	}
	if len(all.Targets) > 0 {
		out.Groups = []bake.Group{all}
	}
	return out, nil
}

func (s composeService) target(name string, c composeFile, lookup func(string) (string, bool)) (bake.Target, error) {
	b := s.Build
	t := bake.Target{
		Name: name, Tags: b.Tags, Platforms: b.Platforms, Labels: present(b.Labels), ExtraHosts: present(b.ExtraHosts), Entitlements: b.Entitlements,
		Args: map[string]string{},
	}
	for from, to := range map[*string]**string{
		&b.Context: &t.Context, &b.Dockerfile: &t.Dockerfile, &b.DockerfileInline: &t.DockerfileInline, &b.Target: &t.Target, &b.Network: &t.Network,
		&b.ShmSize: &t.ShmSize,
	} {
		if *from != "" {
			*to = from
		}
	}
	if len(t.Tags) == 0 && s.Image != "" {
		t.Tags = []string{s.Image}
	}
	for key, value := range b.Args {
		if value != nil {
			t.Args[key] = *value
		} else if set, ok := lookup(key); ok {
			t.Args[key] = set
		}
	}
	for key, value := range present(b.AdditionalContexts) {
		if t.Contexts == nil {
			t.Contexts = map[string]string{}
		}
		if service, ok := strings.CutPrefix(value, "service:"); ok {
			value = "target:" + service
		}
		t.Contexts[key] = value
	}
	if b.NoCache {
		t.NoCache = &b.NoCache
	}
	if b.Pull {
		t.Pull = &b.Pull
	}
	if b.Privileged || len(b.Ulimits) > 0 {
		return t, errors.New("privileged and ulimits of a build are not read; --set TARGET.ulimit=NAME=SOFT:HARD sets a limit")
	}
	return t, s.entries(&t, c)
}

// entries reads caches, agents and secrets.
func (s composeService) entries(t *bake.Target, c composeFile) error {
	for _, list := range []struct {
		kind  string
		words []string
		to    *[]bake.Entry
	}{{bake.CacheEntry, s.Build.CacheFrom, &t.CacheFrom}, {bake.CacheEntry, s.Build.CacheTo, &t.CacheTo}, {bake.SSHEntry, s.Build.SSH, &t.SSH}} {
		for _, word := range list.words {
			e, err := bake.ParseEntry(list.kind, word)
			if err != nil {
				return err
			}
			*list.to = append(*list.to, e)
		}
	}
	for _, of := range s.Build.Secrets {
		secret, ok := c.Secrets[of.Source]
		if !ok {
			return fmt.Errorf("there is no secret %q", of.Source)
		}
		id := of.Source
		if of.Target != "" {
			id = of.Target
		}
		e := bake.Entry{"id": id}
		switch {
		case secret.File != "":
			e["src"] = secret.File
		case secret.Environment != "":
			e["env"] = secret.Environment
		}
		t.Secrets = append(t.Secrets, e)
	}
	return nil
}

// interpolate replaces the variables in all words (compose-spec, interpolation.md).
func interpolate(n *yaml.Node, lookup func(string) (string, bool)) error {
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "$") {
		var problem error
		n.Value = os.Expand(strings.ReplaceAll(n.Value, "$$", "${$}"), func(expression string) string {
			value, err := variable(expression, lookup)
			problem = errors.Join(problem, err)
			return value
		})
		return problem
	}
	for _, child := range n.Content {
		if err := interpolate(child, lookup); err != nil {
			return err
		}
	}
	return nil
}

// variable is the value of NAME, NAME:-DEFAULT, NAME-DEFAULT, NAME:?TEXT, NAME?TEXT, NAME:+OTHER and NAME+OTHER.
func variable(expression string, lookup func(string) (string, bool)) (string, error) {
	if expression == "$" {
		return "$", nil
	}
	i := strings.IndexAny(expression, ":-?+")
	if i < 0 {
		value, _ := lookup(expression)
		return value, nil
	}
	name, rest := expression[:i], expression[i:]
	value, set := lookup(name)
	if rest[0] == ':' {
		rest = rest[1:]
		set = set && value != ""
	}
	if rest == "" {
		return "", fmt.Errorf("${%s} cannot be read", expression)
	}
	switch other := rest[1:]; {
	case rest[0] == '-' && !set:
		return other, nil
	case rest[0] == '+' && set:
		return other, nil
	case rest[0] == '+':
		return "", nil
	case rest[0] == '?' && !set:
		return "", fmt.Errorf("the variable %s is not set: %s", name, other)
	}
	return value, nil
}
