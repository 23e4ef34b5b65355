package frontend_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// TestRules has for each of BuildKit's rules a file that breaks it, where, and one beside it that does not. Lines are those of the instruction.
func TestRules(t *testing.T) {
	experimental := "# check=experimental=InvalidDefinitionDescription\n"
	found := map[string]bool{}
	for _, test := range []struct {
		rule  string
		text  string
		lines []int // at which the rule finds something
	}{
		{"StageNameCasing", "FROM base AS Build\nFROM base AS last\n", []int{1}},
		{"FromAsCasing", "FROM base as one\nFROM base AS two\n", []int{1}},
		{"NoEmptyContinuation", "FROM base\nRUN one \\\n\n  two\nRUN three \\\n  four\n", []int{4}},
		{"ConsistentInstructionCasing", "FROM base\nRUN one\nrun two\nCopy three /\n", []int{3, 4}},
		{"ConsistentInstructionCasing", "from base\nrun one\nRUN two\n", []int{3}},
		{"DuplicateStageName", "FROM base AS one\nFROM base AS two\nFROM base AS one\n", []int{3}},
		{"ReservedStageName", "FROM base AS scratch\nFROM base AS context\nFROM base AS fine\n", []int{1, 2}},
		{"JSONArgsRecommended", "FROM base\nENTRYPOINT one\nCMD two\nFROM base\nSHELL [\"sh\", \"-c\"]\nCMD three\nFROM base\nCMD [\"four\"]\n", nil},
		{"JSONArgsRecommended", "FROM base\nENTRYPOINT one\nCMD two\n", []int{2, 3}},
		{"MaintainerDeprecated", "FROM base\nMAINTAINER me\nLABEL org.opencontainers.image.authors=me\n", []int{2}},
		{"UndefinedArgInFrom", "ARG tag=2\nFROM base:$tga\nFROM base:$tag\n", []int{2}},
		{"UndefinedArgInFrom", "ARG tag=2\nFROM base${tga:-}\n", []int{2}},
		{"WorkdirRelativePath", "FROM base\nWORKDIR app\nWORKDIR sub\nFROM base\nWORKDIR /app\nWORKDIR sub\n", nil},
		{"WorkdirRelativePath", "FROM base\nWORKDIR app\nWORKDIR sub\n", []int{2}},
		{"UndefinedVar", "FROM base\nARG known\nENV a=$known b=$unknown c=${other:-x}\nLABEL d=$PATH\n", []int{3, 3}},
		{"MultipleInstructionsDisallowed", "FROM base\nCMD [\"a\"]\nENTRYPOINT [\"b\"]\nHEALTHCHECK NONE\nCMD [\"c\"]\nENTRYPOINT [\"d\"]\nHEALTHCHECK NONE\n", []int{2, 3, 4}},
		{"LegacyKeyValueFormat", "FROM base\nENV a b\nENV c=d\nLABEL e f\n", []int{2, 4}},
		{"InvalidBaseImagePlatform", "FROM --platform=linux/arm64 foreign AS arm64\nFROM base\nCOPY --from=arm64 / /\n", []int{1}},
		{"RedundantTargetPlatform", "FROM --platform=$TARGETPLATFORM base\nFROM --platform=$BUILDPLATFORM base AS b\n", []int{1}},
		{"SecretsUsedInArgOrEnv", "FROM base\nARG API_TOKEN\nENV DB_PASSWORD=x AUTHOR=me PUBLIC_KEY=y\nARG KEYBOARD\n", []int{2, 3}},
		{"InvalidDefaultArgInFrom", "ARG tag\nFROM base:$tag\n", []int{2}},
		{"InvalidDefaultArgInFrom", "ARG tag\nFROM base:${tag:-2}\n", nil},
		{"InvalidDefaultArgInFrom", "ARG tag\nFROM base:${tag}-slim\nFROM base\n", []int{2}},
		{"UndefinedVar", "FROM base\n# check=skip=UndefinedVar\nENV a=$unknown\nENV b=$unknown\n", []int{4}},
		{"UndefinedVar", "FROM base\n# why not\n# check=skip=all\nENV a=$unknown\n", nil},
		{"FromPlatformFlagConstDisallowed", "ARG x\n# check=skip=FromPlatformFlagConstDisallowed\nFROM --platform=linux/amd64 base\nFROM --platform=linux/amd64 base\n", []int{4}},
		{"MaintainerDeprecated", "FROM base\n# check=skip=MaintainerDeprecated\nMAINTAINER me\n", nil},
		{"FromPlatformFlagConstDisallowed", "FROM --platform=linux/amd64 base\nFROM --platform=linux/amd64 base AS build_amd64\n", []int{1}},
		{"CopyIgnoredFile", "FROM base\nCOPY hidden /\nADD hidden/below /\nCOPY shown /\n", []int{2, 3}},
		{"CopyIgnoredFile", "FROM base\nCOPY . /\n", nil},
		{"InvalidDefinitionDescription", experimental + "# other text\nARG VERSION=1\n# base is what all begin with\nFROM base AS base\n", []int{3}},
		{"InvalidDefinitionDescription", "# other text\nARG VERSION=1\nFROM base\n", nil},
		{"ExposeProtoCasing", "FROM base\nEXPOSE 80/TCP 81/udp\nEXPOSE 82\n", []int{2}},
		{"ExposeInvalidFormat", "FROM base\nEXPOSE 127.0.0.1:80:80\nEXPOSE 8000:8000\nEXPOSE 80\n", []int{2, 3}},
	} {
		answer := read(test.text, func(req *plan.Request) {
			req.Ignore = []string{"hidden"}
			arm64 := plan.Platform{OS: "linux", Arch: "arm64"}
			req.Images[plan.Need{Name: "foreign", Platform: arm64}.Key()] = base()
			for _, name := range []string{"base:", "base"} {
				req.Images[plan.Need{Name: name, Platform: amd64}.Key()] = base()
			}
		})
		var lines []int
		for _, w := range answer.Warnings {
			if w.Rule == test.rule {
				lines = append(lines, w.Line)
				if w.Detail == "" || w.URL == "" && test.rule != "InvalidBaseImagePlatform" {
					t.Errorf("%s: the finding says %+v", test.rule, w)
				}
			}
		}
		slices.Sort(lines)
		if !slices.Equal(lines, test.lines) {
			problem := ""
			if answer.Problem != nil {
				problem = answer.Problem.Text
			}
			t.Errorf("%s finds lines %v of, want %v:\n%s%s", test.rule, lines, test.lines, test.text, problem)
		}
		found[test.rule] = found[test.rule] || len(lines) > 0
	}
	for _, rule := range allRules() {
		if !found[rule] {
			t.Errorf("no file breaks the rule %s", rule)
		}
	}
}

// allRules are the names of BuildKit's rules.
func allRules() []string {
	var names []string
	for _, rule := range []any{
		linter.RuleStageNameCasing, linter.RuleFromAsCasing, linter.RuleNoEmptyContinuation, linter.RuleConsistentInstructionCasing, linter.RuleDuplicateStageName,
		linter.RuleReservedStageName, linter.RuleJSONArgsRecommended, linter.RuleMaintainerDeprecated, linter.RuleUndefinedArgInFrom, linter.RuleWorkdirRelativePath,
		linter.RuleUndefinedVar, linter.RuleMultipleInstructionsDisallowed, linter.RuleLegacyKeyValueFormat, linter.RuleInvalidBaseImagePlatform,
		linter.RuleRedundantTargetPlatform, linter.RuleSecretsUsedInArgOrEnv, linter.RuleInvalidDefaultArgInFrom, linter.RuleFromPlatformFlagConstDisallowed,
		linter.RuleCopyIgnoredFile, linter.RuleInvalidDefinitionDescription, linter.RuleExposeProtoCasing, linter.RuleExposeInvalidFormat,
	} {
		names = append(names, reflect.ValueOf(rule).FieldByName("Name").String())
	}
	return names
}

// TestCheckDirective is what a file, or the argument in its place, says of the rules.
func TestCheckDirective(t *testing.T) {
	const body = "FROM base AS Build\nCMD one\n"
	for directive, want := range map[string]string{
		"":                             "StageNameCasing JSONArgsRecommended",
		"# check=skip=StageNameCasing": "JSONArgsRecommended",
		"# check=skip=StageNameCasing,JSONArgsRecommended": "",
		"# check=skip=all":                            "",
		"# check=error=true":                          "StageNameCasing JSONArgsRecommended refused",
		"# check=skip=JSONArgsRecommended;error=true": "StageNameCasing refused",
		"# check=skip=all;error=true":                 "",
		"# check=skip=none;error=false":               "StageNameCasing JSONArgsRecommended",
		"# check=error=perhaps":                       "refused",
		"# check=colour=red":                          "refused",
	} {
		for _, argument := range []bool{false, true} {
			answer := read(directive+"\n"+body, nil)
			if argument {
				_, value, _ := strings.Cut(directive, "check=")
				answer = read("# check=skip=all\n"+body, func(req *plan.Request) { req.Args["BUILDKIT_DOCKERFILE_CHECK"] = value })
			}
			var got []string
			for _, w := range answer.Warnings {
				got = append(got, w.Rule)
			}
			if answer.Problem != nil {
				got = append(got, "refused")
			}
			slices.Sort(got)
			wanted := strings.Fields(want)
			slices.Sort(wanted)
			if !slices.Equal(got, wanted) {
				t.Errorf("%q (as an argument: %t): %v, want %v", directive, argument, got, fmt.Sprint(wanted))
			}
		}
	}
}
