package frontend

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/container"
)

// dispatchStage turns the instructions of a stage into steps and its configuration. Stages it depends on came before.
func (r *reader) dispatchStage(s *stage) error {
	r.begin(s)
	r.scanGlobally(s)
	for _, c := range s.commands {
		err := r.checked(c.Comments(), func() error { return r.dispatch(s, c) })
		if err != nil {
			return at(c.Location(), err)
		}
	}
	return nil
}

// begin gives the stage what it starts with.
func (r *reader) begin(s *stage) {
	config := &s.out.Config
	switch {
	case s.parent != nil:
		*config = cloneConfig(s.parent.out.Config)
		s.env, s.args = s.parent.env.clone(), slices.Clone(s.parent.args)
		if s.Platform == "" {
			s.out.Platform = s.parent.out.Platform
		}
	case s.out.Base.Image != "":
		*config = cloneConfig(r.req.Images[s.out.Base.Image].Config)
		s.history, config.History = config.History, nil
		s.env = newEnviron(nil)
		r.lintBasePlatform(s, config.Platform)
	default:
		p := s.out.Platform
		config.Platform = specs.Platform{OS: p.OS, Architecture: p.Arch, Variant: p.Variant}
		config.Config.WorkingDir = "/"
		s.env = newEnviron(nil)
		if s.files != "" {
			s.addFiles()
		}
	}
	s.inheritEnv()
	r.beginWith(s)
	config.Created, config.RootFS = nil, specs.RootFS{}
	config.Config.OnBuild = nil
}

// beginWith changes what a stage takes over as the request says. A stage that begins with another has the rest from there.
func (r *reader) beginWith(s *stage) {
	config := &s.out.Config.Config
	if r.req.NoBaseLabels {
		config.Labels = nil
	}
	if s.parent != nil {
		return
	}
	for _, entry := range r.req.Env {
		name, value, _ := strings.Cut(entry, "=")
		s.env.set(name, value)
		config.Env = setEntry(config.Env, name, value)
	}
	for _, name := range r.req.UnsetLabels {
		delete(config.Labels, name)
	}
}

// inheritEnv gives the stage the variables of what it begins with. As BuildKit has it they win over the arguments of the stage that it begins with, and
// there is a PATH.
func (s *stage) inheritEnv() {
	config := &s.out.Config.Config
	if _, ok := newEnviron(config.Env).Get("PATH"); !ok {
		config.Env = append(config.Env, plan.DefaultPath)
	}
	for _, entry := range config.Env {
		name, value, _ := strings.Cut(entry, "=")
		s.env.set(name, value)
	}
}

// addFiles begins a stage with the files of a context, which make its first layer.
func (s *stage) addFiles() {
	s.add(plan.Step{
		Line: firstLine(s.Location), EndLine: lastLine(s.Location), Text: "FROM " + s.BaseName,
		Copy: &plan.Copy{From: plan.Source{Context: s.files}, Paths: []string{"/"}, Dest: "/"},
	}, "FROM "+s.BaseName)
}

// wholeHistory is the history of a stage with that of those it was begun from, which no stage but the target needs.
func (s *stage) wholeHistory() []specs.History {
	var parts [][]specs.History
	for ; s != nil; s = s.parent {
		parts = append(parts, s.history)
	}
	slices.Reverse(parts)
	return slices.Concat(parts...)
}

func cloneConfig(c plan.Config) plan.Config {
	c.Config.Env = slices.Clone(c.Config.Env)
	c.Config.Labels = maps.Clone(c.Config.Labels)
	c.Config.Volumes = maps.Clone(c.Config.Volumes)
	c.Config.ExposedPorts = maps.Clone(c.Config.ExposedPorts)
	return c
}

// expandCommand replaces the variables in an instruction, where its words have any.
func (r *reader) expandCommand(s *stage, c command) error {
	if _, isArg := c.Command.(*instructions.ArgCommand); isArg {
		return nil // its default may not be needed
	}
	expander := func(lex *shell.Lex) instructions.SingleWordExpander {
		return func(word string) (string, error) {
			result, err := r.expand(lex, word, s.env)
			r.lintUndefined(s, c.Command, result)
			return result.Result, err
		}
	}
	if words, ok := c.Command.(instructions.SupportsSingleWordExpansion); ok {
		if err := words.Expand(expander(r.lex)); err != nil {
			return err
		}
	}
	if text, ok := c.Command.(instructions.SupportsSingleWordExpansionRaw); ok {
		raw := shell.NewLex('\\')
		raw.SkipProcessQuotes = true
		return text.ExpandRaw(expander(raw))
	}
	return nil
}

func (r *reader) dispatch(s *stage, c command) error {
	if err := r.expandCommand(s, c); err != nil {
		return err
	}
	config := &s.out.Config.Config
	switch i := c.Command.(type) {
	case *instructions.RunCommand:
		return r.run(s, c, i)
	case *instructions.CopyCommand:
		return r.copy(s, c, copyOf(i))
	case *instructions.AddCommand:
		return r.copy(s, c, addOf(i))
	case *instructions.WorkdirCommand:
		return r.workdir(s, c, i)
	case *instructions.EnvCommand:
		r.lintEnv(i)
		for _, e := range i.Env {
			s.env.set(e.Key, e.Value)
			config.Env = setEntry(config.Env, e.Key, e.Value)
		}
		s.note(c, "ENV "+pairs(i.Env))
	case *instructions.ArgCommand:
		return r.arg(s, c, i)
	case *instructions.LabelCommand:
		r.lintLabel(i)
		if config.Labels == nil {
			config.Labels = map[string]string{}
		}
		for _, l := range i.Labels {
			config.Labels[l.Key] = l.Value
		}
		s.note(c, "LABEL "+pairs(i.Labels))
	case *instructions.OnbuildCommand:
		config.OnBuild = append(config.OnBuild, i.Expression) // it is in no history
	default:
		return r.dispatchSetting(s, c)
	}
	return nil
}

// dispatchSetting does the instructions that only set one thing.
func (r *reader) dispatchSetting(s *stage, c command) error {
	config := &s.out.Config.Config
	switch i := c.Command.(type) {
	case *instructions.MaintainerCommand:
		s.out.Config.Author = i.Maintainer
		s.note(c, "MAINTAINER "+i.Maintainer)
	case *instructions.CmdCommand:
		r.lintOnce(c, &s.cmdSet)
		config.Cmd = r.shellForm(s, c, i.ShellDependantCmdLine)
		s.note(c, fmt.Sprintf("CMD %q", config.Cmd))
	case *instructions.EntrypointCommand:
		r.lintOnce(c, &s.entrypointSet)
		config.Entrypoint = r.shellForm(s, c, i.ShellDependantCmdLine)
		if s.cmdSet == nil {
			config.Cmd = nil // the base's was meant for its own entrypoint
		}
		s.note(c, fmt.Sprintf("ENTRYPOINT %q", config.Entrypoint))
	case *instructions.HealthCheckCommand:
		r.lintOnce(c, &s.healthcheckSet)
		health := dockerspec.HealthcheckConfig(*i.Health)
		config.Healthcheck = &health
		s.note(c, fmt.Sprintf("HEALTHCHECK %+v", health))
	case *instructions.ExposeCommand:
		return r.expose(s, c, i)
	case *instructions.UserCommand:
		config.User = i.User
		s.note(c, "USER "+i.User)
	case *instructions.VolumeCommand:
		return s.volumes(c, i)
	case *instructions.StopSignalCommand:
		if _, err := container.ParseSignal(i.Signal); err != nil {
			return fmt.Errorf("STOPSIGNAL: %w", err)
		}
		config.StopSignal = i.Signal
		s.note(c, "STOPSIGNAL "+i.Signal)
	case *instructions.ShellCommand:
		config.Shell = i.Shell
		s.note(c, fmt.Sprintf("SHELL %v", i.Shell))
	default:
		return fmt.Errorf("the instruction %s is not known", strings.ToUpper(c.Name()))
	}
	return nil
}

func (s *stage) volumes(c command, i *instructions.VolumeCommand) error {
	config := &s.out.Config.Config
	if config.Volumes == nil {
		config.Volumes = map[string]struct{}{}
	}
	for _, v := range i.Volumes {
		if v == "" {
			return errors.New("VOLUME: a path is empty")
		}
		config.Volumes[v] = struct{}{}
	}
	s.note(c, fmt.Sprintf("VOLUME %v", i.Volumes))
	return nil
}

func pairs(list instructions.KeyValuePairs) string {
	var b []string
	for _, p := range list {
		b = append(b, p.String())
	}
	return strings.Join(b, " ")
}

// shellForm is the command line, through the stage's shell unless it was given as JSON.
func (r *reader) shellForm(s *stage, c command, line instructions.ShellDependantCmdLine) []string {
	if !line.PrependShell {
		return line.CmdLine
	}
	r.lintShellForm(s, c)
	return append(s.shell(), strings.Join(line.CmdLine, " "))
}

func (s *stage) shell() []string {
	if sh := s.out.Config.Config.Shell; len(sh) > 0 {
		return slices.Clone(sh)
	}
	return []string{"/bin/sh", "-c"}
}

// step begins the step of an instruction.
func (s *stage) step(c command) plan.Step {
	text := c.Name()
	if named, ok := c.Command.(fmt.Stringer); ok {
		text = named.String()
	}
	if verb, rest, ok := strings.Cut(text, " "); ok {
		text = strings.ToUpper(verb) + " " + rest
	}
	return plan.Step{Line: firstLine(c.Location()), EndLine: lastLine(c.Location()), Text: text, OnBuild: c.onBuild}
}

// note records an instruction that makes no layer.
func (s *stage) note(c command, history string) {
	s.add(s.step(c), history)
}

func (s *stage) add(step plan.Step, history string) {
	if step.Run != nil || step.Copy != nil {
		history += " # buildkit"
	}
	s.out.Steps = append(s.out.Steps, step)
	s.history = append(s.history, specs.History{CreatedBy: history, Comment: plan.HistoryComment, EmptyLayer: !step.Layered()})
}

// arg declares arguments: given with the build, else by default, else the value of before the first FROM.
func (r *reader) arg(s *stage, c command, i *instructions.ArgCommand) error {
	var words []string
	for _, arg := range i.Args {
		r.lintSecret("ARG", arg.Key, c)
		value, ok := r.req.Args[arg.Key]
		if !ok && arg.Value != nil {
			expanded, err := r.expand(r.lex, *arg.Value, s.env)
			if err != nil {
				return err
			}
			r.lintUndefined(s, c.Command, expanded)
			value, ok = expanded.Result, true
		}
		if !ok {
			value, ok = r.globals.Get(arg.Key)
		}
		word := arg.Key
		if ok {
			word += "=" + value
		}
		switch {
		case isScanArg(arg.Key):
			s.scan(arg.Key, value)
			words = append(words, word)
			continue
		case ok:
			s.env.set(arg.Key, value)
		}
		if !slices.Contains(s.args, arg.Key) {
			s.args = append(s.args, arg.Key)
		}
		words = append(words, word)
	}
	s.note(c, "ARG "+strings.Join(words, " "))
	return nil
}

func (r *reader) workdir(s *stage, c command, i *instructions.WorkdirCommand) error {
	r.lintWorkdir(s, i)
	config := &s.out.Config.Config
	dir := s.absolute(i.Path)
	config.WorkingDir = dir
	if path.IsAbs(i.Path) {
		config.WorkingDir = i.Path // as it is written, with its slash at the end
	}
	step := s.step(c)
	if dir != "/" {
		step.Mkdir = &plan.Mkdir{Path: dir, User: config.User}
	}
	s.add(step, "WORKDIR "+config.WorkingDir)
	return nil
}

// absolute is a path of an instruction seen from the stage's working directory, without a slash at its end.
func (s *stage) absolute(name string) string {
	if !path.IsAbs(name) {
		name = path.Join("/", s.out.Config.Config.WorkingDir, name)
	}
	return path.Clean(name)
}
