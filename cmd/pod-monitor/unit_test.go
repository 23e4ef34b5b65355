package main

import (
	"testing"

	"github.com/pod-engine/pod/pkg/engine/monitor"
)

func TestRuntimeMessages(t *testing.T) {
	for _, test := range []struct {
		output, text string
		kind         monitor.Kind
	}{
		{
			"executable file `x` not found in $PATH: No such file or directory\n",
			"executable file `x` not found in $PATH: No such file or directory", monitor.KindNotFound,
		},
		{
			"{\"msg\":\"executable file `x` not found in $PATH: No such file or directory\",\"level\":\"error\",\"time\":\"2026-11-23T19:57:21.943011Z\"}",
			"executable file `x` not found in $PATH: No such file or directory", monitor.KindNotFound,
		},
		{"open executable: Permission denied", "open executable: Permission denied", monitor.KindNotExecutable},
		{"open executable: Operation not permitted", "open executable: Operation not permitted", monitor.KindNotExecutable},
		{
			`time="2026-11-23T19:57:43Z" level=warning msg="old kernel"` + "\n" +
				`time="2026-11-23T19:57:43Z" level=error msg="runc run failed: unable to start container process: exec: \"x\": executable file not found in $PATH"`,
			`exec: "x": executable file not found in $PATH`, monitor.KindNotFound,
		},
		{
			`{"level":"error","msg":"runc create failed: unable to start container process: exec: \"/x\": stat /x: no such file or directory","time":"2026"}`,
			`exec: "/x": stat /x: no such file or directory`, monitor.KindNotFound,
		},
		{`time="2026" level=error msg="exec: \"/bin\": is a directory"`, `exec: "/bin": is a directory`, monitor.KindNotExecutable},
		{`time="2026" level=error msg="exec: \"/x\": permission denied"`, `exec: "/x": permission denied`, monitor.KindNotExecutable},
		{"mount `proc` to `/proc`: Permission denied", "mount `proc` to `/proc`: Permission denied", monitor.KindRuntime},
		{"cannot find container: No such file or directory", "cannot find container: No such file or directory", monitor.KindRuntime},
		{`{"msg":"torn`, `{"msg":"torn`, monitor.KindRuntime},
		{"first\n\x1b[31msecond\t!\n\n", "[31msecond !", monitor.KindRuntime},
		{"", "", monitor.KindRuntime},
	} {
		text := monitor.RuntimeMessage(test.output)
		if text != test.text || monitor.RuntimeKind(text) != test.kind {
			t.Errorf("%q\n got %q (%s)\nwant %q (%s)", test.output, text, monitor.RuntimeKind(text), test.text, test.kind)
		}
	}
}

func TestWanted(t *testing.T) {
	for _, test := range []struct {
		policy   string
		most     uint
		restarts int
		code     int
		want     bool
	}{
		{"", 0, 0, 1, false},
		{"no", 0, 0, 1, false},
		{"always", 0, 1000, 0, true},
		{"unless-stopped", 0, 3, 1, true},
		{"on-failure", 0, 1000, 1, true},
		{"on-failure", 0, 0, 0, false},
		{"on-failure", 2, 1, 1, true},
		{"on-failure", 2, 2, 1, false},
	} {
		if got := wanted(test.policy, test.most, test.restarts, test.code); got != test.want {
			t.Errorf("%+v gives %v", test, got)
		}
	}
}

func TestLookPath(t *testing.T) {
	for _, test := range []struct{ name, path, want string }{
		{"/a/b", "", "/a/b"}, {"sh", "/nosuch:/bin", "/bin/sh"}, {"etc", "/", ""}, {"passwd", "/etc", ""}, {"nosuch", "/bin", ""},
	} {
		got, err := lookPath(test.name, test.path)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("lookPath(%q, %q) = %q, %v", test.name, test.path, got, err)
		}
	}
}
