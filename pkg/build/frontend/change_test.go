package frontend_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/frontend"
	"github.com/pod-engine/pod/pkg/build/plan"
)

func change(config plan.Config, changes ...string) (plan.Config, error) {
	ask := func(_ context.Context, req plan.Request) (plan.Answer, error) { return frontend.Read(req), nil }
	return build.Change(context.Background(), ask, config, changes)
}

// TestChange is about commit --change and import --change, which are read as a Dockerfile is.
func TestChange(t *testing.T) {
	for text, want := range map[string]string{
		`CMD sleep 1`:              `"Cmd":["/bin/sh","-c","sleep 1"]`,
		`CMD=/bin/sh`:              `"Cmd":["/bin/sh","-c","/bin/sh"]`,
		`cmd ["a", "b c"]`:         `"Cmd":["a","b c"]`,
		`ENTRYPOINT ["/x"]`:        `"Entrypoint":["/x"]`,
		`ENV A=1 B="two words"`:    `"Env":["A=1","B=two words"]`,
		`ENV A two words`:          `"Env":["A=two words"]`,
		`ENV=A=1`:                  `"Env":["A=1"]`,
		`EXPOSE 80 53/udp 100-101`: `"ExposedPorts":{"100/tcp":{},"101/tcp":{},"53/udp":{},"80/tcp":{}}`,
		`HEALTHCHECK --interval=5s --retries=3 CMD true`: `"Healthcheck":{"Test":["CMD-SHELL","true"],"Interval":5000000000,"Retries":3}`,
		`HEALTHCHECK CMD ["true"]`:                       `"Healthcheck":{"Test":["CMD","true"]}`,
		`HEALTHCHECK NONE`:                               `"Healthcheck":{"Test":["NONE"]}`,
		`LABEL a=b "c d"=e`:                              `"Labels":{"a":"b","c d":"e"}`,
		`MAINTAINER me`:                                  `"author":"me"`,
		`ONBUILD RUN make`:                               `"OnBuild":["RUN make"]`,
		`SHELL ["/bin/bash", "-c"]`:                      `"Shell":["/bin/bash","-c"]`,
		`STOPSIGNAL SIGQUIT`:                             `"StopSignal":"SIGQUIT"`,
		`USER app:bin`:                                   `"User":"app:bin"`,
		`VOLUME /a /b`:                                   `"Volumes":{"/a":{},"/b":{}}`,
		`VOLUME ["/a b"]`:                                `"Volumes":{"/a b":{}}`,
		`WORKDIR srv/../x`:                               `"WorkingDir":"/x"`,
	} {
		got, err := change(plan.Config{}, text)
		encoded, _ := json.Marshal(got)
		if err != nil || !strings.Contains(string(encoded), want) {
			t.Errorf("%s gives %s, %v; want %s in it", text, encoded, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "an instruction", "CMD": "an instruction", "RUN make": "none of CMD", "FROM x": "none of CMD", "ENV A": "two arguments", "ENV =b": "blank",
		`LABEL a="b`: "quote", "EXPOSE http": "not a port", "EXPOSE 9-1": "range of ports", "SHELL bash": "JSON", "USER a\nRUN b": "more than one line",
		"HEALTHCHECK true": "HEALTHCHECK", "HEALTHCHECK --x=1 CMD true": "unknown flag", "USER": "an instruction", "CMD <<EOF": "",
	} {
		_, err := change(plan.Config{}, "USER first", text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "change \"")) {
			t.Errorf("change %q: %v; want an error with %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "USER first") {
			t.Errorf("change %q: the error is about another: %v", text, err)
		}
	}
}

// TestChangeKeepsTheRest looks at what an image has already: its history, its triggers, the variables that are not set.
func TestChangeKeepsTheRest(t *testing.T) {
	have := base()
	have.Config.Config.OnBuild = []string{"RUN never"}
	have.Config.Config.Env = []string{"A=1", "AB=2"}
	got, err := change(have.Config, "ENV A=3 C=$AB", "ONBUILD RUN later", "CMD [\"x\"]", "ENTRYPOINT []")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Config.Env, []string{"A=3", "AB=2", "C=2"}) || !slices.Equal(got.Config.OnBuild, []string{"RUN never", "RUN later"}) ||
		!slices.Equal(got.Config.Cmd, []string{"x"}) || len(got.History) != len(have.Config.History) {
		t.Errorf("changed: %+v", got)
	}
}
