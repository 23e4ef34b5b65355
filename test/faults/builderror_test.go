package faults

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
)

// erring is a command that passes a step, and what makes it do so.
type erring struct {
	args   []string
	before [][]string
	fresh  bool // it makes or keeps a layer, which must not be there
	works  bool // all the same: what fails was only to save work
}

// erringAt says how to come to a step. A disk that gives errors does it to a build that goes on, unlike a death, with all that it has to undo.
func erringAt(point string, build []string, out, cache string) erring {
	with := func(flags ...string) erring { return erring{args: slices.Insert(slices.Clone(build), 1, flags...)} }
	switch point {
	case "build.files", "build.squashed", "build.cachewritten":
		return with("--no-cache", "--squash", "-o", filepath.Join(out, "files"), "--cache-to", "type=local,mounts=true,mode=max,dest="+filepath.Join(out, point))
	case "build.imported":
		e := with("--cache-from", "type=local,src="+cache)
		e.fresh, e.works = true, true
		return e
	case "layer.recording", "layer.recorded":
		return erring{args: build, fresh: true}
	case "step.placed":
		return with("--no-cache", "--cgroup-parent", "pod")
	case "build.generated":
		return with("--no-cache", "--sbom-scanner-image", podtest.BoxImage, "--sbom-scanner-command", `sh -c "echo {} >{OUTPUT}"`, "--sbom-output", filepath.Join(out, "bom"))
	case "build.scanned", "build.attested":
		return with("--no-cache", "--provenance=mode=max", "--sbom=true")
	case "rmi.kept", "rmi.delete", "rmi.deleted":
		return erring{args: []string{"rmi", victim}, fresh: point == "rmi.kept"}
	case "prune.records", "prune.layer", "prune.layers":
		return erring{args: []string{"builder", "prune", "--all", "--force"}, before: [][]string{{"rmi", victim}}}
	}
	return with("--no-cache")
}

// TestABuildFailsAtEachStep has each step of builds, and of what removes their results, end in an error: the command fails with it, and leaves nothing half
// done; the name means the old image or the new one; the next build makes what one without an error makes.
func TestABuildFailsAtEachStep(t *testing.T) {
	b := newBench(t)
	first, second := buildContext(t)
	out, err := os.MkdirTemp("", "pod-faults-") // where the caller may write
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(out)
	build := func(dir string) []string {
		return []string{"build", "-q", "--network", "none", "--timestamp", "1700000000", "-t", victim, dir}
	}
	cache := filepath.Join(out, "cache")
	b.must(nil, slices.Insert(build(second), 1, "--cache-to", "type=local,mode=max,dest="+cache)...)
	want := b.built(build(second))
	for _, point := range slices.Sorted(maps.Keys(buildPoints())) {
		t.Run(point, func(t *testing.T) {
			e := erringAt(point, build(second), out, cache)
			if e.fresh {
				if err := b.buildGone(build(first)); err != nil {
					t.Fatal(err)
				}
			}
			for _, args := range append([][]string{build(first)}, e.before...) {
				b.must(nil, args...)
			}
			if e.works {
				b.must([]string{"POD_FAILPOINT=" + point + "=error"}, e.args...)
			} else if err := b.buildFails(e.args, point); err != nil {
				t.Error(err)
			}
			if id := b.built(build(second)); id != want {
				t.Errorf("the next build makes %s and not %s", id, want)
			}
			if err := b.command(nil, "run", "--rm", "--network", "none", victim, "grep", "-qx", "second", "/content", "/copied"); err != nil {
				t.Error(err)
			}
		})
	}
	if err := b.buildGone(build(first)); err != nil {
		t.Error(err)
	}
}

// buildFails has a command fail at a step, with what is left of it in the error.
func (b *bench) buildFails(args []string, point string) error {
	err := b.command([]string{"POD_FAILPOINT=" + point + "=error"}, args...)
	if err == nil || errors.Is(err, errHangs) || !strings.Contains(err.Error(), "failpoint "+point) {
		return fmt.Errorf("it does not fail at %s: %w", point, err)
	}
	left, err := filepath.Glob(filepath.Join(b.world.DataDir(), "containers", "storage", "pod-build", "*"))
	if len(left) > 0 {
		return fmt.Errorf("it leaves %v", left)
	}
	return err
}
