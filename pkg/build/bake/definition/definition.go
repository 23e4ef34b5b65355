// Package definition reads files of targets: HCL and JSON with the parser of docker buildx, so that variables, functions and matrices mean
// what they mean there, and the build parts of compose files. It is linked by pod-bake only.
package definition

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/buildx/bake/hclparser"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/pod-engine/pod/pkg/build/bake"
)

// Read gives all that the files define. What a later file says of a target goes over what an earlier one says.
func Read(req bake.Request) (bake.Config, error) {
	lookup := func(name string) (string, bool) {
		if value, ok := req.Vars[name]; ok {
			return value, true
		}
		return os.LookupEnv(name)
	}
	environment, err := composeEnvironment(req.Vars)
	if err != nil {
		return bake.Config{}, err
	}
	var composes []bake.File
	var parsed []*hcl.File
	for _, file := range req.Files {
		if isCompose(file, environment) {
			composes = append(composes, file)
			continue
		}
		f, diagnostics := parse(file)
		if diagnostics.HasErrors() {
			return bake.Config{}, explain(diagnostics)
		}
		if err := checkAttributes(f.Body); err != nil {
			return bake.Config{}, err
		}
		parsed = append(parsed, f)
	}
	var config bake.Config
	if len(composes) > 0 {
		if config, err = readCompose(composes, environment); err != nil {
			return config, fmt.Errorf("%s: %w", composes[0].Name, err)
		}
	}
	if len(parsed) == 0 {
		return config, nil
	}
	read, err := evaluate(parsed, req.Defaults, lookup)
	return merge(config, read), err
}

// evaluate gives what files of HCL and JSON define together.
func evaluate(parsed []*hcl.File, defaults map[string]string, lookup func(string) (string, bool)) (bake.Config, error) {
	var written file
	meta, diagnostics := hclparser.Parse(hclparser.MergeFiles(parsed), hclparser.Opt{LookupVar: lookup, Vars: defaults, ValidateLabel: checkName}, &written)
	if diagnostics.HasErrors() {
		return bake.Config{}, explain(diagnostics)
	}
	read, err := written.config()
	if err != nil {
		return read, err
	}
	for _, renamed := range meta.Renamed {
		// A matrix: the name of the block stands for all that it makes.
		for name, made := range renamed {
			made = slices.Compact(made)
			if len(made) != 1 || made[0] != name {
				read.Groups = append(read.Groups, bake.Group{Name: name, Targets: made})
			}
		}
	}
	for _, v := range meta.AllVariables {
		read.Variables = append(read.Variables, bake.Variable{Name: v.Name, Description: v.Description, Type: v.Type, Value: v.Value})
	}
	return read, nil
}

// parse reads a file by its name, or when that says nothing, by what it is.
func parse(file bake.File) (*hcl.File, hcl.Diagnostics) {
	p := hclparse.NewParser()
	switch filepath.Ext(file.Name) {
	case ".json":
		return p.ParseJSON(file.Data, file.Name)
	case ".hcl":
		return p.ParseHCL(file.Data, file.Name)
	}
	if strings.HasPrefix(strings.TrimSpace(string(file.Data)), "{") {
		return p.ParseJSON(file.Data, file.Name)
	}
	return p.ParseHCL(file.Data, file.Name)
}

// checkAttributes finds attributes of targets and groups that there are not, which hclparser passes over.
func checkAttributes(body hcl.Body) error {
	content, _, diagnostics := body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
		{Type: "target", LabelNames: []string{"name"}}, {Type: "group", LabelNames: []string{"name"}},
	}})
	if diagnostics.HasErrors() {
		return explain(diagnostics)
	}
	for _, block := range content.Blocks {
		known := []string{"name", "matrix", "description", "targets"}
		if block.Type == "target" {
			known = append(known, attributes(target{})...)
		}
		written, _ := block.Body.JustAttributes() // of what else is there, hclparser complains
		for name, attribute := range written {
			if !slices.Contains(known, name) {
				return fmt.Errorf("%s:%d: a %s has no %q", attribute.NameRange.Filename, attribute.NameRange.Start.Line, block.Type, name)
			}
		}
	}
	return nil
}

// attributes are the names that the fields of a struct have in HCL.
func attributes(of any) []string {
	var names []string
	for field := range reflect.TypeOf(of).Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("hcl"), ",")
		names = append(names, name)
	}
	return names
}

// explain makes one sentence of the first mistake.
func explain(diagnostics hcl.Diagnostics) error {
	for _, d := range diagnostics {
		if d.Severity != hcl.DiagError {
			continue
		}
		text := strings.TrimSuffix(d.Summary, ".")
		if d.Detail != "" {
			text += ": " + strings.TrimSuffix(d.Detail, ".")
		}
		if d.Subject != nil {
			text = fmt.Sprintf("%s:%d: %s", d.Subject.Filename, d.Subject.Start.Line, text)
		}
		return errors.New(text)
	}
	return diagnostics
}

func checkName(name string) error {
	if !regexp.MustCompile(`^[a-zA-Z0-9_-]+$`).MatchString(name) {
		return fmt.Errorf("%q: a name has letters, digits, _ and - only", name)
	}
	return nil
}

// merge puts b over a.
func merge(a, b bake.Config) bake.Config {
	out := bake.Config{Variables: append(a.Variables, b.Variables...)}
	groups, targets := map[string]int{}, map[string]int{}
	for _, g := range append(a.Groups, b.Groups...) {
		if i, ok := groups[g.Name]; ok {
			out.Groups[i] = g
			continue
		}
		groups[g.Name] = len(out.Groups)
		out.Groups = append(out.Groups, g)
	}
	for _, t := range append(a.Targets, b.Targets...) {
		i, ok := targets[t.Name]
		if !ok {
			targets[t.Name] = len(out.Targets)
			out.Targets = append(out.Targets, t)
			continue
		}
		old := out.Targets[i]
		out.Targets[i] = old.Over(t)
		out.Targets[i].Name, out.Targets[i].Inherits = t.Name, old.Inherits
		if t.Inherits != nil {
			out.Targets[i].Inherits = t.Inherits
		}
	}
	return out
}
