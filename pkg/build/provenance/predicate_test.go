package provenance

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pod-engine/pod/pkg/build/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

// secretValue is what no rendering may have.
const secretValue = "hunter2"

// sample is a build that has everything: two stages, a secret, an agent, a cache, what was fetched.
func sample() Build {
	amd64 := plan.Platform{OS: "linux", Arch: "amd64"}
	first := 0
	p := &plan.Plan{Stages: []plan.Stage{
		{Name: "build", Base: plan.Source{Image: "golang@linux/amd64"}, Platform: amd64, Steps: []plan.Step{
			{Line: 2, EndLine: 2, Text: "ENV A=1"},
			{Line: 3, EndLine: 3, Text: "WORKDIR /src", Mkdir: &plan.Mkdir{Path: "/src"}},
			{Line: 4, EndLine: 4, Text: "COPY . .", Copy: &plan.Copy{From: plan.Source{Context: plan.MainContext}, Paths: []string{"."}, Dest: "/src/"}},
			{Line: 5, EndLine: 7, Text: "RUN go build", Run: &plan.Run{
				Args: []string{"/bin/sh", "-c", "go build"}, Env: []string{"A=1", "TOKEN_FILE=/run/secrets/token"}, Workdir: "/src", User: "app", Network: "none",
				Mounts: []plan.Mount{
					{Type: plan.MountSecret, ID: "token", Target: "/run/secrets/token", Required: true},
					{Type: plan.MountSSH, ID: "default", Target: "/run/buildkit/ssh_agent.0"},
					{Type: plan.MountCache, ID: "/root/.cache", Target: "/root/.cache"},
					{Type: plan.MountBind, From: &plan.Source{Image: "golang@linux/amd64"}, Source: "/usr", Target: "/mnt", ReadOnly: true},
				},
			}},
			{Line: 8, EndLine: 8, Text: "ADD https://example.com/a.tar /", Copy: &plan.Copy{Add: true, From: plan.Source{Context: plan.MainContext}, URLs: []string{"https://u:" + secretValue + "@example.com/a.tar"}, Dest: "/"}},
		}},
		{Index: 1, Base: plan.Source{}, Platform: amd64, Steps: []plan.Step{
			{Line: 10, EndLine: 10, Text: "COPY --from=build /src/app /app", Copy: &plan.Copy{From: plan.Source{Stage: &first}, Paths: []string{"src/app"}, Dest: "/app", Chmod: "755"}},
			{Line: 11, EndLine: 13, Text: "COPY <<EOF /conf", Copy: &plan.Copy{Files: []plan.File{{Path: "EOF", Data: "a\n"}}, Dest: "/conf"}},
		}},
	}}
	b := Build{
		Config:    ConfigSource{URI: "https://example.com/app.git#main", Digest: DigestSet{"sha1": "4b220de5058abfd01ff619c9d2ff6b09a049bea0"}, Path: "Dockerfile"},
		Arguments: map[string]string{"build-arg:VERSION": "1.2", "label:team": "web", "target": "app"},
		Secrets:   []Input{{ID: "token"}, {ID: "more", Optional: true}, {ID: "token", Optional: true}}, SSH: []Input{{ID: "default", Optional: true}},
		Materials: []Material{
			{"pkg:docker/golang@latest?platform=linux%2Famd64", DigestSet{"sha256": strings.Repeat("a", 64)}},
			{"https://example.com/app.git#main", DigestSet{"sha1": "4b220de5058abfd01ff619c9d2ff6b09a049bea0"}},
			{"https://example.com/app.git#main", DigestSet{"sha1": "4b220de5058abfd01ff619c9d2ff6b09a049bea0"}},
			{"https://example.com/a.tar", DigestSet{"sha256": strings.Repeat("b", 64)}},
		},
		VCS:           map[string]string{"revision": "4b220de5058abfd01ff619c9d2ff6b09a049bea0"},
		BuildPlatform: amd64, TargetPlatform: amd64, Dockerfile: []byte("FROM golang AS build\n"), Builder: "1.0",
		Invocation: "rpv7a389uzil5lqmrgwhijwjz", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Finished: time.Date(2026, 1, 2, 3, 4, 6, 500, time.UTC),
	}
	var layered map[string]string
	b.Steps, b.Lines, layered = Describe(p, func(from plan.Source) string {
		if from.Context != "" {
			return "https://example.com/app.git#main"
		}
		return "docker-image://docker.io/library/golang:latest@sha256:" + strings.Repeat("a", 64)
	})
	b.Layers = map[string][]specs.Descriptor{layered["0.1"]: {{MediaType: specs.MediaTypeImageLayer, Digest: digest.FromString("layer"), Size: 5}}}
	return b
}

func TestPredicates(t *testing.T) {
	for name, o := range map[string]Options{
		"max-v1":  {Mode: Max, Version: V1, BuilderID: "https://ci.example/1"},
		"max-v02": {Mode: Max, Version: V02, Reproducible: true},
		"min-v1":  {Mode: Min, Version: V1},
		"min-v02": {Mode: Min, Version: V02},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := sample().Predicate(o)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.MarshalIndent(p.Body, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, '\n')
			if want := "https://slsa.dev/provenance/" + string(o.Version); p.Type != want {
				t.Errorf("the type is %s, not %s", p.Type, want)
			}
			if bytes.Contains(text, []byte(secretValue)) {
				t.Error("it tells a password")
			}
			if o.Mode == Min {
				for _, secret := range []string{"1.2", "web", "token", "go build", "FROM golang", "TOKEN_FILE", "build-arg", "label:"} {
					if bytes.Contains(text, []byte(secret)) {
						t.Errorf("the mode min tells %q", secret)
					}
				}
			}
			golden := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(golden, text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(text, want) {
				t.Errorf("it is not what %s has; -update writes it anew:\n%s", golden, text)
			}
		})
	}
}

func TestLocalDirectoriesMakeItIncomplete(t *testing.T) {
	b := sample()
	b.Locals, b.Network = []string{"context", "dockerfile"}, true
	p, err := b.Predicate(Options{Mode: Max, Version: V1})
	if err != nil {
		t.Fatal(err)
	}
	v := p.Body.(predicateV1)
	if m := v.Run.Metadata; m.Hermetic || m.Completeness.Dependencies || !m.Completeness.Request {
		t.Errorf("it says %+v", m)
	}
	if _, err := b.Predicate(Options{Complete: true}); err == nil || !strings.Contains(err.Error(), "context, dockerfile") {
		t.Errorf("complete-materials gives %v", err)
	}
	if m := sample(); len(m.Locals) > 0 {
		t.Fatal("the sample has local directories")
	}
	if p, err := sample().Predicate(Options{Mode: Min, Version: V1, Complete: true}); err != nil || !p.Body.(predicateV1).Run.Metadata.Hermetic {
		t.Errorf("without any it is %+v, %v", p, err)
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		key, value, problem string
	}{
		{"mode", "min", ""},
		{"mode", "full", ""},
		{"mode", "some", "min or max"},
		{"version", "v0.2", ""},
		{"version", "v2", "v1 or v0.2"},
		{"builder-id", "https://ci.example", ""},
		{"filename", "p.json", ""},
		{"filename", "../p.json", "without directories"},
		{"reproducible", "true", ""},
		{"reproducible", "maybe", "true or false"},
		{"inline-only", "1", ""},
		{"complete-materials", "false", ""},
		{"capture-usage", "false", ""},
		{"capture-usage", "true", "not measured"},
		{"colour", "red", "no such key"},
	} {
		_, err := Parse(map[string]string{c.key: c.value})
		if c.problem == "" && err != nil || c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)) {
			t.Errorf("%s=%s: %v", c.key, c.value, err)
		}
	}
	if o, err := Parse(nil); err != nil || o != Default() {
		t.Errorf("nothing is %+v, %v", o, err)
	}
}
