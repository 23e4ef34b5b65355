package frontend

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// description says what can be asked of the file; no image has to be known for it. globals are the ARGs before the first FROM.
func (r *reader) description(target *stage, globals []instructions.ArgCommand) (*plan.Description, error) {
	d := &plan.Description{Target: target.Name, Text: target.DocComment}
	for i, s := range r.stages {
		d.Targets = append(d.Targets, plan.Target{
			Name: s.Name, Text: s.DocComment, Base: s.BaseName, Platform: s.Platform, Line: s.out.Line, Default: i == len(r.stages)-1,
		})
	}
	needed, err := r.reach(target)
	if err != nil {
		return nil, err
	}
	o := &outline{reader: r, out: d, seen: map[string]bool{}}
	for _, command := range globals {
		o.args(command)
	}
	for _, s := range needed {
		for _, command := range s.Commands {
			switch c := command.(type) {
			case *instructions.ArgCommand:
				o.args(*c)
			case *instructions.RunCommand:
				// Its mounts are known once its words are; variables stay as they are written.
				if err := c.Expand(func(word string) (string, error) { return word, nil }); err != nil {
					return nil, at(c.Location(), err)
				}
				o.mounts(c)
			}
		}
	}
	return d, nil
}

// outline collects what stages can be given, each once.
type outline struct {
	*reader
	out  *plan.Description
	seen map[string]bool
}

func (o *outline) first(kind, name string) bool {
	known := o.seen[kind+" "+name]
	o.seen[kind+" "+name] = true
	return !known
}

func (o *outline) args(command instructions.ArgCommand) {
	for _, arg := range command.Args {
		platform := strings.HasPrefix(arg.Key, "TARGET") || strings.HasPrefix(arg.Key, "BUILD")
		if _, predefined := platformArgs(o.req).Get(arg.Key); predefined && platform || !o.first("arg", arg.Key) {
			continue
		}
		value, given := o.req.Args[arg.Key]
		if global, ok := o.globals.Get(arg.Key); !given && ok {
			value = global
		} else if !given && arg.Value != nil {
			value = *arg.Value
		}
		o.out.Args = append(o.out.Args, plan.Parameter{Name: arg.Key, Value: value, Text: arg.DocComment, Line: firstLine(command.Location())})
	}
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
