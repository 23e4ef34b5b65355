package bake

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// override is one --set for one target.
type override struct {
	text     string
	key, sub string
	value    string
	has      bool // a value was given
	add      bool // to what is there
	replaces bool // it is the first of its key, so that what is there goes
}

// overrides reads "PATTERN.KEY[.SUB][+]=VALUE" and gives those of each target.
func (c Config) overrides(words []string) (map[string][]override, error) {
	out := map[string][]override{}
	for _, word := range words {
		left, value, has := strings.Cut(word, "=")
		o := override{text: word, value: value, has: has}
		left, o.add = strings.CutSuffix(left, "+")
		parts := strings.SplitN(left, ".", 3)
		if len(parts) < 2 || parts[0] == "" {
			return nil, fmt.Errorf("--set %s: it is TARGET.KEY=VALUE", word)
		}
		o.key = singular(parts[1])
		if len(parts) == 3 {
			o.sub = parts[2]
		}
		if !has && o.key != "arg" {
			return nil, fmt.Errorf("--set %s: it is TARGET.KEY=VALUE", word)
		}
		names, err := c.match(parts[0])
		if err != nil {
			return nil, fmt.Errorf("--set %s: %w", word, err)
		}
		var targets []string
		for _, name := range names {
			targets = append(targets, c.expand(name, map[string]Group{}, map[string]bool{})...)
		}
		for _, target := range unique(targets) {
			o.replaces = !o.add && !slices.ContainsFunc(out[target], func(earlier override) bool { return earlier.key == o.key })
			out[target] = append(out[target], o)
		}
	}
	return out, nil
}

// singular is the name of a key in its one form.
func singular(key string) string {
	switch key {
	case "args", "tags", "labels", "platforms", "annotations", "entitlements", "ulimits", "secrets", "extra-hosts":
		return strings.TrimSuffix(key, "s")
	}
	return key
}

// apply changes the target.
func (o override) apply(t *Target) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("--set %s: %w", o.text, err)
		}
	}()
	if done, err := o.applyWord(t); done {
		return err
	}
	switch o.key {
	case "arg":
		return o.applyTo(&t.Args)
	case "label":
		return o.applyTo(&t.Labels)
	case "contexts", "context":
		return o.applyTo(&t.Contexts)
	case "extra-host":
		return o.applyTo(&t.ExtraHosts)
	case "tag":
		return o.list(&t.Tags)
	case "platform":
		return o.list(&t.Platforms)
	case "annotation":
		return o.list(&t.Annotations)
	case "no-cache-filter":
		return o.list(&t.NoCacheFilter)
	case "ulimit":
		return o.list(&t.Ulimits)
	case "entitlement":
		return o.list(&t.Entitlements)
	case "output":
		return o.entries(OutputEntry, &t.Outputs)
	case "cache-from":
		return o.entries(CacheEntry, &t.CacheFrom)
	case "cache-to":
		return o.entries(CacheEntry, &t.CacheTo)
	case "secret":
		return o.entries(SecretEntry, &t.Secrets)
	case "ssh":
		return o.entries(SSHEntry, &t.SSH)
	case "attest":
		return o.entries(AttestEntry, &t.Attest)
	}
	return fmt.Errorf("a target has no %q that can be set", o.key)
}

// applyWord is apply for keys with a single value.
func (o override) applyWord(t *Target) (done bool, err error) {
	var word **string
	var flag **bool
	switch {
	case o.sub != "":
		return false, nil
	case o.key == "context":
		word = &t.Context
	case o.key == "dockerfile":
		word = &t.Dockerfile
	case o.key == "dockerfile-inline":
		word = &t.DockerfileInline
	case o.key == "target":
		word = &t.Target
	case o.key == "network":
		word = &t.Network
	case o.key == "shm-size":
		word = &t.ShmSize
	case o.key == "call":
		word = &t.Call
	case o.key == "pull":
		flag = &t.Pull
	case o.key == "no-cache":
		flag = &t.NoCache
	default:
		return false, nil
	}
	if word != nil {
		*word = &o.value
		return true, nil
	}
	on, err := strconv.ParseBool(o.value)
	if err != nil {
		return true, fmt.Errorf("%q is neither true nor false", o.value)
	}
	*flag = &on
	return true, nil
}

func (o override) applyTo(m *map[string]string) error {
	if o.sub == "" {
		return fmt.Errorf("it is TARGET.%s.NAME=VALUE", o.key)
	}
	value := o.value
	if !o.has {
		var set bool
		if value, set = os.LookupEnv(o.sub); !set {
			return nil
		}
	}
	*m = joined(*m, map[string]string{o.sub: value})
	return nil
}

func (o override) list(list *[]string) error {
	if o.sub != "" {
		return fmt.Errorf("%s has no keys of its own", o.key)
	}
	if o.replaces {
		*list = []string{}
	}
	if o.value != "" {
		*list = append(slices.Clone(*list), o.value)
	}
	return nil
}

func (o override) entries(kind string, list *[]Entry) error {
	if o.sub != "" {
		return fmt.Errorf("%s has no keys of its own", o.key)
	}
	if o.replaces {
		*list = []Entry{}
	}
	if o.value == "" {
		return nil
	}
	e, err := ParseEntry(kind, o.value)
	*list = append(slices.Clone(*list), e)
	return err
}
