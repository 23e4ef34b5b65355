package definition

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/build/bake"
)

// choose reads files "NAME\nTEXT" and gives the plan as JSON.
func choose(t *testing.T, names, set []string, vars map[string]string, files ...string) (string, error) {
	t.Helper()
	req := bake.Request{Vars: vars, Defaults: map[string]string{"BAKE_LOCAL_PLATFORM": "linux/amd64", "BAKE_CMD_CONTEXT": "."}}
	for _, file := range files {
		name, text, _ := strings.Cut(file, "\n")
		req.Files = append(req.Files, bake.File{Name: name, Data: []byte(text)})
	}
	config, err := Read(req)
	if err != nil {
		return "", err
	}
	// As it travels.
	raw, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	var arrived bake.Config
	if err := json.Unmarshal(raw, &arrived); err != nil {
		t.Fatal(err)
	}
	plan, err := arrived.Choose(names, set)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(plan.Targets)
	return string(text), err
}

const basic = `docker-bake.hcl
variable "TAG" { default = "dev" }
variable "BOTH" { default = ["linux/amd64", "linux/arm64"] }
function "image" {
  params = [name]
  result = "registry/${name}:${TAG}"
}
group "default" { targets = ["app", "tools"] }
target "base" {
  args = { GO = "1.26", UNSET = null }
  labels = { made = upper("here") }
  tags = ["never"]
  cache-from = ["type=registry,ref=registry/cache"]
}
target "app" {
  inherits = ["base"]
  dockerfile = "deploy/Dockerfile"
  args = { V = TAG, GO = "2" }
  tags = [image("app"), "app:latest"]
  platforms = BOTH
  output = [{ type = "image", push = true }]
  cache-from = ["registry/other"]
}
target "tools" {
  context = "tools"
  contexts = { app = "target:app" }
  secret = ["id=token,src=/t", { id = "env", env = "TOKEN" }]
  ssh = ["default", "key=/a"]
  no-cache = true
}`

func TestRead(t *testing.T) {
	const app = `{"context":".","dockerfile":"deploy/Dockerfile","args":{"GO":"2","V":"dev"},"labels":{"made":"HERE"},"tags":["registry/app:dev","app:latest"],` +
		`"cache-from":[{"ref":"registry/cache","type":"registry"},{"ref":"registry/other","type":"registry"}],"platforms":["linux/amd64","linux/arm64"],"output":[{"push":"true","type":"image"}]}`
	const tools = `{"context":"tools","contexts":{"app":"target:app"},"dockerfile":"Dockerfile","secret":[{"id":"token","src":"/t"},{"env":"TOKEN","id":"env"}],` +
		`"ssh":[{"id":"default"},{"id":"key","paths":["/a"]}],"no-cache":true}`
	for _, tt := range []struct {
		name       string
		names, set []string
		vars       map[string]string
		files      []string
		want       string
	}{
		{"all", nil, nil, nil, []string{basic}, `{"app":` + app + `,"tools":` + tools + `}`},
		{
			"a link brings its target",
			[]string{"tools"},
			nil, nil,
			[]string{basic},
			`{"app":` + strings.NewReplacer(`{"push":"true","type":"image"}`, `{"type":"cacheonly"}`).Replace(app) + `,"tools":` + tools + `}`,
		},
		{"variable", []string{"app"}, nil, map[string]string{"TAG": "1"}, []string{basic}, `{"app":` + strings.NewReplacer("dev", "1").Replace(app) + `}`},
		{
			"override file",
			[]string{"app"},
			nil, nil,
			[]string{basic, "o.hcl\ntarget \"app\" {\n args = { V = \"x\" }\n platforms = []\n}"},
			`{"app":` + strings.NewReplacer(`"V":"dev"`, `"V":"x"`, `"platforms":["linux/amd64","linux/arm64"],`, ``).Replace(app) + `}`,
		},
		{
			"set",
			[]string{"app"},
			[]string{"app.tags=a", "*.tag+=b", "app.args.GO=3", "app.output=", "*.platform=linux/s390x"},
			nil,
			[]string{basic},
			`{"app":` + strings.NewReplacer(`["registry/app:dev","app:latest"]`, `["registry/app:dev","app:latest","a","b"]`, `"GO":"2"`, `"GO":"3"`, `,"output":[{"push":"true","type":"image"}]`, ``,
				`["linux/amd64","linux/arm64"]`, `["linux/s390x"]`).Replace(app) + `}`,
		},
		{
			"JSON", nil, nil, nil,
			[]string{`x.json
{"variable":{"A":{"default":"b"}},"target":{"default":{"dockerfile-inline":"FROM ${A}","args":{"X":"${A}"}}}}`},
			`{"default":{"context":".","dockerfile":"Dockerfile","dockerfile-inline":"FROM b","args":{"X":"b"}}}`,
		},
		{"matrix", []string{"all"}, nil, nil, []string{`x.hcl
target "all" {
  name = "t-${replace(v, ".", "-")}"
  matrix = { v = ["1.0", "2.0"] }
  args = { V = v }
}`}, `{"t-1-0":{"context":".","dockerfile":"Dockerfile","args":{"V":"1.0"}},"t-2-0":{"context":".","dockerfile":"Dockerfile","args":{"V":"2.0"}}}`},
		{"another target's values", []string{"b"}, nil, nil, []string{`x.hcl
target "a" { tags = ["one"] }
target "b" { tags = concat(target.a.tags, ["two"]) }`}, `{"b":{"context":".","dockerfile":"Dockerfile","tags":["one","two"]}}`},
		{
			"compose", nil, nil,
			map[string]string{"V": "7"},
			[]string{`compose.yaml
services:
  web.app:
    image: web:${V:-1}
    build:
      context: ./web
      args: [V, "A=${NONE-d}$$"]
      additional_contexts: {lib: "service:lib"}
      secrets: [token]
      cache_from: [registry/cache]
  lib: {build: lib}
  db: {image: db}
secrets: {token: {environment: TOKEN}}`},
			`{"lib":{"context":"lib","dockerfile":"Dockerfile"},"web_app":{"context":"web","contexts":{"lib":"target:lib"},"dockerfile":"Dockerfile","args":{"A":"d$","V":"7"},` +
				`"tags":["web:7"],"cache-from":[{"ref":"registry/cache","type":"registry"}],"secret":[{"env":"TOKEN","id":"token"}]}}`,
		},
		{"a group in itself", []string{"g"}, nil, nil, []string{"x.hcl\ngroup \"g\" { targets = [\"g\", \"a\"] }\ntarget \"a\" {}"}, `{"a":{"context":".","dockerfile":"Dockerfile"}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := choose(t, tt.names, tt.set, tt.vars, tt.files...)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("it is\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct{ name, text, set, want string }{
		{"syntax", "x.hcl\ntarget \"a\" {\n  tags = [\n", "", "x.hcl:3: "},
		{"attribute", "x.hcl\ntarget \"default\" {\n  tagz = []\n}", "", `x.hcl:2: a target has no "tagz"`},
		{"variable", "x.hcl\ntarget \"default\" {\n  tags = [NOWHERE]\n}", "", "x.hcl:2: "},
		{"no target", "x.hcl\ntarget \"a\" {}", "", `there is no target "default"; there are a`},
		{"itself", "x.hcl\ntarget \"default\" { inherits = [\"default\"] }", "", "inherits from itself"},
		{"circle", "x.hcl\ntarget \"default\" { contexts = { a = \"target:a\" } }\ntarget \"a\" { contexts = { b = \"target:default\" } }", "", "go round in a circle"},
		{"name", "x.hcl\ntarget \"a b\" {}", "", "letters, digits"},
		{"set without value", "x.hcl\ntarget \"default\" {}", "default.tags", "it is TARGET.KEY=VALUE"},
		{"set of nothing", "x.hcl\ntarget \"default\" {}", "default.colour=red", `has no "colour"`},
		{"set of nobody", "x.hcl\ntarget \"default\" {}", "x*.tag=a", `no target is like "x*"`},
		{"set of no switch", "x.hcl\ntarget \"default\" {}", "*.no-cache=perhaps", "neither true nor false"},
		{"YAML", "c.yaml\nservices: [", "", "c.yaml: "},
		{"compose variable", "c.yaml\nservices: {a: {build: \"${X:?give it}\"}}", "", "required variable X is missing a value: give it"},
		{"compose secret", "c.yaml\nservices: {a: {build: {context: ., secrets: [s]}}}", "", `undefined build secret s`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var set []string
			if tt.set != "" {
				set = []string{tt.set}
			}
			got, err := choose(t, nil, set, nil, tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("it is %s, the error %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	yes, target := true, "stage"
	got := strings.Join(bake.Target{
		Args: map[string]string{"B": "2", "A": "1"}, Tags: []string{"a", "b"}, Target: &target, Pull: &yes,
		Outputs: []bake.Entry{{"dest": "x,y", "type": "local"}}, SSH: []bake.Agent{{ID: "default"}, {ID: "k", Paths: []string{"/s"}}},
		Secrets: []bake.Entry{{"id": "t", "src": "/f"}}, ExtraHosts: map[string]string{"h": "1.2.3.4"},
	}.Flags(), " ")
	const want = `--build-arg=A=1 --build-arg=B=2 --add-host=h:1.2.3.4 --tag=a --tag=b --output=type=local,"dest=x,y" --secret=id=t,src=/f --ssh=default --ssh=k=/s --target=stage --pull=true`
	if got != want {
		t.Errorf("the flags are\n%s\nwant\n%s", got, want)
	}
}

// TestSecretsHaveOneForm writes where a secret comes from in all ways: what has to be allowed is found in all of them.
func TestSecretsHaveOneForm(t *testing.T) {
	for text, want := range map[string]string{
		`["id=a,src=/s"]`:                          `{"id":"a","src":"/s"}`,
		`["id=a,source=/s"]`:                       `{"id":"a","src":"/s"}`,
		`["type=file,id=a,SRC=/s"]`:                `{"id":"a","src":"/s"}`,
		`[{ id = "a", src = "/s" }]`:               `{"id":"a","src":"/s"}`,
		`[{ id = "a", source = "/s" }]`:            `{"id":"a","src":"/s"}`,
		`[{ id = "a", Source = "/s" }]`:            `{"id":"a","src":"/s"}`,
		`[{ type = "env", id = "a", src = "B" }]`:  `{"env":"B","id":"a"}`,
		`[{ type = "file", id = "a", src = "B" }]`: `{"id":"a","src":"B"}`,
	} {
		got, err := choose(t, []string{"t"}, nil, nil, "docker-bake.hcl\ntarget \"t\" { secret = "+text+" }")
		if err != nil || !strings.Contains(got, `"secret":[`+want+`]`) {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{`output = [{ dest = "/o" }]`, `cache-from = [{ ref = "r" }]`} {
		if got, err := choose(t, []string{"t"}, nil, nil, "docker-bake.hcl\ntarget \"t\" { "+text+" }"); err == nil || !strings.Contains(err.Error(), "has no type") {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}
