package trust

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Rule is one demand on the images of a scope, as image trust show prints it.
type Rule struct {
	Transport string `json:"transport"`
	Name      string `json:"name"`
	RepoName  string `json:"repo_name,omitempty"`
	Keys      string `json:"gpg_id,omitempty"` // whose keys, or their files
	Store     string `json:"sigstore,omitempty"`
	Type      string `json:"type"`
}

// Rules lists the policy; only those for name unless that is empty. Dirs are those of registries.d(5).
func (p Policy) Rules(ctx context.Context, name string, dirs []string) ([]Rule, error) {
	stores, err := readStores(dirs)
	if err != nil {
		return nil, err
	}
	var all []Rule
	add := func(transport, scope string, demands []json.RawMessage) error {
		for _, raw := range demands {
			var r Requirement
			if err := json.Unmarshal(raw, &r); err != nil {
				return fmt.Errorf("read the rule for %q: %w", scope, err)
			}
			rule := Rule{Transport: transport, Name: scope, RepoName: scope, Type: word(r.Type), Keys: owners(ctx, r)}
			if scope == Default {
				rule.Name = "* (default)"
			}
			if rule.Type == "signed" || rule.Type == "sigstoreSigned" {
				rule.Store = stores.of(scope)
			}
			all = append(all, rule)
		}
		return nil
	}
	err = add("all", Default, p.Default)
	var transports []string
	for transport := range p.Transports {
		transports = append(transports, transport)
	}
	slices.Sort(transports)
	for _, transport := range transports {
		for _, scope := range scopes(p.Transports[transport]) {
			if err == nil {
				err = add(shown(transport), cmp.Or(scope, "* (default)"), p.Transports[transport][scope])
			}
		}
	}
	if name != "" {
		all = slices.DeleteFunc(all, func(r Rule) bool { return r.RepoName != name })
	}
	return all, err
}

// shown is what podman calls a transport here.
func shown(transport string) string {
	if transport == "docker" {
		return "repository"
	}
	return transport
}

// word is what image trust calls a type of policy.json.
func word(kind string) string {
	switch kind {
	case "insecureAcceptAnything":
		return "accept"
	case "signedBy":
		return "signed"
	}
	return kind
}

// owners names whose keys a rule trusts: by their addresses where gpg(1) can read them, else by their files.
func owners(ctx context.Context, r Requirement) string {
	files := r.KeyPaths
	if r.KeyPath != "" {
		files = append(files, r.KeyPath)
	}
	if r.KeyData != "" {
		files = append(files, "key in the policy")
	}
	var all []string
	for _, file := range files {
		ids := []string{filepath.Base(file)}
		if r.Type == "signedBy" {
			if found := addresses(ctx, file); len(found) > 0 {
				ids = found
			}
		}
		all = append(all, ids...)
	}
	return strings.Join(all, ", ")
}

func addresses(ctx context.Context, file string) []string {
	out, err := exec.CommandContext(ctx, "gpg", "--batch", "--with-colons", "--show-keys", file).Output()
	if err != nil {
		return nil
	}
	var found []string
	for line := range bytes.Lines(out) {
		fields := strings.Split(string(line), ":")
		if fields[0] != "uid" || len(fields) < 10 {
			continue
		}
		id := fields[9]
		if _, mail, ok := strings.Cut(id, "<"); ok {
			id = strings.TrimSuffix(mail, ">")
		}
		found = append(found, id)
	}
	return found
}

// RegistriesDirs are the directories of registries.d(5), of which the first that exists counts. getenv is os.Getenv.
func RegistriesDirs(getenv func(string) string) []string {
	var dirs []string
	for _, path := range Paths(getenv) {
		dirs = append(dirs, filepath.Join(filepath.Dir(path), "registries.d"))
	}
	return dirs
}

// stores are the places of signatures by scope; "" is the default.
type stores map[string]string

// of is the place for a scope: its own, else that of the nearest part above it.
func (s stores) of(scope string) string {
	for scope != "" {
		if at, ok := s[scope]; ok {
			return at
		}
		i := strings.LastIndexByte(scope, '/')
		scope = scope[:max(i, 0)]
	}
	return s[""]
}

func readStores(dirs []string) (stores, error) {
	type place struct {
		Lookaside string `yaml:"lookaside"`
		Sigstore  string `yaml:"sigstore"` // its older name
	}
	all := stores{}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
		if err != nil || len(files) == 0 {
			continue
		}
		for _, file := range files {
			var conf struct {
				Default place            `yaml:"default-docker"`
				Docker  map[string]place `yaml:"docker"`
			}
			text, err := os.ReadFile(file)
			if err == nil {
				err = yaml.Unmarshal(text, &conf)
			}
			if err != nil {
				return nil, fmt.Errorf("read %q: %w", file, err)
			}
			if at := cmp.Or(conf.Default.Lookaside, conf.Default.Sigstore); at != "" {
				all[""] = at
			}
			for scope, p := range conf.Docker {
				all[scope] = cmp.Or(p.Lookaside, p.Sigstore)
			}
		}
		break
	}
	return all, nil
}
