package frontend

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/util/suggest"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// source makes out what a --from or from= means: a stage, by name or (numbers: with COPY only) by number, a context, or
// an image; nothing is the build's own context.
func (r *reader) source(s *stage, from string, location []parser.Range, numbers bool) (plan.Source, error) {
	if from == "" {
		return plan.Source{Context: plan.MainContext}, nil
	}
	if strings.Contains(from, "$") {
		err := &problem{err: fmt.Errorf("--from=%s: variables are not expanded there", from), hint: "name a stage: FROM " + from + " AS files, and copy --from=files"}
		err.line = firstLine(location)
		return plan.Source{}, err
	}
	if n, err := strconv.Atoi(from); err == nil && numbers {
		if n < 0 || n >= len(r.stages) || n == s.index {
			return plan.Source{}, at(location, fmt.Errorf("--from=%d: there is no such stage before this one", n))
		}
		return plan.Source{Stage: &r.stages[n].index}, nil
	}
	if other := r.byName(from); other != nil && other.replaced {
		from = other.Name
	} else if other != nil {
		return plan.Source{Stage: &other.index}, nil
	}
	if from == scratch {
		return plan.Source{}, nil
	}
	return r.external(from, s.out.Platform, location)
}

// external is a tree from outside the file: a named context or an image.
func (r *reader) external(name string, platform plan.Platform, location []parser.Range) (plan.Source, error) {
	if key, value, ok := r.context(name); ok {
		image, isImage := strings.CutPrefix(value, "image:")
		if !isImage {
			return plan.Source{Context: key}, nil
		}
		name = image
	}
	need := plan.Need{Name: name, Platform: platform, Line: firstLine(location)}
	need.Stage, _ = suggest.Search(name, r.stageNames(), false)
	if _, known := r.req.Images[need.Key()]; !known {
		same := func(n plan.Need) bool { return n.Key() == need.Key() }
		if !slices.ContainsFunc(r.needs, same) {
			r.needs = append(r.needs, need)
		}
	}
	return plan.Source{Image: need.Key()}, nil
}

// context finds a named context: by its name, or by another way to write the same image.
func (r *reader) context(name string) (key, value string, ok bool) {
	if value, ok = r.req.Contexts[name]; ok || name == "" {
		return name, value, ok
	}
	for _, key := range slices.Sorted(maps.Keys(r.req.Contexts)) {
		if familiar(key) == familiar(name) {
			return key, r.req.Contexts[key], true
		}
	}
	return "", "", false
}

// familiar is the name of an image without what goes without saying.
func familiar(name string) string {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/")
	return strings.TrimSuffix(name, ":latest")
}
