package main

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	line := func(program, want string, args ...string) {
		t.Helper()
		got, err := runTest(t, program, sources{}, append([]string{"version"}, args...)...)
		if err != nil || got != want {
			t.Errorf("%s version %q: got %q, %v, want %q", program, args, got, err, want)
		}
	}
	line("pod", version+" linux\n", "-f", "{{.Client.Version}} {{.Client.Os}}")
	line("docker", version+"\n", "--format", "{{.Server.Version}}")
	got, err := runTest(t, "pod", sources{}, "version")
	if err != nil || !strings.HasPrefix(got, "Client:       Pod Engine\nVersion:      "+version+"\nAPI Version:  ") ||
		!strings.HasSuffix(got, "\nOS/Arch:      linux/"+runtime.GOARCH+"\n") {
		t.Errorf("got %q, %v", got, err)
	}
	got, err = runTest(t, "docker", sources{}, "version")
	if err != nil || !strings.Contains(got, "\nServer: Pod Engine\n Engine:\n  Version:           "+version+"\n") {
		t.Errorf("got %q, %v", got, err)
	}
	if got := versionLine("pod"); got != "pod version "+version {
		t.Error(got)
	}
	if got := versionLine("docker"); !strings.HasPrefix(got, "Docker version "+version+", build ") {
		t.Error(got)
	}
}

// The answer is podman's on one line, without a server.
func TestVersionJSON(t *testing.T) {
	got, err := runTest(t, "pod", sources{}, "version", "--format", "json")
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]map[string]any
	if err := json.Unmarshal([]byte(got), &answer); err != nil || len(answer) != 1 {
		t.Fatalf("%q: %v", got, err)
	}
	for _, key := range []string{"APIVersion", "Version", "GoVersion", "GitCommit", "BuiltTime", "Built", "OsArch", "Os"} {
		if _, ok := answer["Client"][key]; !ok {
			t.Errorf("no %s in %s", key, got)
		}
	}
}
