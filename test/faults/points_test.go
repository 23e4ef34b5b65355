package faults

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// buildPoints are the steps of builds, and of what builds do to the store, by the test that kills a build at each.
func buildPoints() map[string]string {
	points := map[string]string{}
	for test, names := range map[string][]string{
		"TestABuildSurvivesItsDeath": {
			"build.read", "build.workspace", "build.cachemoved", "build.cachemount", "build.cacheheld", "build.remembered", "step.bundled", "step.ended", "monitor.step",
			"layer.described", "layer.staged", "layer.recording", "layer.recorded", "image.pinned", "image.recorded", "image.named",
		},
		"TestABuildSurvivesItsDeathOnTheWayOut":       {"build.files", "build.squashed", "build.cachewritten"},
		"TestABuildSurvivesItsDeathWithAForeignCache": {"build.imported", "step.placed"},
		"TestAnAttestedBuildSurvivesItsDeath":         {"build.scanned", "build.generated", "build.attested"},
		"TestTheCacheSurvivesTheDeathOfWhoRemoves":    {"rmi.kept", "rmi.delete", "rmi.deleted", "prune.records", "prune.layer", "prune.layers"},
	} {
		for _, name := range names {
			points[name] = test
		}
	}
	return points
}

// pointsOf are the steps at which a test kills builds, in order of their names.
func pointsOf(test string) (points []string) {
	all := buildPoints()
	for _, point := range slices.Sorted(maps.Keys(all)) {
		if all[point] == test {
			points = append(points, point)
		}
	}
	return points
}

// TestNoStepOfABuildIsForgotten finds every failpoint in the sources of builds; a new one has to be killed at.
func TestNoStepOfABuildIsForgotten(t *testing.T) {
	hit := regexp.MustCompile(`failpoint\.Hit\("([^"]+)"`)
	points := buildPoints()
	found := map[string]bool{}
	for _, pattern := range []string{
		"pkg/build/*.go", "pkg/build/files/*.go", "pkg/engine/step*.go", "cmd/pod-monitor/step*.go", "cmd/pod/*.go", "pkg/image/addlayer.go", "pkg/image/addimage.go", "pkg/image/stagelayer.go",
		"pkg/image/firstname.go", "pkg/image/pin.go", "pkg/image/remove.go", "pkg/image/removelayer.go",
	} {
		files, err := filepath.Glob(filepath.Join("..", "..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range hit.FindAllStringSubmatch(string(text), -1) {
				found[m[1]] = true
				if points[m[1]] == "" {
					t.Errorf("%s: nobody kills a build at %q; see buildPoints", file, m[1])
				}
			}
		}
	}
	for point, test := range points {
		if !found[point] {
			t.Errorf("%s claims to kill at %q, which is not there", test, point)
		}
	}
}
