package frontend_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/build/plan"
)

// last is the last stage of a Dockerfile that has to be readable.
func last(t *testing.T, text string, change func(*plan.Request)) plan.Stage {
	t.Helper()
	answer := read(text, change)
	if answer.Problem != nil || answer.Plan == nil {
		t.Fatalf("%q: %+v", text, answer.Problem)
	}
	return answer.Plan.Stages[len(answer.Plan.Stages)-1]
}

// TestVariableForms reads words with variables where no quotes are in their way.
func TestVariableForms(t *testing.T) {
	const before = "FROM base\nARG set=value empty= path=/a/b/archive.tar.gz star=a*b words=\"one two\" NONE\n"
	for word, want := range map[string]string{
		`plain`: `plain`, `$set`: `value`, `${set}`: `value`, `$setting`: ``, `${set}ting`: `valueting`, `$set-$set`: `value-value`, `a$`: `a$`, `$`: `$`,
		`$none`: ``, `${none}`: ``, `$NONE`: ``, `$FROM_BASE`: `1`,
		`${set:-word}`: `value`, `${empty:-word}`: `word`, `${none:-word}`: `word`, `${none:-}`: ``, `${none:-$set}`: `value`, `${none:-${empty:-deep}}`: `deep`,
		`${set-word}`: `value`, `${empty-word}`: ``, `${none-word}`: `word`,
		`${set:+word}`: `word`, `${empty:+word}`: ``, `${none:+word}`: ``, `${set:+$path}`: `/a/b/archive.tar.gz`,
		`${set+word}`: `word`, `${empty+word}`: `word`, `${none+word}`: ``,
		`${set:?must_be}`: `value`, `${set?must_be}`: `value`, `${empty?must_be}`: ``,
		`${path#*/}`: `a/b/archive.tar.gz`, `${path##*/}`: `archive.tar.gz`, `${path%.*}`: `/a/b/archive.tar`, `${path%%.*}`: `/a/b/archive`,
		`${path#/a}`: `/b/archive.tar.gz`, `${path#nothing}`: `/a/b/archive.tar.gz`, `${path%/archive*}`: `/a/b`, `${path#?}`: `a/b/archive.tar.gz`,
		`${star#a\*}`: `b`, `${star%\*b}`: `a`,
		`${path/a/X}`: `/X/b/archive.tar.gz`, `${path//a/X}`: `/X/b/Xrchive.tXr.gz`, `${path/.tar.gz/}`: `/a/b/archive`, `${path//\//_}`: `_a_b_archive.tar.gz`,
		`${path/a*e/X}`: `/X.tar.gz`, `${path/none/X}`: `/a/b/archive.tar.gz`, `${path/b/$set}`: `/a/value/archive.tar.gz`,
		`\$set`: `$set`, `\${set}`: `${set}`, `\\`: `\`, `a\ b`: `a b`, `\a`: `a`, `\"`: `"`,
		`'$set'`: `$set`, `'a\b'`: `a\b`, `"$set"`: `value`, `"a\$b"`: `a$b`, `"a\\b"`: `a\b`, `"a\b"`: `a\b`, `"a\"b"`: `a"b`, `"it's"`: `it's`, `'say "x"'`: `say "x"`,
		`a"b c"d`: `ab cd`, `""`: ``, `"$words"`: `one two`, `$words`: `one two`, `x'y z'"$set"`: `xy zvalue`, `${none:-"a b"}`: `a b`,
	} {
		stage := last(t, before+"ENV RESULT="+word+"\n", nil)
		env := stage.Config.Config.Env
		if got := env[len(env)-1]; got != "RESULT="+want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

func TestVariableMistakes(t *testing.T) {
	for word, want := range map[string]string{
		`${none:?must_be_given}`: "must_be_given", `${empty:?}`: "empty", `${none?}`: "none", `${set`: "substitution", `${`: "syntax error", `${set:x}`: "modifier", `"open`: "quote",
		`'open`: "quote", `${set/a}`: "", `${}`: "",
	} {
		answer := read("FROM base\nARG set=value empty=\nENV RESULT="+word+"\n", nil)
		if answer.Problem == nil {
			t.Errorf("%s: is read", word)
		} else if !strings.Contains(answer.Problem.Text, want) || answer.Problem.Line != 3 {
			t.Errorf("%s: %+v, want %q in line 3", word, answer.Problem, want)
		}
	}
}

// TestPrecedence is about which of several values of a variable a RUN sees.
func TestPrecedence(t *testing.T) {
	given := func(args map[string]string) func(*plan.Request) {
		return func(req *plan.Request) { req.Args = args }
	}
	for name, test := range map[string]struct {
		text string
		args map[string]string
		want string // X as the last RUN sees it; "-" is not there
	}{
		"nothing":                                  {text: "FROM base\nRUN x\n", want: "-"},
		"an argument that is not declared":         {text: "FROM base\nRUN x\n", args: map[string]string{"X": "given"}, want: "-"},
		"a default":                                {text: "FROM base\nARG X=default\nRUN x\n", want: "default"},
		"given wins over default":                  {text: "FROM base\nARG X=default\nRUN x\n", args: map[string]string{"X": "given"}, want: "given"},
		"given empty":                              {text: "FROM base\nARG X=default\nRUN x\n", args: map[string]string{"X": ""}, want: ""},
		"declared, no value":                       {text: "FROM base\nARG X\nRUN x\n", want: "-"},
		"global is not in scope":                   {text: "ARG X=global\nFROM base\nRUN x\n", want: "-"},
		"global taken up":                          {text: "ARG X=global\nFROM base\nARG X\nRUN x\n", want: "global"},
		"own default wins over global":             {text: "ARG X=global\nFROM base\nARG X=own\nRUN x\n", want: "own"},
		"given wins over global":                   {text: "ARG X=global\nFROM base\nARG X\nRUN x\n", args: map[string]string{"X": "given"}, want: "given"},
		"a later default":                          {text: "FROM base\nARG X=1\nARG X=2\nRUN x\n", want: "2"},
		"ENV wins over ARG":                        {text: "FROM base\nARG X=arg\nENV X=env\nRUN x\n", args: map[string]string{"X": "given"}, want: "env"},
		"a later ARG wins over ENV, with BuildKit": {text: "FROM base\nENV X=env\nARG X=arg\nRUN x\n", args: map[string]string{"X": "given"}, want: "given"},
		"ENV from ARG":                             {text: "FROM base\nARG X=arg\nENV X=${X}-env\nRUN x\n", want: "arg-env"},
		"and over that of the base":                {text: "FROM base\nARG FROM_BASE=arg\nENV X=$FROM_BASE\nRUN x\n", want: "arg"},
		"one instruction, one value":               {text: "FROM base\nENV X=1\nENV X=2 Y=$X\nENV X=$Y\nRUN x\n", want: "1"},
		"arguments of one ARG see each other":      {text: "FROM base\nARG A=1 X=${A}2\nRUN x\n", want: "12"},
		"an argument of the stage below":           {text: "FROM base AS a\nARG X=below\nFROM a\nRUN x\n", want: "below"},
		"an argument of another stage":             {text: "FROM base AS a\nARG X=other\nFROM base\nRUN x\n", want: "-"},
		"after its RUN":                            {text: "FROM base\nRUN x\nARG X=late\n", want: "-"},
		"a platform's is not there undeclared":     {text: "FROM base\nENV X=${TARGETARCH:-no}\nRUN x\n", want: "no"},
		"a platform's declared":                    {text: "FROM base\nARG TARGETARCH\nENV X=$TARGETARCH\nRUN x\n", want: "amd64"},
		"a platform's with a default":              {text: "FROM base\nARG TARGETARCH=mine\nENV X=$TARGETARCH\nRUN x\n", want: "mine"},
		"a platform's given":                       {text: "FROM base\nARG TARGETARCH\nENV X=$TARGETARCH\nRUN x\n", args: map[string]string{"TARGETARCH": "given"}, want: "given"},
		"a global from a global":                   {text: "ARG A=1\nARG X=${A}2\nFROM base\nARG X\nRUN x\n", want: "12"},
		"a global given reaches the others":        {text: "ARG A=1\nARG X=${A}2\nFROM base\nARG X\nRUN x\n", args: map[string]string{"A": "9"}, want: "92"},
		"quotes in a default":                      {text: "FROM base\nARG X=\"a b\"\nRUN x\n", want: "a b"},
		"the trigger of a base comes first":        {text: "FROM base AS a\nONBUILD ENV X=trigger\nFROM a\nRUN x\n", want: "trigger"},
		"and what the stage says is later":         {text: "FROM base AS a\nONBUILD ENV X=trigger\nFROM a\nENV X=own\nRUN x\n", want: "own"},
		"a trigger sees the arguments of its time": {text: "FROM base AS a\nONBUILD ENV X=${V:-none}\nFROM a\nARG V=late\nRUN x\n", want: "none"},
	} {
		stage := last(t, test.text, given(test.args))
		got := "-"
		for _, step := range stage.Steps {
			if step.Run == nil {
				continue
			}
			got = "-"
			for _, entry := range step.Run.Env {
				if value, ok := strings.CutPrefix(entry, "X="); ok {
					got = value
				}
			}
		}
		if got != test.want {
			t.Errorf("%s: X is %q, want %q", name, got, test.want)
		}
	}
}

// TestLines is about how lines become instructions: continued ones, comments, escapes and here-documents.
func TestLines(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"one line":                      {"RUN a b", "/bin/sh -c a b"},
		"continued":                     {"RUN a \\\n  b", "/bin/sh -c a   b"},
		"spaces behind the escape":      {"RUN a \\  \t\n  b", "/bin/sh -c a   b"},
		"a comment inside":              {"RUN a \\\n# no\n  b", "/bin/sh -c a   b"},
		"an indented comment inside":    {"RUN a \\\n   # no\n  b", "/bin/sh -c a   b"},
		"an empty line inside":          {"RUN a \\\n\n  b", "/bin/sh -c a   b"},
		"a comment that seems to go on": {"RUN a \\\n# no \\\n  b", "/bin/sh -c a   b"},
		"a hash that is no comment":     {"RUN a # b", "/bin/sh -c a # b"},
		"an escape before an escape":    {"RUN a \\\\\n", `/bin/sh -c a \\`},
		"lower case":                    {"run a", "/bin/sh -c a"},
		"indented":                      {"   RUN a", "/bin/sh -c a"},
		"Windows line ends":             {"RUN a \\\r\n  b\r\n", "/bin/sh -c a   b"},
		"variables are the shell's":     {"RUN a $b ${c:-d} \\$e", `/bin/sh -c a $b ${c:-d} \$e`},
		"quotes are the shell's":        {`RUN a "b  c" 'd'`, `/bin/sh -c a "b  c" 'd'`},
		"exec form":                     {`RUN ["a", "b c", "$d"]`, "a|b c|$d"},
		"exec form with escapes":        {`RUN ["a\"b", "\\", "\u00e4"]`, `a"b|\|ä`},
		"exec form that is none":        {`RUN ['a']`, `/bin/sh -c ['a']`},
		"exec form with more behind":    {`RUN ["a"] b`, `/bin/sh -c ["a"] b`},
		"a flag":                        {"RUN --network=none a", "/bin/sh -c a"},
		"what looks like a flag":        {"RUN a --network=none", "/bin/sh -c a --network=none"},
		"a here-document":               {"RUN <<EOF\na\nb $c\nEOF", "/bin/sh -c a\nb $c\n"},
		"quoted":                        {"RUN <<'EOF'\na \\\nb\nEOF", "/bin/sh -c a \\\nb\n"},
		"with tabs":                     {"RUN <<-EOF\n\ta\n\t\tb\n\tEOF", "/bin/sh -c a\nb\n"},
		"with an empty line":            {"RUN <<EOF\n\na\n\nEOF", "/bin/sh -c \na\n\n"},
		"with a comment":                {"RUN <<EOF\n# kept\na\nEOF", "/bin/sh -c # kept\na\n"},
		"empty":                         {"RUN <<EOF\nEOF", "/bin/sh -c "},
		"for a command":                 {"RUN cat <<EOF >f\na\nEOF", "/bin/sh -c cat <<EOF >f\na\nEOF"},
		"for a command, with tabs":      {"RUN cat <<-EOF\n\ta\nEOF", "/bin/sh -c cat <<-EOF\n\ta\nEOF"},
		"two":                           {"RUN a <<A && b <<B\n1\nA\n2\nB", "/bin/sh -c a <<A && b <<B\n1\nA\n2\nB"},
		"a shift is no here-document":   {"RUN echo $((1<<2))", "/bin/sh -c echo $((1<<2))"},
		"a here-string is none":         {"RUN cat <<<a", "/bin/sh -c cat <<<a"},
		"the end is a line of its own":  {"RUN <<E\nE x\n E\nE", "/bin/sh -c E x\n E\n"},
		"after a continued line":        {"RUN a && \\\n  cat <<E\nx\nE", "/bin/sh -c a &&   cat <<E\nx\nE"},
		"in the exec form it is text":   {`RUN ["cat", "<<EOF"]`, "cat|<<EOF"},
		"the shell of before":           {"SHELL [\"/bin/bash\", \"-c\"]\nRUN a", "/bin/bash -c a"},
		"a script":                      {"RUN <<EOF\n#!/usr/bin/env x\na\nEOF", "/dev/pipes/EOF"},
	} {
		stage := last(t, "FROM base\n"+test.text+"\n", nil)
		args := stage.Steps[len(stage.Steps)-1].Run.Args
		got := strings.Join(args, "|")
		if len(args) == 3 && args[1] == "-c" {
			got = strings.Join(args, " ")
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestEscapeDirective changes what continues lines and what makes characters plain.
func TestEscapeDirective(t *testing.T) {
	for text, want := range map[string]string{
		"# escape=`\nFROM base\nENV A=a` b\n":                               "A=a b",
		"# escape=`\nFROM base\nENV A=c:\\dir\\\n":                          `A=c:\dir\`,
		"# escape=`\nFROM base\nENV A=1 `\n  B=2\n":                         "B=2",
		"# escape=\\\nFROM base\nENV A=a\\ b\n":                             "A=a b",
		"#escape = `\nFROM base\nENV A=a` b\n":                              "A=a b",
		"# Escape=`\nFROM base\nENV A=a` b\n":                               "A=a b",
		"# syntax=docker/dockerfile:1\n# escape=`\nFROM base\nENV A=a` b\n": "A=a b",
		"# a comment\n# escape=`\nFROM base\nENV A=a\\ b\n":                 "A=a b",
		"\n# escape=`\nFROM base\nENV A=a\\ b\n":                            "A=a b",
		"# unknown=x\n# escape=`\nFROM base\nENV A=a\\ b\n":                 "A=a b",
		"FROM base\n# escape=`\nENV A=a\\ b\n":                              "A=a b",
	} {
		env := last(t, text, nil).Config.Config.Env
		if got := env[len(env)-1]; got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"# escape=x\nFROM base\n", "# escape=`\n# escape=\\\nFROM base\n"} {
		if answer := read(text, nil); answer.Problem == nil {
			t.Errorf("%q: is read", text)
		}
	}
}

// TestDestinations is about where COPY puts things, before an image has a say.
func TestDestinations(t *testing.T) {
	for text, want := range map[string]string{
		"COPY a /b": "/b", "COPY a /b/": "/b/", "COPY a b": "/b", "COPY a ./b/": "/b/", "COPY a .": "/", "COPY a /": "/", "COPY a /x/../b": "/b", "COPY a ../../b": "/b",
		"WORKDIR /w\nCOPY a b": "/w/b", "WORKDIR /w\nCOPY a .": "/w/", "WORKDIR /w\nCOPY a ./": "/w/", "WORKDIR /w\nCOPY a ..": "/", "WORKDIR w\nWORKDIR v\nCOPY a b": "/w/v/b",
		"ENV D=/d\nCOPY a $D/b": "/d/b", "ENV D=d\nWORKDIR /$D\nCOPY a ${D}/": "/d/d/", "COPY [\"a\", \"/with space\"]": "/with space", "COPY a /b/.": "/b/", "COPY a //b": "/b",
		"COPY <<x /y\nx": "/y", "ADD a /b/": "/b/",
	} {
		stage := last(t, "FROM base\n"+text+"\n", nil)
		if got := stage.Steps[len(stage.Steps)-1].Copy.Dest; got != want {
			t.Errorf("%q: to %q, want %q", text, got, want)
		}
	}
}

// TestInlineFiles are the here-documents of COPY.
func TestInlineFiles(t *testing.T) {
	for text, want := range map[string][]string{
		"COPY <<EOF /x\n$V ${V} \\$V \"$V\" '$V'\nEOF":             {"EOF", "v v $V \"v\" 'v'\n"},
		"COPY <<'EOF' /x\n$V \\$V\nEOF":                            {"EOF", "$V \\$V\n"},
		"COPY <<\"EOF\" /x\n$V\nEOF":                               {"EOF", "$V\n"},
		"COPY <<-EOF /x\n\ta\n\t b\n\tEOF":                         {"EOF", "a\n b\n"},
		"COPY <<a <<b /x/\n1\na\n2\nb":                             {"a", "1\n", "b", "2\n"},
		"COPY <<-\"a\" <<'b' /x/\n\t$V\na\n\t$V\nb":                {"a", "$V\n", "b", "\t$V\n"},
		"ADD <<EOF /x\nEOF":                                        {"EOF", ""},
		"COPY <<EOF /x\na\\\nb\nEOF":                               {"EOF", "a\nb\n"},
		"COPY <<EOF /x\n# a comment\n\nRUN no\nEOF":                {"EOF", "# a comment\n\nRUN no\n"},
		"COPY <<EOF /x\n${NONE:-d} ${V:+s} ${V#v}|\nEOF":           {"EOF", "d s |\n"},
		"COPY --chmod=600 --chown=1:2 <<file.txt /x/\na\nfile.txt": {"file.txt", "a\n"},
	} {
		stage := last(t, "FROM base\nENV V=v\n"+text+"\n", nil)
		var got []string
		for _, f := range stage.Steps[len(stage.Steps)-1].Copy.Files {
			got = append(got, f.Path, f.Data)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
