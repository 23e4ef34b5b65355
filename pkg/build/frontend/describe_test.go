package frontend_test

import (
	"encoding/json"
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
		r.Describe, r.Target = true, "app"
		r.Args["FLAVOUR"] = "sweet"
	})
	if answer.Problem != nil || len(answer.Needs) > 0 || answer.Plan != nil {
		t.Fatalf("the answer is %+v", answer)
	}
	got, err := json.Marshal(answer.Description)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"target":"app","text":"is what is shipped","targets":[` +
		`{"name":"deps","text":"has what the others need","base":"elsewhere:1","line":5},{"name":"unused","base":"scratch","line":7},` +
		`{"name":"app","text":"is what is shipped","base":"deps","line":10},{"base":"app","line":16,"default":true}],` +
		`"args":[{"name":"VERSION","value":"1","text":"is what is built","line":2},{"name":"BASE","value":"elsewhere:1","line":3},` +
		`{"name":"FLAVOUR","value":"sweet","text":"of the app","line":13}],` +
		`"secrets":[{"name":"token","required":true,"line":6},{"name":"key","line":15}],"ssh":[{"name":"default","line":15}],"caches":[{"name":"/cache","line":6}]}`
	if string(got) != want {
		t.Errorf("it is\n%s\nwant\n%s", got, want)
	}
	if bad := read("FROM scratch\n", func(r *plan.Request) { r.Describe, r.Target = true, "x" }); bad.Problem == nil {
		t.Error("a target that is not there can be described")
	}
}
