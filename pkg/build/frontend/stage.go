package frontend

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/util/suggest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// scratch is the name of the empty image.
const scratch = "scratch"

// stage is a stage while it is read.
type stage struct {
	instructions.Stage
	from     string // BaseName as it is written
	index    int
	parent   *stage
	commands []command
	out      plan.Stage
	env      *environ // ENV and ARG in scope
	args     []string // names of the ARGs declared, for the history
	nameless bool
	// cacheSpace is put in front of the names of caches (BUILDKIT_CACHE_MOUNT_NS).
	cacheSpace string
	history    []specs.History // without that of parent

	files                 string // name of the context whose files it begins with
	replaced              bool   // by a named context
	triggered, workdirSet bool
	// cmdSet, entrypointSet and healthcheckSet are where that was set last; nil: not in this stage.
	cmdSet, entrypointSet, healthcheckSet []parser.Range
}

// command is an instruction with the trees it reads: of a COPY one, of a RUN one for each of its mounts.
type command struct {
	instructions.Command
	sources []plan.Source
	onBuild bool
}

// nameStages expands the FROMs and makes out which of them begin with another stage.
func (r *reader) nameStages(parsed []instructions.Stage) error {
	r.lintDefaults(parsed)
	for i, p := range parsed {
		if err := r.checked(p.Comments, func() error { return r.nameStage(i, p) }); err != nil {
			return at(p.Location, err)
		}
	}
	return nil
}

func (r *reader) nameStage(i int, p instructions.Stage) error {
	if i == 0 && r.req.From != "" {
		p.BaseName = r.req.From
	}
	s := &stage{Stage: p, from: p.BaseName, index: i, nameless: p.Name == "", cacheSpace: r.req.Args["BUILDKIT_CACHE_MOUNT_NS"]}
	name, err := r.expand(r.lex, p.BaseName, r.globals)
	if err != nil {
		return err
	}
	r.lintFrom(p, name)
	if name.Result == "" {
		return fmt.Errorf("FROM %s: the name is empty; its ARG has no value", p.BaseName)
	}
	s.BaseName = name.Result
	s.out = plan.Stage{Index: i, Name: p.Name, Line: firstLine(p.Location), Platform: r.req.Platform}
	if s.out.Platform, err = r.stagePlatform(p); err != nil {
		return err
	}
	s.out.NoCache = slices.ContainsFunc(r.req.NoCacheFilter, func(n string) bool { return strings.EqualFold(n, p.Name) || n == strconv.Itoa(i) })
	s.parent = r.byName(s.BaseName)
	if name, _, ok := r.context(p.Name); ok { // it stands for the stage, whose instructions do not count
		s.BaseName, s.Commands, s.parent, s.replaced = name, nil, nil, true
	}
	r.stages = append(r.stages, s)
	return nil
}

func (r *reader) stagePlatform(p instructions.Stage) (plan.Platform, error) {
	if p.Platform == "" {
		return r.req.Platform, nil
	}
	text, err := r.expand(r.lex, p.Platform, r.globals)
	if err != nil {
		return plan.Platform{}, err
	}
	r.lintPlatform(p, text)
	if text.Result == "" {
		return plan.Platform{}, fmt.Errorf("FROM --platform=%s: the platform is empty; its ARG has no value", p.Platform)
	}
	return plan.ParsePlatform(text.Result, r.req.BuildPlatform.Arch)
}

// byName finds the newest stage with this name.
func (r *reader) byName(name string) *stage {
	for _, s := range slices.Backward(r.stages) {
		if s.Name != "" && strings.EqualFold(s.Name, name) {
			return s
		}
	}
	return nil
}

// target is the stage asked for by name or number, else the last.
func (r *reader) target() (*stage, error) {
	want := r.req.Target
	if want == "" {
		return r.stages[len(r.stages)-1], nil
	}
	if s := r.byName(want); s != nil {
		return s, nil
	}
	if n, err := strconv.Atoi(want); err == nil && n >= 0 && n < len(r.stages) {
		return r.stages[n], nil
	}
	p := &problem{err: fmt.Errorf("there is no stage %q to build", want)}
	if near, ok := suggest.Search(want, r.stageNames(), true); ok {
		p.hint = "did you mean --target " + near + "?"
	}
	return nil, p
}

func (r *reader) stageNames() []string {
	var names []string
	for _, s := range r.stages {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	return names
}

// reach gives the stages that the targets need, each after those that it needs. Images whose configuration is not known
// yet are noted in r.needs.
func (r *reader) reach(targets ...*stage) ([]*stage, error) {
	var order []*stage
	const visiting, done = 1, 2
	state := map[*stage]int{}
	var visit func(s *stage) error
	visit = func(s *stage) error {
		switch state[s] {
		case done:
			return nil
		case visiting:
			return at(s.Location, fmt.Errorf("stage %s needs itself: its COPY --from and FROM go round in a circle", s))
		}
		state[s] = visiting
		needs, err := r.dependencies(s)
		if err != nil {
			return err
		}
		for _, other := range needs {
			if err := visit(other); err != nil {
				return err
			}
		}
		state[s] = done
		order = append(order, s)
		return nil
	}
	for _, target := range targets {
		if err := visit(target); err != nil {
			return nil, err
		}
	}
	return order, nil
}

func (s *stage) String() string {
	if s.Name != "" {
		return strconv.Quote(s.Name)
	}
	return strconv.Itoa(s.index)
}

// dependencies makes out where a stage's files come from and gives the stages among them.
func (r *reader) dependencies(s *stage) ([]*stage, error) {
	var needs []*stage
	switch {
	case s.parent != nil:
		needs = append(needs, s.parent)
		s.out.Base.Stage = &s.parent.index
	case s.BaseName != scratch:
		source, err := r.external(s.BaseName, s.out.Platform, s.Location)
		if err != nil {
			return nil, err
		}
		s.out.Base, s.files = source, source.Context
		s.out.Base.Context = "" // a step brings them in
	}
	if err := r.resolveCommands(s); err != nil {
		return nil, err
	}
	for _, c := range s.commands {
		for _, source := range c.sources {
			if source.Stage != nil {
				needs = append(needs, r.stages[*source.Stage])
			}
		}
	}
	return needs, nil
}

// resolveCommands puts the triggers of the base before the stage's own instructions and finds the trees that all read.
func (r *reader) resolveCommands(s *stage) error {
	if s.triggered {
		return nil
	}
	s.triggered = true
	var triggers []string
	if s.parent != nil {
		for _, c := range s.parent.Commands {
			if onBuild, ok := c.(*instructions.OnbuildCommand); ok {
				triggers = append(triggers, onBuild.Expression)
			}
		}
	} else if base, ok := r.req.Images[s.out.Base.Image]; ok {
		triggers = base.Config.Config.OnBuild
	}
	for _, trigger := range triggers {
		c, err := parseTrigger(trigger, s.Location)
		if err != nil {
			return err
		}
		if err := r.addCommand(s, c, true); err != nil {
			return err
		}
	}
	for _, c := range s.Commands {
		if err := r.addCommand(s, c, false); err != nil {
			return err
		}
	}
	return nil
}

// parseTrigger reads one ONBUILD of a base; its place is that of the FROM.
func parseTrigger(text string, location []parser.Range) (instructions.Command, error) {
	result, err := parser.Parse(strings.NewReader(text))
	if err == nil && len(result.AST.Children) != 1 {
		err = errors.New("it is not one instruction")
	}
	if err != nil {
		return nil, at(location, fmt.Errorf("ONBUILD %s of the base: %w", text, err))
	}
	node := result.AST.Children[0]
	if len(location) > 0 {
		node.StartLine, node.EndLine = location[0].Start.Line, location[len(location)-1].End.Line
	}
	c, err := instructions.ParseCommand(node)
	if err != nil {
		return nil, at(location, fmt.Errorf("ONBUILD %s of the base: %w", text, err))
	}
	return c, nil
}

func (r *reader) addCommand(s *stage, c instructions.Command, onBuild bool) error {
	added := command{Command: c, onBuild: onBuild}
	switch c := c.(type) {
	case *instructions.CopyCommand:
		source, err := r.source(s, c.From, c.Location(), true)
		if err != nil {
			return err
		}
		added.sources = []plan.Source{source}
	case *instructions.RunCommand:
		for _, m := range instructions.GetMounts(c) {
			source := plan.Source{}
			if m.Type == instructions.MountTypeBind || m.From != "" {
				var err error
				if source, err = r.source(s, m.From, c.Location(), false); err != nil {
					return err
				}
			}
			added.sources = append(added.sources, source)
		}
	}
	s.commands = append(s.commands, added)
	return nil
}

func firstLine(location []parser.Range) int {
	if len(location) == 0 {
		return 0
	}
	return location[0].Start.Line
}

func lastLine(location []parser.Range) int {
	if len(location) == 0 {
		return 0
	}
	return location[len(location)-1].End.Line
}
