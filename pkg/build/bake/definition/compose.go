package definition

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/pod-engine/pod/pkg/build/bake"
)

// isCompose says that a file is compose's: by its name, or when that says nothing, by being one.
func isCompose(file bake.File, environment map[string]string) bool {
	switch strings.ToLower(filepath.Ext(file.Name)) {
	case ".yml", ".yaml":
		return true
	case ".json", ".hcl":
		return false
	}
	_, err := loadCompose([]bake.File{file}, environment)
	return err == nil
}

// composeEnvironment are the variables that compose files can use: those given, the caller's, and those of the file .env here.
func composeEnvironment(vars map[string]string) (map[string]string, error) {
	out := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		out[name] = value
	}
	text, err := os.ReadFile(".env")
	if err == nil {
		var more map[string]string
		more, err = dotenv.UnmarshalBytesWithLookup(text, func(name string) (string, bool) { value, ok := out[name]; return value, ok })
		for name, value := range more {
			if _, ok := out[name]; !ok {
				out[name] = value
			}
		}
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read .env: %w", err)
	}
	maps.Copy(out, vars)
	return out, nil
}

// loadCompose reads files of compose together. What is not about builds is left out before it is checked, so that newer files can be read.
func loadCompose(files []bake.File, environment map[string]string) (*types.Project, error) {
	details := types.ConfigDetails{Environment: environment}
	for _, f := range files {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: f.Name, Content: f.Data})
	}
	options := func(o *loader.Options) {
		name := environment["COMPOSE_PROJECT_NAME"]
		if name == "" {
			name = "bake"
		}
		o.SetProjectName(name, false)
		o.SkipNormalization, o.SkipValidation, o.Profiles = true, true, []string{"*"}
	}
	model, err := loader.LoadModelWithContext(context.Background(), details, options)
	if err != nil {
		return nil, err
	}
	about := map[string]any{}
	if secrets, ok := model["secrets"]; ok {
		about["secrets"] = secrets
	}
	if services, ok := model["services"].(map[string]any); ok {
		kept := map[string]any{}
		for name, service := range services {
			fields, _ := service.(map[string]any)
			kept[name] = only(fields, "image", "build", "environment", "env_file")
		}
		about["services"] = kept
	}
	if len(about) == 0 {
		return nil, errors.New("there is neither a service nor a secret in it")
	}
	if err := schema.Validate(about); err != nil {
		return nil, err
	}
	return loader.ModelToProject(about, loader.ToOptions(&details, []func(*loader.Options){options}), details)
}

func only(fields map[string]any, names ...string) map[string]any {
	out := map[string]any{}
	for _, name := range names {
		if value, ok := fields[name]; ok {
			out[name] = value
		}
	}
	return out
}

// readCompose makes a target of each service that is built, and a group "default" of all.
func readCompose(files []bake.File, environment map[string]string) (bake.Config, error) {
	project, err := loadCompose(files, environment)
	if err != nil {
		return bake.Config{}, err
	}
	var out bake.Config
	all := bake.Group{Name: "default"}
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		service := project.Services[name]
		if service.Build == nil {
			continue
		}
		t, err := composeTarget(service, project)
		if err == nil {
			err = checkName(t.Name)
		}
		if err != nil {
			return out, fmt.Errorf("service %s: %w", name, err)
		}
		out.Targets = append(out.Targets, t)
		all.Targets = append(all.Targets, t.Name)
	}
	if len(project.Services) > 0 {
		out.Groups = []bake.Group{all}
	}
	return out, nil
}

// composeTarget is the target of a service (compose-spec, build.md). Docker's bake passes over privileged, isolation and entitlements.
func composeTarget(s types.ServiceConfig, project *types.Project) (bake.Target, error) {
	b := s.Build
	t := bake.Target{
		Name: bake.TargetName(s.Name), Tags: b.Tags, Platforms: b.Platforms, Labels: b.Labels, Entitlements: b.Entitlements,
		Args: map[string]string{}, Contexts: composeContexts(b.AdditionalContexts), ExtraHosts: map[string]string{},
	}
	for from, to := range map[*string]**string{
		&b.Context: &t.Context, &b.Dockerfile: &t.Dockerfile, &b.DockerfileInline: &t.DockerfileInline, &b.Target: &t.Target, &b.Network: &t.Network,
	} {
		if *from != "" {
			*to = from
		}
	}
	if b.Privileged {
		t.Entitlements = append(t.Entitlements, "security.insecure")
	}
	if b.ShmSize > 0 {
		size := shortSize(int64(b.ShmSize))
		t.ShmSize = &size
	}
	if b.NoCache {
		t.NoCache = &b.NoCache
	}
	if b.Pull {
		t.Pull = &b.Pull
	}
	composePairs(&t, s, project)
	if err := composeEntries(&t, b, project); err != nil {
		return t, err
	}
	if err := extend(&t, b.Extensions); err != nil {
		return t, fmt.Errorf("x-bake: %w", err)
	}
	if len(t.Tags) == 0 && s.Image != "" {
		t.Tags = []string{s.Image}
	}
	return t, nil
}

// composePairs reads hosts, limits, and arguments, of which one without a value has that of the service's environment.
func composePairs(t *bake.Target, s types.ServiceConfig, project *types.Project) {
	for host, addresses := range s.Build.ExtraHosts {
		t.ExtraHosts[host] = strings.Join(addresses, ",")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Build.Ulimits)) {
		t.Ulimits = append(t.Ulimits, ulimit(name, s.Build.Ulimits[name]))
	}
	for name, value := range s.Build.Args.Resolve(func(name string) (string, bool) {
		if value := s.Environment[name]; value != nil {
			return *value, true
		}
		value, ok := project.Environment[name]
		return value, ok
	}) {
		if value != nil {
			t.Args[name] = *value
		}
	}
}

func ulimit(name string, limit *types.UlimitsConfig) string {
	return fmt.Sprintf("%s=%d:%d", name, limit.Soft, limit.Hard)
}

// shortSize writes a number of bytes as docker writes it.
func shortSize(n int64) string {
	size, unit := float64(n), 0
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for ; size >= 1024 && unit < len(units)-1; unit++ {
		size /= 1024
	}
	return fmt.Sprintf("%.4g%s", size, units[unit])
}

// composeContexts are contexts, those of other services as links.
func composeContexts(of map[string]string) map[string]string {
	out := map[string]string{}
	for name, value := range of {
		for _, prefix := range []string{"service:", "target:"} {
			if service, ok := strings.CutPrefix(value, prefix); ok {
				value = "target:" + bake.TargetName(service)
			}
		}
		out[name] = value
	}
	return out
}

// composeEntries reads caches, agents, secrets and attestations.
func composeEntries(t *bake.Target, b *types.BuildConfig, project *types.Project) (err error) {
	if t.CacheFrom, err = parseEntries(bake.CacheEntry, b.CacheFrom); err != nil {
		return err
	}
	if t.CacheTo, err = parseEntries(bake.CacheEntry, b.CacheTo); err != nil {
		return err
	}
	for _, key := range b.SSH {
		agent := bake.Agent{ID: key.ID}
		if key.Path != "" {
			agent.Paths = []string{key.Path}
		}
		t.SSH = append(t.SSH, agent)
	}
	sortAgents(t.SSH)
	for _, of := range b.Secrets {
		secret := project.Secrets[of.Source]
		if secret.External {
			return fmt.Errorf("the secret %q is external, and there is no store of secrets", of.Source)
		}
		e := bake.Entry{"id": of.Source}
		if secret.File != "" {
			e["src"] = secret.File
		}
		if secret.Environment != "" {
			e["env"] = secret.Environment
		}
		t.Secrets = append(t.Secrets, e)
	}
	for kind, value := range map[string]string{"sbom": b.SBOM, "provenance": b.Provenance} {
		if value == "" {
			continue
		}
		e, err := bake.ParseEntry(bake.AttestEntry, bake.ShortAttestation(kind, value))
		if err != nil {
			return err
		}
		t.Attest = append(t.Attest, bake.Attestation(e))
	}
	slices.SortFunc(t.Attest, func(x, y bake.Attestation) int { return -strings.Compare(x["type"], y["type"]) })
	return nil
}

func sortAgents(agents []bake.Agent) {
	slices.SortFunc(agents, func(x, y bake.Agent) int { return strings.Compare(x.String(), y.String()) })
}

func parseEntries(kind string, words []string) ([]bake.Entry, error) {
	var out []bake.Entry
	for _, word := range words {
		if word == "" {
			continue
		}
		e, err := bake.ParseEntry(kind, word)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}
