package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/pod-engine/pod/pkg/build/bake"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// file is what hclparser fills in.
type file struct {
	Groups  []*group  `hcl:"group,block" cty:"group"`
	Targets []*target `hcl:"target,block" cty:"target"`
}

type group struct {
	Name        string   `hcl:"name,label" cty:"name"`
	Description string   `hcl:"description,optional" cty:"description"`
	Targets     []string `hcl:"targets" cty:"targets"`
}

// target has the attributes of a target. Those of type cty.Value may be words or objects.
type target struct {
	Name             string             `hcl:"name,label" cty:"name"`
	Description      string             `hcl:"description,optional" cty:"description"`
	Inherits         []string           `hcl:"inherits,optional" cty:"inherits"`
	Annotations      []string           `hcl:"annotations,optional" cty:"annotations"`
	Attest           cty.Value          `hcl:"attest,optional" cty:"attest"`
	Context          *string            `hcl:"context,optional" cty:"context"`
	Contexts         map[string]string  `hcl:"contexts,optional" cty:"contexts"`
	Dockerfile       *string            `hcl:"dockerfile,optional" cty:"dockerfile"`
	DockerfileInline *string            `hcl:"dockerfile-inline,optional" cty:"dockerfile-inline"`
	Args             map[string]*string `hcl:"args,optional" cty:"args"`
	Labels           map[string]*string `hcl:"labels,optional" cty:"labels"`
	Tags             []string           `hcl:"tags,optional" cty:"tags"`
	CacheFrom        cty.Value          `hcl:"cache-from,optional" cty:"cache-from"`
	CacheTo          cty.Value          `hcl:"cache-to,optional" cty:"cache-to"`
	Target           *string            `hcl:"target,optional" cty:"target"`
	Secrets          cty.Value          `hcl:"secret,optional" cty:"secret"`
	SSH              cty.Value          `hcl:"ssh,optional" cty:"ssh"`
	Platforms        []string           `hcl:"platforms,optional" cty:"platforms"`
	Outputs          cty.Value          `hcl:"output,optional" cty:"output"`
	Pull             *bool              `hcl:"pull,optional" cty:"pull"`
	NoCache          *bool              `hcl:"no-cache,optional" cty:"no-cache"`
	Network          *string            `hcl:"network,optional" cty:"network"`
	NoCacheFilter    []string           `hcl:"no-cache-filter,optional" cty:"no-cache-filter"`
	ShmSize          *string            `hcl:"shm-size,optional" cty:"shm-size"`
	Ulimits          []string           `hcl:"ulimits,optional" cty:"ulimits"`
	Resources        cty.Value          `hcl:"resources,optional" cty:"resources"`
	Call             *string            `hcl:"call,optional" cty:"call"`
	Entitlements     []string           `hcl:"entitlements,optional" cty:"entitlements"`
	ExtraHosts       map[string]*string `hcl:"extra-hosts,optional" cty:"extra-hosts"`
	Policy           cty.Value          `hcl:"policy,optional" cty:"policy"`

	later []*target // of the same name, in their order
}

// Merge is called by hclparser with a later block of the same name.
func (t *target) Merge(later *target) { t.later = append(t.later, later) }

// GetName is hclparser.WithGetName: a target of a matrix names itself.
func (t *target) GetName(context *hcl.EvalContext, block *hcl.Block, load func(hcl.Expression) hcl.Diagnostics) (string, error) {
	content, _, diagnostics := block.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "name"}, {Name: "matrix"}}})
	if diagnostics.HasErrors() {
		return "", diagnostics
	}
	name, given := content.Attributes["name"]
	if !given {
		return block.Labels[0], nil
	}
	if _, ok := content.Attributes["matrix"]; !ok {
		return "", errors.New("name is for targets that have a matrix")
	}
	if diagnostics := load(name.Expr); diagnostics.HasErrors() {
		return "", diagnostics
	}
	value, diagnostics := name.Expr.Value(context)
	if diagnostics.HasErrors() {
		return "", diagnostics
	}
	value, err := convert.Convert(value, cty.String)
	if err != nil {
		return "", err
	}
	return value.AsString(), nil
}

// GetEvalContexts is hclparser.WithEvalContexts: one for each combination of a matrix.
func (t *target) GetEvalContexts(context *hcl.EvalContext, block *hcl.Block, load func(hcl.Expression) hcl.Diagnostics) ([]*hcl.EvalContext, error) {
	content, _, diagnostics := block.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "matrix"}}})
	if diagnostics.HasErrors() {
		return nil, diagnostics
	}
	matrix, ok := content.Attributes["matrix"]
	if !ok {
		return []*hcl.EvalContext{context}, nil
	}
	if diagnostics := load(matrix.Expr); diagnostics.HasErrors() {
		return nil, diagnostics
	}
	value, diagnostics := matrix.Expr.Value(context)
	if diagnostics.HasErrors() {
		return nil, diagnostics
	}
	if !value.CanIterateElements() || !value.Type().IsMapType() && !value.Type().IsObjectType() {
		return nil, errors.New("matrix is a map of lists")
	}
	combinations := []map[string]cty.Value{{}}
	lists := value.AsValueMap()
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		list := lists[name]
		if !list.CanIterateElements() {
			return nil, fmt.Errorf("matrix: %s is not a list", name)
		}
		var more []map[string]cty.Value
		for _, choice := range list.AsValueSlice() {
			for _, c := range combinations {
				c = maps.Clone(c)
				c[name] = choice
				more = append(more, c)
			}
		}
		combinations = more
	}
	var contexts []*hcl.EvalContext
	for _, c := range combinations {
		child := context.NewChild()
		child.Variables = c
		contexts = append(contexts, child)
	}
	return contexts, nil
}

func (f file) config() (bake.Config, error) {
	var out bake.Config
	for _, g := range f.Groups {
		out.Groups = append(out.Groups, bake.Group{Name: g.Name, Description: g.Description, Targets: g.Targets})
	}
	for _, first := range f.Targets {
		for _, t := range append([]*target{first}, first.later...) {
			read, err := t.read()
			if err != nil {
				return out, fmt.Errorf("target %q: %w", t.Name, err)
			}
			out.Targets = append(out.Targets, read)
		}
	}
	return out, nil
}

func (t *target) read() (bake.Target, error) {
	out := bake.Target{
		Name: t.Name, Description: t.Description, Inherits: t.Inherits, Annotations: t.Annotations, Context: t.Context, Contexts: t.Contexts,
		Dockerfile: t.Dockerfile, DockerfileInline: t.DockerfileInline, Args: present(t.Args), Labels: present(t.Labels), Tags: t.Tags,
		Target: t.Target, Platforms: t.Platforms, Pull: t.Pull, NoCache: t.NoCache, Network: t.Network, NoCacheFilter: t.NoCacheFilter,
		ShmSize: t.ShmSize, Ulimits: t.Ulimits, Call: t.Call, Entitlements: t.Entitlements, ExtraHosts: present(t.ExtraHosts),
	}
	for _, e := range []struct {
		kind string
		from cty.Value
		to   *[]bake.Entry
	}{
		{bake.CacheEntry, t.CacheFrom, &out.CacheFrom},
		{bake.CacheEntry, t.CacheTo, &out.CacheTo},
		{bake.SecretEntry, t.Secrets, &out.Secrets},
		{bake.OutputEntry, t.Outputs, &out.Outputs},
	} {
		var err error
		if *e.to, err = entries(e.kind, e.from); err != nil {
			return out, fmt.Errorf("%s: %w", e.kind, err)
		}
	}
	return out, t.readOthers(&out)
}

// readOthers reads what has forms of its own.
func (t *target) readOthers(out *bake.Target) error {
	attestations, err := entries(bake.AttestEntry, t.Attest)
	if err != nil {
		return fmt.Errorf("attest: %w", err)
	}
	for _, e := range attestations {
		out.Attest = append(out.Attest, bake.Attestation(e))
	}
	if out.SSH, err = read[bake.Agent](t.SSH, func(text string) (bake.Agent, error) { return bake.ParseAgent(text), nil }); err != nil {
		return fmt.Errorf("ssh: %w", err)
	}
	if out.Policy, err = read[bake.Policy](t.Policy, bake.ParsePolicy); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	if t.Resources != cty.NilVal && !t.Resources.IsNull() {
		out.Resources = &bake.Resources{}
		if err := decode(t.Resources, out.Resources); err != nil {
			return fmt.Errorf("resources: %w", err)
		}
	}
	return nil
}

// read reads a list of words, which parse takes apart, or objects with the fields of T in JSON.
func read[T any](list cty.Value, parse func(string) (T, error)) ([]T, error) {
	values, err := elements(list)
	var out []T
	for _, value := range values {
		var v T
		if value.Type() == cty.String {
			v, err = parse(value.AsString())
		} else {
			err = decode(value, &v)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, err
}

// decode fills in a value by way of JSON; a field that it does not have is an error.
func decode(value cty.Value, to any) error {
	text, err := ctyjson.Marshal(value, value.Type())
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

// present are the entries that have a value: null leaves one out.
func present(m map[string]*string) map[string]string {
	var out map[string]string
	for key, value := range m {
		if value == nil {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[key] = *value
	}
	return out
}

// elements are those of a list, without the empty ones.
func elements(list cty.Value) ([]cty.Value, error) {
	if list == cty.NilVal || list.IsNull() {
		return nil, nil
	}
	if !list.CanIterateElements() || list.Type().IsMapType() || list.Type().IsObjectType() {
		return nil, errors.New("it is a list")
	}
	var out []cty.Value
	for _, value := range list.AsValueSlice() {
		switch {
		case value.IsNull(), value.Type() == cty.String && value.AsString() == "":
		case value.Type() == cty.String, value.Type().IsMapType(), value.Type().IsObjectType():
			out = append(out, value)
		default:
			return nil, errors.New("each is a word or an object")
		}
	}
	return out, nil
}

// entries reads a list of words or objects.
func entries(kind string, list cty.Value) ([]bake.Entry, error) {
	values, err := elements(list)
	if err != nil || list == cty.NilVal || list.IsNull() {
		return nil, err
	}
	out := []bake.Entry{}
	for _, value := range values {
		e, err := entry(kind, value)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

func entry(kind string, value cty.Value) (bake.Entry, error) {
	if value.Type() == cty.String {
		return bake.ParseEntry(kind, value.AsString())
	}
	e := bake.Entry{}
	for key, field := range value.AsValueMap() {
		if field.IsNull() {
			continue
		}
		text, err := convert.Convert(field, cty.String)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		e[strings.ToLower(key)] = text.AsString()
	}
	return e, e.Complete(kind)
}
