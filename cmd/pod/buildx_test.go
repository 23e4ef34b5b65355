package main

import (
	"os"
	"strings"
	"testing"
)

// TestModules compares what scripts are told with what is linked.
func TestModules(t *testing.T) {
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"github.com/docker/buildx " + buildxVersion, "github.com/moby/buildkit " + buildkitVersion} {
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("go.mod does not have %q", want)
		}
	}
}
