package frontend_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/build/frontend"
	"github.com/pod-engine/pod/pkg/build/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

var amd64 = plan.Platform{OS: "linux", Arch: "amd64"}

// base is an image whose configuration shows what is inherited.
func base() plan.Image {
	var config plan.Config
	config.OS, config.Architecture = "linux", "amd64"
	config.Config.Env = []string{"PATH=/bin", "FROM_BASE=1"}
	config.Config.Cmd = []string{"base"}
	config.Config.Labels = map[string]string{"from": "base"}
	return plan.Image{ID: "1", Config: config}
}

func trigger() plan.Image {
	img := base()
	img.Config.Config.OnBuild = []string{"COPY trigger /", "RUN --mount=from=base,target=/b true"}
	return img
}

// read reads text with images that are all there.
func read(text string, change func(*plan.Request)) plan.Answer {
	req := plan.Request{
		Name: "Dockerfile", Text: []byte(text), Platform: amd64, BuildPlatform: amd64,
		Args: map[string]string{}, Images: map[string]plan.Image{},
	}
	for _, name := range []string{"base", "base:2", "other"} {
		req.Images[plan.Need{Name: name, Platform: amd64}.Key()] = base()
	}
	req.Images[plan.Need{Name: "trigger", Platform: amd64}.Key()] = trigger()
	if change != nil {
		change(&req)
	}
	return frontend.Read(req)
}

// TestPlans compares the plan of each testdata/*.Dockerfile with the golden file beside it.
func TestPlans(t *testing.T) {
	files, err := filepath.Glob("testdata/*.Dockerfile")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(read(string(text), nil), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".Dockerfile") + ".json"
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got)+"\n" != string(want) {
				t.Errorf("the plan is not that of %s:\n%s", golden, got)
			}
		})
	}
}

// TestVariables are the forms of variables and quoting, as ENV gives them to RUN.
func TestVariables(t *testing.T) {
	for word, want := range map[string]string{
		`$a`: "value", `${a}`: "value", `${a}x`: "valuex", `$ax`: "", `\$a`: "$a", `'$a'`: "$a", `"$a"`: "value",
		`${none:-w}`: "w", `${none-w}`: "w", `${empty:-w}`: "w", `${empty-w}`: "", `${a:+w}`: "w", `${none:+w}`: "", `${empty+w}`: "w",
		`${a#va}`: "lue", `${path##*/}`: "c", `${path%/*}`: "/a/b", `${path%%/*}`: "", `${path/a/x}`: "/x/b/c", `${path//\//-}`: "-a-b-c",
		`"x  y"`: "x  y", `x\ y`: "x y", `${a}${a}`: "valuevalue", `"it's"`: "it's", `${none:-$a}`: "value",
	} {
		answer := read("FROM scratch\nENV a=value empty= path=/a/b/c\nENV result="+word+"\nRUN true\n", nil)
		if answer.Problem != nil {
			t.Errorf("%s: %s", word, answer.Problem.Text)
			continue
		}
		steps := answer.Plan.Stages[0].Steps
		if env := steps[len(steps)-1].Run.Env; !slices.Contains(env, "result="+want) {
			t.Errorf("%s is %q, want %q", word, env[len(env)-1], want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]plan.Problem{
		"":                       {Text: "the file is empty"},
		"# nothing\n":            {Text: "file with no instructions", Line: 1},
		"RUN x\n":                {Text: "no build stage in current context", Line: 1, Hint: "begin with FROM and the image to start from"},
		"ARG a\n":                {Text: "there is no FROM: a build begins with the image it starts from"},
		"FROM base\nCOPPY a b\n": {Text: "unknown instruction COPPY", Line: 2, Hint: "did you mean COPY?"},
		"FROM base AS a\nFROM base\nCOPY --from=1 / /\n": {Text: "--from=1: there is no such stage before this one", Line: 3},
		"FROM base AS a\nCOPY --from=$x / /\n": {
			Text: "--from=$x: variables are not expanded there", Line: 2, Hint: "name a stage: FROM $x AS files, and copy --from=files",
		},
		"FROM base AS a\nCOPY --from=b / /\nFROM base AS b\nCOPY --from=a / /\n": {
			Text: `stage "b" needs itself: its COPY --from and FROM go round in a circle`, Line: 3,
		},
		"ARG none\nFROM $none\n":             {Text: "FROM $none: the name is empty; its ARG has no value", Line: 2},
		"FROM base\nCOPY --chmod=8888 a b\n": {Text: "COPY: --chmod=8888: it is an octal number up to 7777", Line: 2},
		"FROM base\nCOPY --link --chown=bin a b\n": {
			Text: "COPY: --chown=bin: with --link an owner is a number, since there is no /etc/passwd to look it up in", Line: 2,
		},
		"FROM base\nCOPY http://x/y /\n":                    {Text: "COPY http://x/y: an address cannot be copied from; ADD fetches it", Line: 2},
		"FROM base\nEXPOSE 70000\n":                         {Text: `EXPOSE 70000: "70000" is not a port`, Line: 2},
		"FROM base\nEXPOSE 80/icmp\n":                       {Text: `EXPOSE 80/icmp: the protocol "icmp" is not tcp, udp or sctp`, Line: 2},
		"FROM base\nRUN --mount=type=tmpfs,target=/ true\n": {Text: `RUN --mount=type=tmpfs: the target "/" cannot be mounted on`, Line: 2},
	} {
		answer := read(text, nil)
		if answer.Problem == nil || *answer.Problem != want {
			t.Errorf("%q: %+v, want %+v", text, answer.Problem, want)
		}
	}
}

func TestNeeds(t *testing.T) {
	without := func(req *plan.Request) { req.Images = nil }
	answer := read("FROM base AS a\nFROM unused AS u\nFROM --platform=linux/arm64 base\nCOPY --from=other x y\nCOPY --from=a x y\n", without)
	var got []string
	for _, n := range answer.Needs {
		got = append(got, n.Key())
	}
	slices.Sort(got)
	want := []string{"base@linux/amd64", "base@linux/arm64", "other@linux/arm64"}
	if !slices.Equal(got, want) {
		t.Errorf("needs %q, want %q", got, want)
	}
}

func TestTargets(t *testing.T) {
	const text = "FROM base AS one\nRUN 1\nFROM base AS Two\nRUN 2\nFROM one\nRUN 3\n"
	for target, want := range map[string][]int{"": {0, 2}, "one": {0}, "two": {1}, "1": {1}, "2": {0, 2}} {
		answer := read(text, func(req *plan.Request) { req.Target = target })
		var got []int
		if answer.Plan != nil {
			for _, s := range answer.Plan.Stages {
				got = append(got, s.Index)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("--target %q builds %v, want %v", target, got, want)
		}
	}
	answer := read(text, func(req *plan.Request) { req.Target = "tow" })
	if answer.Problem == nil || answer.Problem.Hint != "did you mean --target two?" && answer.Problem.Hint != "did you mean --target Two?" {
		t.Errorf("--target tow: %+v", answer.Problem)
	}
}
