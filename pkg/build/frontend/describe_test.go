package frontend_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/build/plan"
)

func TestDescription(t *testing.T) {
	const text = `# VERSION is what is built
ARG VERSION=1
ARG BASE=elsewhere:${VERSION}
# deps has what the others need
FROM $BASE AS deps
RUN --mount=type=cache,target=/cache --mount=type=secret,id=token,required true
FROM scratch AS unused
ARG NEVER
# app is what is shipped
FROM deps AS app
ARG TARGETARCH
# FLAVOUR of the app
ARG FLAVOUR=plain
ARG VERSION
RUN --mount=type=ssh --mount=type=secret,target=/x/key true
FROM app
`
	answer := read(text, func(r *plan.Request) {
		r.Describe, r.Target = plan.DescribeOutline, "app"
		r.Args["FLAVOUR"] = "sweet"
	})
	if answer.Problem != nil || len(answer.Needs) > 0 || answer.Plan != nil {
		t.Fatalf("the answer is %+v", answer)
	}
	got, err := json.Marshal(answer.Description)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"target":"app","text":"is what is shipped",` +
		`"args":[{"name":"VERSION","value":"1","text":"is what is built","line":2},{"name":"BASE","value":"elsewhere:1","line":3},` +
		`{"name":"FLAVOUR","value":"sweet","text":"of the app","line":13}],` +
		`"secrets":[{"name":"token","required":true,"line":6},{"name":"key","line":15}],"ssh":[{"name":"default","line":15}],"caches":[{"name":"/cache","line":6}]}`
	if string(got) != want {
		t.Errorf("it is\n%s\nwant\n%s", got, want)
	}
	if bad := read("FROM scratch\n", func(r *plan.Request) { r.Describe, r.Target = plan.DescribeOutline, "x" }); bad.Problem == nil {
		t.Error("a target that is not there can be described")
	}
}

// TestOutline is about which arguments a target can be given: those before the first FROM that it uses, with what they need, and where it declares each
// itself, if it does, with the value that it has there.
func TestOutline(t *testing.T) {
	const text = `ARG UNUSED=1
ARG KIND=one
ARG REGISTRY=r
ARG BASE=$REGISTRY/base
ARG SHARED="global"
FROM $BASE AS one
ARG SHARED
ARG NAME
ARG QUOTED="5m"
ENV HOME=/home
FROM scratch AS two
COPY --from=one /a /b
ARG NAME
ARG EMPTY=''
ARG TARGETARCH
ARG TARGETOS=plan9
FROM ${KIND:-one}
ARG DIR=$HOME/$QUOTED
`
	for target, want := range map[string]string{
		"two": "REGISTRY=r BASE=r/base SHARED=global QUOTED=5m NAME= EMPTY= TARGETOS=plan9", "one": "REGISTRY=r BASE=r/base SHARED=global NAME= QUOTED=5m",
		"": "KIND=one REGISTRY=r BASE=r/base SHARED=global NAME= QUOTED=5m DIR=/home/5m",
	} {
		answer := read(text, func(r *plan.Request) { r.Describe, r.Target = plan.DescribeOutline, target })
		if answer.Problem != nil {
			t.Fatalf("%q: %+v", target, answer.Problem)
		}
		var got []string
		for _, p := range answer.Description.Args {
			got = append(got, p.Name+"="+p.Value)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %s\nwant %s", target, strings.Join(got, " "), want)
		}
	}
}

// TestTargetsAsWritten is about stages as they are written: they need no value of any argument.
func TestTargetsAsWritten(t *testing.T) {
	answer := read("ARG BASE\nFROM --platform=$BUILDPLATFORM $BASE AS one\n# two is the last\nFROM one AS two\n", func(r *plan.Request) { r.Describe = plan.DescribeTargets })
	got, err := json.Marshal(answer.Description)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"targets":[{"name":"one","base":"$BASE","platform":"$BUILDPLATFORM","line":2},{"name":"two","text":"is the last","base":"one","line":4,"default":true}]}`
	if string(got) != want {
		t.Errorf("they are\n%s\nwant\n%s", got, want)
	}
}
