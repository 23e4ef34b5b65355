package frontend_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/build/plan"
)

func TestScanArguments(t *testing.T) {
	const stages = "FROM base AS a\n%a\nRUN one\nFROM base AS b\n%b\nRUN two\nFROM base\n%t\nCOPY --from=a /x /\nCOPY --from=b /y /\n"
	for name, c := range map[string]struct {
		global, a, b, target string
		args                 map[string]string
		want                 []string
	}{
		"nothing":                     {want: nil},
		"a stage":                     {a: "ARG BUILDKIT_SBOM_SCAN_STAGE=true", want: []string{"a"}},
		"all, but one":                {global: "ARG BUILDKIT_SBOM_SCAN_STAGE=true", b: "ARG BUILDKIT_SBOM_SCAN_STAGE=false", want: []string{"a", "2"}},
		"by name":                     {global: "ARG BUILDKIT_SBOM_SCAN_STAGE=b,x", want: []string{"b"}},
		"overridden":                  {a: "ARG BUILDKIT_SBOM_SCAN_STAGE=false", args: map[string]string{"BUILDKIT_SBOM_SCAN_STAGE": "true"}, want: []string{"a"}},
		"an argument nobody declares": {args: map[string]string{"BUILDKIT_SBOM_SCAN_STAGE": "true"}},
		"the context":                 {target: "ARG BUILDKIT_SBOM_SCAN_CONTEXT=1", want: []string{"2 context"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := c.global + "\n" + strings.NewReplacer("%a", c.a, "%b", c.b, "%t", c.target).Replace(stages)
			answer := read(text, func(r *plan.Request) { r.Args = c.args })
			if answer.Plan == nil {
				t.Fatal(answer.Problem)
			}
			var got []string
			for _, s := range answer.Plan.Stages {
				label := s.Name
				if label == "" {
					label = "2"
				}
				if s.Scan {
					got = append(got, label)
				}
				if s.ScanContext {
					got = append(got, label+" context")
				}
				for _, step := range s.Steps {
					if step.Run != nil && strings.Contains(strings.Join(step.Run.Env, " "), "SBOM") {
						t.Errorf("it is a variable of %s", step.Text)
					}
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("scanned: %q, want %q", got, c.want)
			}
		})
	}
}
