// Package frontend reads Dockerfiles: it turns a plan.Request into a plan.Answer with BuildKit's own parser, so that every
// syntax means what it means there. It is pure: it opens no file and knows no image but what the request tells it.
//
// It is linked by pod-frontend only. What it needs of BuildKit costs at start, and a text that comes from strangers is best
// read by a process that can do nothing else.
package frontend

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// What is read at most. Real files stay far below; a file that is larger is an attack or not a Dockerfile.
const (
	maxText  = 4 << 20   // bytes of the file, and of each word after expansion
	maxSteps = 10000     // instructions
	maxNests = 100       // variables in the defaults of variables
	maxPorts = 1 << 18   // of EXPOSE, all of them together
	maxEnv   = 256 << 20 // bytes of variables, over all RUN together
)

// problem is a mistake in the file, with the place where it is.
type problem struct {
	err  error
	line int
	hint string
}

func (p *problem) Error() string { return p.err.Error() }
func (p *problem) Unwrap() error { return p.err }

// at gives err the place of an instruction unless it has one.
func at(location []parser.Range, err error) error {
	var p *problem
	if err == nil || errors.As(err, &p) {
		return err
	}
	line := 0
	if len(location) > 0 {
		line = location[0].Start.Line
	}
	return &problem{err: err, line: line}
}

// Read answers a request.
func Read(req plan.Request) plan.Answer {
	r := &reader{req: req}
	answer, err := r.read()
	answer.Warnings = r.warnings
	if err != nil {
		answer.Plan, answer.Needs, answer.Problem = nil, nil, describe(err)
	} else if err := r.lint.Error(); answer.Plan != nil && err != nil {
		answer.Plan, answer.Problem = nil, describe(err)
		answer.Problem.Lint = true
	}
	return answer
}

// describe finds the place and the words of an error, whether it is this package's or the parser's.
func describe(err error) *plan.Problem {
	out := &plan.Problem{Text: clean(err.Error())}
	switch {
	case strings.Contains(out.Text, "no build stage in current context"):
		out.Hint = "begin with FROM and the image to start from"
	case strings.Contains(out.Text, "unterminated heredoc"):
		out.Hint = "end it with a line that has nothing but the word behind <<"
	}
	var own *problem
	if errors.As(err, &own) {
		out.Line, out.Hint = own.line, own.hint
	}
	var located *parser.LocationError
	if errors.As(err, &located) && out.Line == 0 {
		for _, ranges := range located.Locations {
			if len(ranges) > 0 {
				out.Line = ranges[0].Start.Line
			}
		}
	}
	return out
}

// clean takes away what the parser adds for its own callers.
func clean(text string) string {
	text = strings.TrimPrefix(text, "dockerfile parse error on line ")
	if number, rest, ok := strings.Cut(text, ": "); ok && strings.Trim(number, "0123456789") == "" {
		text = rest
	}
	return text
}

// reader holds what is known while one file is read.
type reader struct {
	req      plan.Request
	lex      *shell.Lex
	lint     *linter.Linter
	warnings []plan.Warning
	globals  *environ
	defaults *environ                  // globals as they are when no argument is given
	declared []instructions.ArgCommand // that give globals their values
	stages   []*stage
	needs    []plan.Need
	// What was noted of ports and variables so far; see maxPorts and maxEnv.
	portsNoted, envNoted int
}

func (r *reader) read() (plan.Answer, error) {
	stages, err := r.parse()
	if err != nil {
		return plan.Answer{}, err
	}
	if r.req.Describe == plan.DescribeTargets {
		return plan.Answer{Description: targetsOf(stages)}, nil
	}
	if err := r.nameStages(stages); err != nil {
		return plan.Answer{}, err
	}
	target, err := r.target()
	if err != nil {
		return plan.Answer{}, err
	}
	if r.req.Describe != "" {
		d, err := r.description(target)
		return plan.Answer{Description: d}, err
	}
	targets := []*stage{target}
	if r.req.Check {
		targets = r.stages
	}
	needed, err := r.reach(targets...)
	if err != nil {
		return plan.Answer{}, err
	}
	if len(r.needs) > 0 {
		return plan.Answer{Needs: r.needs}, nil
	}
	out := &plan.Plan{}
	for _, s := range needed {
		if err := r.dispatchStage(s); err != nil {
			return plan.Answer{}, err
		}
		out.Stages = append(out.Stages, s.out)
	}
	if r.req.Check {
		return plan.Answer{Plan: out}, nil // for its warnings
	}
	out.Stages[len(out.Stages)-1].Config = r.finished(target)
	return plan.Answer{Plan: out}, nil
}

// finished is the configuration of the target with its whole history, and with what was given beside the file.
func (r *reader) finished(target *stage) plan.Config {
	config := target.out.Config
	config.History = target.wholeHistory()
	if len(r.req.Labels) > 0 && config.Config.Labels == nil {
		config.Config.Labels = map[string]string{}
	}
	maps.Copy(config.Config.Labels, r.req.Labels)
	config.Config.Env = slices.DeleteFunc(config.Config.Env, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(r.req.UnsetEnv, name)
	})
	return config
}

// parse reads the text into instructions, and the ARGs before the first FROM into r.globals.
func (r *reader) parse() ([]instructions.Stage, error) {
	if len(r.req.Text) > maxText {
		return nil, fmt.Errorf("the file has %d bytes, more than the %d that are read", len(r.req.Text), maxText)
	}
	if len(bytes.TrimSpace(r.req.Text)) == 0 {
		return nil, errors.New("the file is empty")
	}
	if err := r.readChecks(); err != nil {
		return nil, err
	}
	result, err := parser.Parse(bytes.NewReader(r.req.Text))
	if err != nil {
		return nil, err
	}
	if len(result.AST.Children) > maxSteps {
		return nil, fmt.Errorf("the file has %d instructions, more than the %d that are read", len(result.AST.Children), maxSteps)
	}
	for _, w := range result.Warnings {
		r.parserWarning(w)
	}
	r.lex = shell.NewLex(result.EscapeToken)
	stages, globals, err := instructions.Parse(result.AST, r.lint)
	if err != nil {
		return nil, unwrapParse(err)
	}
	if len(stages) == 0 {
		return nil, errors.New("there is no FROM: a build begins with the image it starts from")
	}
	r.lintNames(stages)
	return stages, r.readGlobals(globals)
}

// unwrapParse keeps the words of a parse error; its place is in it as well.
func unwrapParse(err error) error {
	var unknown *instructions.UnknownInstructionError
	if errors.As(err, &unknown) {
		text := fmt.Errorf("unknown instruction %s", strings.ToUpper(unknown.Instruction))
		_, hint, _ := strings.Cut(err.Error(), "did you mean ")
		if hint = strings.TrimRight(hint, "?)"); hint != "" {
			hint = "did you mean " + hint + "?"
		}
		return &problem{err: text, line: unknown.Line, hint: hint}
	}
	return err
}

// readGlobals gives the ARGs before the first FROM their values.
func (r *reader) readGlobals(args []instructions.ArgCommand) error {
	r.globals, r.defaults, r.declared = platformArgs(r.req), platformArgs(r.req), args
	for _, command := range args {
		for _, arg := range command.Args {
			if arg.Value != nil {
				usual, err := r.expand(r.lex, *arg.Value, r.defaults)
				if err != nil {
					return at(command.Location(), err)
				}
				r.defaults.set(arg.Key, usual.Result)
			}
			value, given := r.req.Args[arg.Key]
			if !given {
				if arg.Value == nil {
					continue
				}
				expanded, err := r.expand(r.lex, *arg.Value, r.globals)
				if err != nil {
					return at(command.Location(), err)
				}
				value = expanded.Result
			}
			r.globals.set(arg.Key, value)
		}
	}
	return nil
}

// expand replaces the variables in word. A few lines that double a variable each must not fill the memory, so the largest
// possible result is looked at first.
func (r *reader) expand(lex *shell.Lex, word string, env *environ) (shell.ProcessWordResult, error) {
	if nests(word) > maxNests {
		return shell.ProcessWordResult{}, fmt.Errorf("variables are nested more than %d deep", maxNests)
	}
	if most := len(word) + strings.Count(word, "$")*env.longest(); most > maxText {
		return shell.ProcessWordResult{}, fmt.Errorf("its variables could expand to %d bytes, more than the %d that are allowed", most, maxText)
	}
	return lex.ProcessWordWithMatches(word, env)
}

// nests is how deep "${a:-${b:-…}}" is nested at most; the lexer would follow it with its stack.
func nests(word string) int {
	depth, most := 0, 0
	for i := range len(word) {
		switch {
		case word[i] == '{' && i > 0 && word[i-1] == '$':
			depth++
			most = max(most, depth)
		case word[i] == '}' && depth > 0:
			depth--
		}
	}
	return most
}
