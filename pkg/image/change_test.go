package image_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/image"
)

func TestChange(t *testing.T) {
	for _, c := range []struct{ change, want string }{
		{`CMD sleep 1`, `"Cmd":["/bin/sh","-c","sleep 1"]`},
		{`CMD=/bin/sh`, `"Cmd":["/bin/sh","-c","/bin/sh"]`},
		{`cmd ["a", "b c"]`, `"Cmd":["a","b c"]`},
		{`ENTRYPOINT ["/x"]`, `"Entrypoint":["/x"]`},
		{`ENV A=1 B="two words" C=\"`, `"Env":["A=1","B=two words","C=\""]`},
		{`ENV A two words`, `"Env":["A=two words"]`},
		{`ENV=A=1`, `"Env":["A=1"]`},
		{`EXPOSE 80 53/udp 100-110`, `"ExposedPorts":{"100-110/tcp":{},"53/udp":{},"80/tcp":{}}`},
		{`HEALTHCHECK --interval=5s --retries=3 CMD true`, `"Healthcheck":{"Test":["CMD-SHELL","true"],"Interval":5000000000,"Retries":3}`},
		{`HEALTHCHECK CMD ["true"]`, `"Healthcheck":{"Test":["CMD","true"]}`},
		{`HEALTHCHECK NONE`, `"Healthcheck":{"Test":["NONE"]}`},
		{`LABEL a=b "c d"=e`, `"Labels":{"a":"b","c d":"e"}`},
		{`MAINTAINER me`, `"author":"me"`},
		{`ONBUILD RUN make`, `"OnBuild":["RUN make"]`},
		{`SHELL ["/bin/bash", "-c"]`, `"Shell":["/bin/bash","-c"]`},
		{`STOPSIGNAL SIGQUIT`, `"StopSignal":"SIGQUIT"`},
		{`USER app:bin`, `"User":"app:bin"`},
		{`VOLUME /a /b`, `"Volumes":{"/a":{},"/b":{}}`},
		{`VOLUME ["/a b"]`, `"Volumes":{"/a b":{}}`},
		{`WORKDIR srv/../x`, `"WorkingDir":"/x"`},
	} {
		change, err := image.ParseChange(c.change)
		if err != nil {
			t.Error(err)
			continue
		}
		var conf image.Config
		if err := conf.Apply([]image.Change{change}); err != nil {
			t.Error(err)
		}
		b, err := conf.Encode()
		if err != nil || !strings.Contains(string(b), c.want) {
			t.Errorf("%s gives %s, %v; want %s in it", c.change, b, err, c.want)
		}
		var back map[string]any
		if err := json.Unmarshal(b, &back); err != nil {
			t.Error(err)
		}
	}
	for change, want := range map[string]string{
		"": "an instruction", "CMD": "an instruction", "RUN make": "none of CMD", "ENV A": "not NAME=VALUE", "ENV =b": "not NAME=VALUE",
		`LABEL a="b`: "not closed", "EXPOSE http": "no port", "EXPOSE 1-x": "no port", "SHELL bash": "JSON list",
		"HEALTHCHECK true": "HEALTHCHECK CMD", "HEALTHCHECK --x=1 CMD true": "no --x", "HEALTHCHECK --retries=x NONE": "not a number",
	} {
		if _, err := image.ParseChange(change); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("change %q: %v; want an error with %q", change, err, want)
		}
	}
}

// TestChangeReplacesEnv sets a variable that the image has: there is one of it afterwards, the new.
func TestChangeReplacesEnv(t *testing.T) {
	var conf image.Config
	conf.Config.Env = []string{"A=1", "AB=2"}
	change, err := image.ParseChange("ENV A=3")
	if err != nil {
		t.Fatal(err)
	}
	if err := conf.Apply([]image.Change{change}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(conf.Config.Env, " "); got != "AB=2 A=3" {
		t.Errorf("the environment is %q", got)
	}
}
