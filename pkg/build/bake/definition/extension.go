package definition

import (
	"maps"
	"slices"
	"strings"

	"github.com/pod-engine/pod/pkg/build/bake"
	"go.yaml.in/yaml/v3"
)

// extension is x-bake of a service's build: what bake knows and compose does not (docs.docker.com/build/bake/compose-file).
type extension struct {
	Tags          words             `yaml:"tags"`
	CacheFrom     words             `yaml:"cache-from"`
	CacheTo       words             `yaml:"cache-to"`
	Secrets       words             `yaml:"secret"`
	SSH           words             `yaml:"ssh"`
	Platforms     words             `yaml:"platforms"`
	Outputs       words             `yaml:"output"`
	Pull          *bool             `yaml:"pull"`
	NoCache       *bool             `yaml:"no-cache"`
	NoCacheFilter words             `yaml:"no-cache-filter"`
	Contexts      map[string]string `yaml:"contexts"`
}

// words is a list, or one line of words with spaces between them.
type words []string

// UnmarshalYAML reads either form.
func (w *words) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return n.Decode((*[]string)(w))
	}
	*w = strings.Fields(n.Value)
	return nil
}

// extend adds what x-bake says to a target.
func extend(t *bake.Target, extensions map[string]any) error {
	given, ok := extensions["x-bake"]
	if !ok || given == nil {
		return nil
	}
	text, err := yaml.Marshal(given)
	if err != nil {
		return err
	}
	var x extension
	if err := yaml.Unmarshal(text, &x); err != nil {
		return err
	}
	for _, list := range []struct {
		to   *[]string
		more []string
	}{{&t.Tags, x.Tags}, {&t.Platforms, x.Platforms}, {&t.NoCacheFilter, x.NoCacheFilter}} {
		*list.to = slices.Concat(*list.to, list.more)
	}
	for _, list := range []struct {
		kind string
		to   *[]bake.Entry
		more []string
	}{{bake.CacheEntry, &t.CacheFrom, x.CacheFrom}, {bake.CacheEntry, &t.CacheTo, x.CacheTo}, {bake.SecretEntry, &t.Secrets, x.Secrets}, {bake.OutputEntry, &t.Outputs, x.Outputs}} {
		more, err := parseEntries(list.kind, list.more)
		if err != nil {
			return err
		}
		*list.to = slices.Concat(*list.to, more)
	}
	for _, word := range x.SSH {
		t.SSH = append(t.SSH, bake.ParseAgent(word))
	}
	sortAgents(t.SSH)
	if x.Pull != nil {
		t.Pull = x.Pull
	}
	if x.NoCache != nil {
		t.NoCache = x.NoCache
	}
	contexts := composeContexts(x.Contexts)
	maps.Copy(contexts, t.Contexts) // those of the service win
	t.Contexts = contexts
	return nil
}
