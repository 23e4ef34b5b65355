package frontend

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// targetsOf are the stages as they are written, whether what they begin with has a name or not.
func targetsOf(stages []instructions.Stage) *plan.Description {
	d := &plan.Description{}
	for i, s := range stages {
		d.Targets = append(d.Targets, plan.Target{
			Name: s.Name, Text: s.DocComment, Base: s.BaseName, Platform: s.Platform, Line: firstLine(s.Location), Default: i == len(stages)-1,
		})
	}
	return d
}

// description says what the target can be given; no image has to be known for it.
func (r *reader) description(target *stage) (*plan.Description, error) {
	needed, err := r.reach(target)
	if err != nil {
		return nil, err
	}
	o := &outline{reader: r, out: &plan.Description{Target: target.Name, Text: target.DocComment}, seen: map[string]bool{}, scopes: map[*stage]scope{}}
	for _, s := range slices.Backward(needed) { // what the target says itself comes before what it builds on
		if err := o.args(s); err != nil {
			return nil, err
		}
	}
	for _, s := range needed {
		for _, command := range s.Commands {
			c, ok := command.(*instructions.RunCommand)
			if !ok {
				continue
			}
			// Its mounts are known once its words are; variables stay as they are written.
			if err := c.Expand(func(word string) (string, error) { return word, nil }); err != nil {
				return nil, at(c.Location(), err)
			}
			o.mounts(c)
		}
	}
	slices.SortStableFunc(o.out.Args, func(a, b plan.Parameter) int { return a.Line - b.Line })
	return o.out, nil
}

// outline collects what stages can be given, each once.
type outline struct {
	*reader
	out    *plan.Description
	seen   map[string]bool
	scopes map[*stage]scope
}

// scope is what is known of arguments at the end of a stage: where they were declared last, which of them it uses, and their values, as far as the
// file says them.
type scope struct {
	declared map[string]plan.Parameter
	used     map[string]bool
	env      *environ
}

func (o *outline) first(kind, name string) bool {
	known := o.seen[kind+" "+name]
	o.seen[kind+" "+name] = true
	return !known
}

// args notes the arguments that a stage uses, those before the first FROM too.
func (o *outline) args(s *stage) error {
	sc, err := o.scope(s)
	if err != nil {
		return err
	}
	// Those that others need were declared before them.
	for _, command := range slices.Backward(o.declared) {
		for _, arg := range slices.Backward(command.Args) {
			if arg.Value != nil && sc.used[arg.Key] && sc.declared[arg.Key].Line == firstLine(command.Location()) {
				if err := o.use(*arg.Value, sc); err != nil {
					return err
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sc.used)) {
		if p, ok := sc.declared[name]; ok && o.first("arg", name) {
			o.out.Args = append(o.out.Args, p)
		}
	}
	return nil
}

func (o *outline) scope(s *stage) (scope, error) {
	if sc, ok := o.scopes[s]; ok {
		return sc, nil
	}
	sc := scope{declared: map[string]plan.Parameter{}, used: map[string]bool{}, env: newEnviron([]string{plan.DefaultPath})}
	if s.parent != nil {
		base, err := o.scope(s.parent)
		if err != nil {
			return scope{}, err
		}
		sc = scope{maps.Clone(base.declared), maps.Clone(base.used), base.env.clone()}
	} else {
		o.globally(sc)
	}
	if err := errors.Join(o.use(s.from, sc), o.use(s.Stage.Platform, sc)); err != nil {
		return scope{}, err
	}
	for _, command := range s.Commands {
		if err := o.declare(command, sc); err != nil {
			return scope{}, at(command.Location(), err)
		}
	}
	o.scopes[s] = sc
	return sc, nil
}

// globally begins a scope with the arguments before the first FROM.
func (o *outline) globally(sc scope) {
	for _, command := range o.declared {
		for _, arg := range command.Args {
			value, _ := o.globals.Get(arg.Key)
			sc.declared[arg.Key] = plan.Parameter{Name: arg.Key, Value: value, Text: arg.DocComment, Line: firstLine(command.Location())}
		}
	}
}

// use notes the arguments in a word of before the first FROM, or of one.
func (o *outline) use(word string, sc scope) error {
	result, err := o.expand(o.lex, word, o.globals)
	for name := range result.Matched {
		sc.used[name] = true
	}
	return err
}

// declare follows an ARG or ENV.
func (o *outline) declare(command instructions.Command, sc scope) error {
	switch c := command.(type) {
	case *instructions.EnvCommand:
		for _, e := range c.Env {
			value, err := o.expand(o.lex, e.Value, sc.env)
			if err != nil {
				return err
			}
			sc.env.set(e.Key, value.Result)
		}
	case *instructions.ArgCommand:
		for _, arg := range c.Args {
			sc.used[arg.Key] = true
			value, given := o.req.Args[arg.Key]
			if global, ok := o.globals.Get(arg.Key); !given && arg.Value == nil && ok {
				sc.env.set(arg.Key, global)
				continue // it is the one of before the first FROM
			}
			if !given && arg.Value != nil {
				expanded, err := o.expand(o.lex, *arg.Value, sc.env)
				if err != nil {
					return err
				}
				value, given = expanded.Result, true
			}
			if given {
				sc.env.set(arg.Key, value)
			}
			sc.declared[arg.Key] = plan.Parameter{Name: arg.Key, Value: value, Text: arg.DocComment, Line: firstLine(c.Location())}
		}
	}
	return nil
}

func (o *outline) mounts(c *instructions.RunCommand) {
	for _, m := range instructions.GetMounts(c) {
		p := plan.Parameter{Name: m.CacheID, Required: m.Required, Line: firstLine(c.Location())}
		switch m.Type {
		case instructions.MountTypeSecret:
			if p.Name == "" {
				p.Name = m.Target[strings.LastIndex(m.Target, "/")+1:]
			}
			if o.first("secret", p.Name) {
				o.out.Secrets = append(o.out.Secrets, p)
			}
		case instructions.MountTypeSSH:
			if p.Name == "" {
				p.Name = "default"
			}
			if o.first("ssh", p.Name) {
				o.out.SSH = append(o.out.SSH, p)
			}
		case instructions.MountTypeCache:
			if p.Name == "" {
				p.Name = m.Target
			}
			if o.first("cache", p.Name) {
				o.out.Caches = append(o.out.Caches, p)
			}
		}
	}
}
