package bake

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// override is what all --set say of one key of one target.
type override struct {
	text     string // for messages
	key, sub string
	values   []string // in their order; of keys with one value the last counts
	add      bool     // to what is there
	clear    bool     // an empty value was set
}

// overrides reads "PATTERN.KEY[.SUB][+]=VALUE" and gives those of each target. The values of one key are taken together, and the last of them
// says whether they are added to what is there, as docker has it.
func (c Config) overrides(words []string) (map[string][]*override, error) {
	out := map[string][]*override{}
	for _, word := range words {
		left, value, has := strings.Cut(word, "=")
		left, add := strings.CutSuffix(left, "+")
		parts := strings.SplitN(left, ".", 3)
		if len(parts) < 2 || parts[0] == "" {
			return nil, fmt.Errorf("--set %s: it is TARGET.KEY=VALUE", word)
		}
		key, sub := singular(parts[1]), ""
		if len(parts) == 3 {
			sub = parts[2]
		}
		if !has {
			if key != "arg" {
				return nil, fmt.Errorf("--set %s: it is TARGET.KEY=VALUE", word)
			}
			if value, has = os.LookupEnv(sub); !has {
				continue
			}
		}
		names, err := c.targetsLike(parts[0])
		if err != nil {
			return nil, fmt.Errorf("--set %s: %w", word, err)
		}
		for _, target := range names {
			i := slices.IndexFunc(out[target], func(o *override) bool { return o.key == key && o.sub == sub })
			if i < 0 {
				i = len(out[target])
				out[target] = append(out[target], &override{key: key, sub: sub})
			}
			out[target][i].note(word, value, add)
		}
	}
	return out, nil
}

// targetsLike gives the targets that a pattern means; groups are none.
func (c Config) targetsLike(pattern string) ([]string, error) {
	var names []string
	for _, t := range c.Targets {
		if ok, err := path.Match(pattern, t.Name); t.Name == pattern || err == nil && ok {
			names = append(names, t.Name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no target is like %q; there are %s", pattern, strings.Join(c.names(), ", "))
	}
	return unique(names), nil
}

// note takes one more --set.
func (o *override) note(text, value string, add bool) {
	o.text = text
	if value == "" && !add {
		o.clear, o.values = true, nil
	} else {
		o.values = append(o.values, value)
	}
	o.add = add && !o.clear
}

// value is that of a key with one.
func (o *override) value() string {
	if len(o.values) == 0 {
		return ""
	}
	return o.values[len(o.values)-1]
}

// singular is the name of a key in its one form.
func singular(key string) string {
	switch key {
	case "args", "tags", "labels", "platforms", "annotations", "entitlements", "ulimits", "secrets", "extra-hosts", "resources":
		return strings.TrimSuffix(key, "s")
	}
	return key
}

// apply changes the target.
func (o *override) apply(t *Target) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("--set %s: %w", o.text, err)
		}
	}()
	if o.sub != "" {
		return o.applyPart(t)
	}
	for _, by := range []func(*Target) (bool, error){o.applyWord, o.applySwitch, o.applyList, o.applyEntries} {
		if done, err := by(t); done || err != nil {
			return err
		}
	}
	switch o.key {
	case "arg", "label", "contexts", "extra-host", "resource":
		return fmt.Errorf("it is TARGET.%s.NAME=VALUE", o.key)
	}
	return fmt.Errorf("a target has no %q that can be set", o.key)
}

// applyPart is apply for what has names of its own.
func (o *override) applyPart(t *Target) error {
	value := o.value()
	to := map[string]*map[string]string{"arg": &t.Args, "label": &t.Labels, "contexts": &t.Contexts, "extra-host": &t.ExtraHosts}[o.key]
	switch {
	case to != nil:
		*to = joined(*to, map[string]string{o.sub: value})
		return nil
	case o.key == "resource":
		resources := Resources{}
		if t.Resources != nil {
			resources = *t.Resources
		}
		t.Resources = &resources
		return resources.set(o.sub, value)
	case o.key == "secret":
		return o.applySecret(t, value)
	}
	return fmt.Errorf("%s has no keys of its own", o.key)
}

// applySecret says where a secret of the target comes from.
func (o *override) applySecret(t *Target, value string) error {
	i := slices.IndexFunc(t.Secrets, func(e Entry) bool { return e["id"] == o.sub })
	if i < 0 {
		return fmt.Errorf("the target has no secret %q", o.sub)
	}
	e, err := ParseEntry(SecretEntry, value)
	if err != nil {
		return err
	}
	if id := e["id"]; id != "" && id != o.sub {
		return fmt.Errorf("the id is %q, not %q", o.sub, id)
	}
	e["id"] = o.sub
	t.Secrets = slices.Clone(t.Secrets)
	t.Secrets[i] = e
	return nil
}

// applyWord is apply for keys with a single word.
func (o *override) applyWord(t *Target) (bool, error) {
	words := map[string]**string{
		"context": &t.Context, "dockerfile": &t.Dockerfile, "dockerfile-inline": &t.DockerfileInline, "target": &t.Target, "network": &t.Network,
		"shm-size": &t.ShmSize, "call": &t.Call,
	}
	word, ok := words[o.key]
	if ok {
		value := o.value()
		*word = &value
	}
	return ok, nil
}

// applySwitch is apply for keys that are true or false.
func (o *override) applySwitch(t *Target) (bool, error) {
	switch o.key {
	case "pull", "no-cache", "push", "load":
	default:
		return false, nil
	}
	on, err := strconv.ParseBool(o.value())
	if err != nil {
		return true, fmt.Errorf("%q is neither true nor false", o.value())
	}
	switch o.key {
	case "pull":
		t.Pull = &on
	case "no-cache":
		t.NoCache = &on
	case "push":
		t.push(on)
	case "load":
		t.load(on)
	}
	return true, nil
}

// applyList is apply for lists of words.
func (o *override) applyList(t *Target) (bool, error) {
	switch o.key {
	case "annotation", "entitlement": // these are added to unless they are cleared
		list := &t.Annotations
		if o.key == "entitlement" {
			list = &t.Entitlements
		}
		if o.clear {
			*list = nil
		}
		*list = slices.Concat(*list, o.values)
		return true, nil
	}
	list, ok := map[string]*[]string{"tag": &t.Tags, "platform": &t.Platforms, "no-cache-filter": &t.NoCacheFilter, "ulimit": &t.Ulimits}[o.key]
	if ok && o.add {
		*list = slices.Concat(*list, o.values)
	} else if ok {
		*list = slices.Clone(o.values)
	}
	return ok, nil
}

// applyEntries is apply for lists of entries.
func (o *override) applyEntries(t *Target) (bool, error) {
	lists := map[string]struct {
		kind string
		list *[]Entry
	}{
		"output": {OutputEntry, &t.Outputs}, "cache-from": {CacheEntry, &t.CacheFrom}, "cache-to": {CacheEntry, &t.CacheTo},
		"secret": {SecretEntry, &t.Secrets},
	}
	if to, ok := lists[o.key]; ok {
		return true, o.entriesInto(to.kind, to.list)
	}
	switch o.key {
	case "ssh":
		if !o.add {
			t.SSH = nil
		}
		for _, value := range o.values {
			t.SSH = append(slices.Clone(t.SSH), ParseAgent(value))
		}
	case "attest":
		return true, o.attest(t)
	case "policy":
		if !o.add {
			t.Policy = nil
		}
		for _, value := range o.values {
			p, err := ParsePolicy(value)
			if err != nil {
				return true, err
			}
			t.Policy = append(slices.Clone(t.Policy), p)
		}
	default:
		return false, nil
	}
	return true, nil
}

// attest adds to what is attested, unless that is cleared.
func (o *override) attest(t *Target) error {
	if o.clear {
		t.Attest = nil
	}
	for _, value := range o.values {
		e, err := ParseEntry(AttestEntry, value)
		if err != nil {
			return err
		}
		t.Attest = append(slices.Clone(t.Attest), Attestation(e))
	}
	return nil
}

func (o *override) entriesInto(kind string, list *[]Entry) error {
	var entries []Entry
	for _, value := range o.values {
		e, err := ParseEntry(kind, value)
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}
	if o.add {
		entries = slices.Concat(*list, entries)
	}
	*list = entries
	return nil
}

// push has images pushed, or not. A target that writes something else is left alone.
func (t *Target) push(on bool) {
	var outputs []Entry
	other := false
	for _, e := range t.Outputs {
		switch {
		case e["type"] == "registry" && !on:
			continue
		case e["type"] == "image":
			e = joined(e, map[string]string{"push": strconv.FormatBool(on)})
		}
		other = other || e["type"] != "docker"
		outputs = append(outputs, e)
	}
	if on && !other {
		outputs = append(outputs, Entry{"type": "image", "push": "true"})
	}
	t.Outputs = outputs
}

// load leaves images in the store. A target that writes something else is left alone.
func (t *Target) load(on bool) {
	for _, e := range t.Outputs {
		switch e["type"] {
		case "docker":
			on = on && e["dest"] != ""
		case "image", "registry", "oci":
		default:
			on = false
		}
	}
	if on {
		t.Outputs = append(slices.Clone(t.Outputs), Entry{"type": "docker"})
	}
}
