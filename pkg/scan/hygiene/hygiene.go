// Package hygiene finds what a careful person would not have left in an image: secrets, in any layer and in the configuration, dangerous
// permissions, and waste.
package hygiene

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/pod-engine/pod/pkg/scan"
	"github.com/pod-engine/pod/pkg/scan/layerfs"
)

// Subject is what is looked at.
type Subject struct {
	Config scan.Config
	Layers []scan.Layer
	Files  *layerfs.Image
}

// perRule is how many findings of one rule are listed; an image could have a million.
const perRule = 500

// findings collects what is found. Its methods may be called from several goroutines.
type findings struct {
	mu    sync.Mutex
	rules map[string]scan.Rule
	list  []scan.Finding
	count map[string]int
	kinds []tokenKind
}

func newFindings() *findings {
	f := &findings{rules: map[string]scan.Rule{}, count: map[string]int{}, kinds: tokenKinds()}
	for _, r := range scan.Rules() {
		f.rules[r.Name] = r
	}
	return f
}

// add completes a finding with the severity of its rule, unless it has one.
func (f *findings) add(one scan.Finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one.Severity = cmp.Or(one.Severity, f.rules[one.Rule].Severity)
	if f.count[one.Rule]++; f.count[one.Rule] <= perRule {
		f.list = append(f.list, one)
	}
}

// at is a finding about a file.
func at(rule string, n *layerfs.Node, message string) scan.Finding {
	f := scan.Finding{Rule: rule, Path: "/" + n.Path, Layer: n.Layer, RemovedIn: n.HiddenBy, Message: message}
	switch {
	case n.HiddenBy != 0 && n.Deleted:
		f.Message += fmt.Sprintf("; deleted in layer %d, but still in layer %d", n.HiddenBy, n.Layer)
	case n.HiddenBy != 0:
		f.Message += fmt.Sprintf("; replaced in layer %d, but still in layer %d", n.HiddenBy, n.Layer)
	}
	return f
}

// Find looks at everything. What could not be looked at is in the notes.
func Find(ctx context.Context, s Subject) ([]scan.Finding, []string, error) {
	f := newFindings()
	f.user(s)
	f.accounts(s.Files)
	f.config(s)
	f.permissions(s.Files)
	f.caches(s.Files)
	f.waste(s)
	err := f.secrets(ctx, s.Files)
	var notes []string
	for rule, n := range f.count {
		if n > perRule {
			notes = append(notes, fmt.Sprintf("%d more findings of the rule %s are left out", n-perRule, rule))
		}
	}
	slices.Sort(notes)
	for i, one := range f.list {
		if one.Layer > 0 && one.Layer <= len(s.Layers) {
			f.list[i].Instruction = s.Layers[one.Layer-1].Instruction
		}
	}
	slices.SortFunc(f.list, func(a, b scan.Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Layer, b.Layer), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Message, b.Message))
	})
	return f.list, notes, err
}
