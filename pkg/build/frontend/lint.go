package frontend

import (
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/moby/buildkit/util/suggest"
	"github.com/moby/patternmatcher"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// The rules are BuildKit's (docs.docker.com/reference/build-checks); those that the parser cannot see for itself are looked for here.

// readChecks sets the linter up as the "# check=" directive says, or the argument that overrides it.
func (r *reader) readChecks() error {
	text, _, _, _ := parser.ParseDirective("check", r.req.Text)
	if given, ok := r.req.Args["BUILDKIT_DOCKERFILE_CHECK"]; ok {
		text = given
	}
	config, err := linter.ParseLintOptions(text)
	if err != nil {
		return err
	}
	config.Warn = func(rule, description, url, detail string, location []parser.Range) {
		w := plan.Warning{Rule: rule, Description: description, URL: url, Detail: detail, Line: firstLine(location), EndLine: lastLine(location)}
		if !slices.Contains(r.warnings, w) {
			r.warnings = append(r.warnings, w)
		}
	}
	r.lint = linter.New(config)
	return nil
}

// checked reads an instruction with the rules that "# check=" in the comment above it leaves.
func (r *reader) checked(comments []string, read func() error) error {
	whole := r.lint
	defer func() { r.lint = whole }()
	r.lint = whole.WithMergedConfigFromComments(comments)
	return read()
}

// parserWarning takes over what the parser has found; all but the empty continuation are findings of no rule.
func (r *reader) parserWarning(w parser.Warning) {
	var location []parser.Range
	if w.Location != nil {
		location = []parser.Range{*w.Location}
	}
	r.lint.Run(&linter.RuleNoEmptyContinuation, location, linter.RuleNoEmptyContinuation.Format())
}

// lintNames looks at the names of stages and the casing of instructions.
func (r *reader) lintNames(stages []instructions.Stage) {
	lower, upper := 0, 0
	count := func(word string) {
		switch word {
		case strings.ToLower(word):
			lower++
		case strings.ToUpper(word):
			upper++
		}
	}
	seen := map[string]bool{}
	for _, s := range stages {
		count(s.OrigCmd)
		for _, c := range s.Commands {
			count(c.Name())
		}
		if s.Name == "context" || s.Name == scratch {
			r.lint.Run(&linter.RuleReservedStageName, s.Location, linter.RuleReservedStageName.Format(s.Name))
		}
		if s.Name != "" && seen[s.Name] {
			r.lint.Run(&linter.RuleDuplicateStageName, s.Location, linter.RuleDuplicateStageName.Format(s.Name))
		}
		seen[s.Name] = true
	}
	check := func(word string, location []parser.Range) {
		want, name := strings.ToUpper(word), "uppercase"
		if lower > upper {
			want, name = strings.ToLower(word), "lowercase"
		}
		if word != want {
			r.lint.Run(&linter.RuleConsistentInstructionCasing, location, linter.RuleConsistentInstructionCasing.Format(word, name))
		}
	}
	for _, s := range stages {
		check(s.OrigCmd, s.Location)
		for _, c := range s.Commands {
			check(c.Name(), c.Location())
		}
	}
}

// lintFrom looks at the variables in the name of a FROM.
func (r *reader) lintFrom(s instructions.Stage, name shell.ProcessWordResult) {
	known := r.globals.Keys()
	for _, command := range r.declared {
		for _, arg := range command.Args {
			known = append(known, arg.Key) // with a value or not
		}
	}
	for _, missing := range sorted(name.Unmatched) {
		if slices.Contains(known, missing) {
			continue
		}
		near, _ := suggest.Search(missing, known, true)
		r.lint.Run(&linter.RuleUndefinedArgInFrom, s.Location, linter.RuleUndefinedArgInFrom.Format(missing, near))
	}
}

// lintDefaults looks whether, whatever was given with this build, the defaults alone make names.
func (r *reader) lintDefaults(stages []instructions.Stage) {
	for _, s := range stages {
		usual, err := r.expand(r.lex, s.BaseName, r.defaults)
		if err != nil {
			return // it is an error soon
		}
		if _, err := reference.ParseNormalizedNamed(usual.Result); err != nil {
			r.lint.Run(&linter.RuleInvalidDefaultArgInFrom, s.Location, linter.RuleInvalidDefaultArgInFrom.Format(s.BaseName))
		}
	}
}

// lintPlatform looks at FROM --platform.
func (r *reader) lintPlatform(s instructions.Stage, text shell.ProcessWordResult) {
	_, isTarget := text.Matched["TARGETPLATFORM"]
	if isTarget && len(text.Matched) == 1 && text.Result == r.req.Platform.String() {
		r.lint.Run(&linter.RuleRedundantTargetPlatform, s.Location, linter.RuleRedundantTargetPlatform.Format(s.Platform))
	}
	if len(text.Matched)+len(text.Unmatched) > 0 {
		return
	}
	p, err := plan.ParsePlatform(text.Result, runtime.GOARCH)
	if err == nil && !strings.Contains(s.Name, p.OS) && !strings.Contains(s.Name, p.Arch) {
		r.lint.Run(&linter.RuleFromPlatformFlagConstDisallowed, s.Location, linter.RuleFromPlatformFlagConstDisallowed.Format(text.Result))
	}
}

func (r *reader) lintBasePlatform(s *stage, actual specs.Platform) {
	want := s.out.Platform
	if actual.OS != want.OS || actual.Architecture != want.Arch {
		is := plan.Platform{OS: actual.OS, Arch: actual.Architecture, Variant: actual.Variant}
		r.lint.Run(&linter.RuleInvalidBaseImagePlatform, s.Location, linter.RuleInvalidBaseImagePlatform.Format(s.BaseName, want.String(), is.String()))
	}
}

// lintUndefined looks at variables that nothing has set.
func (r *reader) lintUndefined(s *stage, c instructions.Command, result shell.ProcessWordResult) {
	for _, missing := range sorted(result.Unmatched) {
		if slices.Contains(s.args, missing) {
			continue
		}
		near, _ := suggest.Search(missing, s.env.Keys(), true)
		r.lint.Run(&linter.RuleUndefinedVar, c.Location(), linter.RuleUndefinedVar.Format(missing, near))
	}
}

func sorted(set map[string]struct{}) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r *reader) lintEnv(i *instructions.EnvCommand) {
	for _, e := range i.Env {
		if e.NoDelim {
			r.lint.Run(&linter.RuleLegacyKeyValueFormat, i.Location(), linter.RuleLegacyKeyValueFormat.Format(i.Name()))
		}
		r.lintSecret("ENV", e.Key, command{Command: i})
	}
}

func (r *reader) lintLabel(i *instructions.LabelCommand) {
	for _, l := range i.Labels {
		if l.NoDelim {
			r.lint.Run(&linter.RuleLegacyKeyValueFormat, i.Location(), linter.RuleLegacyKeyValueFormat.Format(i.Name()))
		}
	}
}

// lintSecret looks for names that are those of secrets: whole, or as their first or last word.
func (r *reader) lintSecret(instruction, name string, c command) {
	words := strings.Split(strings.ToLower(name), "_")
	has := func(list ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(list, w) })
	}
	if has("apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token") &&
		!has("public", "file", "version") {
		r.lint.Run(&linter.RuleSecretsUsedInArgOrEnv, c.Location(), linter.RuleSecretsUsedInArgOrEnv.Format(instruction, name))
	}
}

func (r *reader) lintShellForm(s *stage, c command) {
	if len(s.out.Config.Config.Shell) == 0 {
		r.lint.Run(&linter.RuleJSONArgsRecommended, c.Location(), linter.RuleJSONArgsRecommended.Format(c.Name()))
	}
}

// lintOnce looks at instructions of which only the last counts, and shows the one before, which does not.
func (r *reader) lintOnce(c command, before *[]parser.Range) {
	if *before != nil {
		r.lint.Run(&linter.RuleMultipleInstructionsDisallowed, *before, linter.RuleMultipleInstructionsDisallowed.Format(c.Name()))
	}
	*before = c.Location()
}

func (r *reader) lintWorkdir(s *stage, i *instructions.WorkdirCommand) {
	if !s.workdirSet && !path.IsAbs(i.Path) {
		r.lint.Run(&linter.RuleWorkdirRelativePath, i.Location(), linter.RuleWorkdirRelativePath.Format(i.Path))
	}
	s.workdirSet = true
}

// lintIgnored looks at sources that the ignore file leaves out. With exceptions in it that cannot be told.
func (r *reader) lintIgnored(verb, source string, c command) {
	matcher, err := patternmatcher.New(r.req.Ignore)
	if err != nil || len(r.req.Ignore) == 0 || matcher.Exclusions() {
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+source), "/")
	if name == "" && !slices.ContainsFunc(r.req.Ignore, func(p string) bool { return p == "*" || p == "**" || p == "**/*" }) {
		return // the context itself, of which something is left
	}
	if name == "" {
		name = "."
	}
	if ignored, err := matcher.MatchesOrParentMatches(name); err == nil && ignored {
		verb = verb[:1] + strings.ToLower(verb[1:])
		r.lint.Run(&linter.RuleCopyIgnoredFile, c.Location(), linter.RuleCopyIgnoredFile.Format(verb, source))
	}
}
