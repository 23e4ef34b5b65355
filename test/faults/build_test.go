package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
)

// buildContext has a first state, from which victim is made, and a second, whose build is killed.
func buildContext(t *testing.T) (first, second string) {
	t.Helper()
	dir := t.TempDir()
	const text = `FROM localhost/box AS base
RUN --mount=type=cache,target=/cache echo x >>/cache/n && echo %s >/made
FROM localhost/box
COPY --from=base /made /copied
COPY content /content
WORKDIR /w
`
	for _, state := range []string{"first", "second"} {
		sub := filepath.Join(dir, state)
		if err := os.Mkdir(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string]string{"Dockerfile": fmt.Sprintf(text, state), "content": state} {
			if err := os.WriteFile(filepath.Join(sub, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return filepath.Join(dir, "first"), filepath.Join(dir, "second")
}

// TestABuildSurvivesItsDeath kills a build at every step: the name means the old image or the new one, whole; the next build
// works; nothing goes on running and, after a prune, nothing is left.
func TestABuildSurvivesItsDeath(t *testing.T) {
	b := newBench(t)
	first, second := buildContext(t)
	build := func(dir string) []string {
		args := []string{"build", "-q", "--network", "none", "--timestamp", "1700000000", "-t", victim, dir}
		if dir == second {
			args = append(args, "--no-cache") // the cache of its RUN is emptied, too
		}
		return args
	}
	prepare := func() { b.must(nil, build(first)...) }
	prepare()
	trace := filepath.Join(t.TempDir(), "trace")
	b.must([]string{"POD_FAILPOINT_TRACE=" + trace}, build(second)...)
	want := b.built(build(second))
	seen := map[string]bool{}
	var table results
	for _, point := range traced(trace) {
		if seen[point] {
			continue
		}
		seen[point] = true
		if err := b.buildGone(build(first)); err != nil {
			t.Fatal(err)
		}
		prepare()
		t.Run(point, func(t *testing.T) {
			err := b.buildDies(build(second), point, want)
			table.add("build", point, "command", err)
			if err != nil {
				t.Error(err)
			}
		})
	}
	for _, point := range pointsOf(t.Name()) {
		if !seen[point] {
			t.Errorf("a build does not pass %s", point)
		}
	}
	if err := b.buildGone(build(first)); err != nil {
		t.Error(err)
	}
	t.Logf("steps at which a build was killed:\n%s", &table)
}

// TestABuildSurvivesItsDeathOnTheWayOut kills a build where its files, its squashed layer and its cache are written.
func TestABuildSurvivesItsDeathOnTheWayOut(t *testing.T) {
	b := newBench(t)
	first, second := buildContext(t)
	plain := []string{"build", "-q", "--network", "none", "-t", victim, first}
	// Where the caller may write.
	out, err := os.MkdirTemp("", "pod-faults-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(out)
	build := []string{
		"build", "-q", "--network", "none", "-t", victim, "--squash", "-o", filepath.Join(out, "files"),
		"--cache-to", "type=local,mounts=true,mode=max,dest=" + filepath.Join(out, "cache"), second,
	}
	for _, point := range pointsOf(t.Name()) {
		t.Run(point, func(t *testing.T) {
			b.must(nil, plain...)
			if err := b.buildDies(build, point, ""); err != nil {
				t.Error(err)
			}
			// What is in the cache directory now is whole.
			if err := b.command(nil, "build", "-q", "--network", "none", "--cache-from", "type=local,src="+filepath.Join(out, "cache"), second); err != nil {
				t.Error(err)
			}
			if err := b.buildGone(plain); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAnAttestedBuildSurvivesItsDeath kills a build where it states what it has made, and where the list of that is recorded.
func TestAnAttestedBuildSurvivesItsDeath(t *testing.T) {
	b := newBench(t)
	first, second := buildContext(t)
	build := func(dir string) []string {
		return []string{"build", "-q", "--network", "none", "-t", victim, "--provenance=mode=max", "--sbom=true", dir}
	}
	// A scanner of the user's own runs as a step does.
	scanner := []string{
		"--sbom-scanner-image", podtest.BoxImage, "--sbom-scanner-command", `sh -c "echo {} >{OUTPUT}"`,
		"--sbom-output", filepath.Join(t.TempDir(), "bom.json"),
	}
	for _, point := range append(pointsOf(t.Name()), "image.recorded", "image.named") {
		t.Run(point, func(t *testing.T) {
			b.must(nil, build(first)...)
			dies := build(second)
			if point == "build.generated" {
				dies = slices.Insert(dies, 1, scanner...)
			}
			if err := b.buildDies(dies, point, ""); err != nil {
				t.Error(err)
			}
			if err := b.buildGone(build(first)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestABuildSurvivesItsDeathWithAForeignCache kills a build where it has brought in a layer of a cache of others, and one where it has made the cgroup of a
// step with limits.
func TestABuildSurvivesItsDeathWithAForeignCache(t *testing.T) {
	b := newBench(t)
	first, second := buildContext(t)
	plain := []string{"build", "-q", "--network", "none", "--timestamp", "1700000000", "-t", victim, first}
	cache, err := os.MkdirTemp("", "pod-faults-") // where the caller may write
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(cache)
	build := append(slices.Clone(plain[:len(plain)-1]), second)
	b.must(nil, slices.Insert(slices.Clone(build), 1, "--cache-to", "type=local,mode=max,dest="+cache)...)
	want := b.built(build)
	for _, point := range pointsOf(t.Name()) {
		t.Run(point, func(t *testing.T) {
			if err := b.buildGone(plain); err != nil {
				t.Fatal(err)
			}
			b.must(nil, plain...)
			more := []string{"--cache-from", "type=local,src=" + cache}
			if point == "step.placed" {
				more = []string{"--cgroup-parent", "pod"}
			}
			if err := b.buildDies(slices.Insert(slices.Clone(build), 1, more...), point, want); err != nil {
				t.Error(err)
			}
		})
	}
	if err := b.buildGone(plain); err != nil {
		t.Error(err)
	}
}

// built gives the id of the image that a build makes.
func (b *bench) built(args []string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	id, err := b.world.Run(ctx, args...)
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(id)
}

// buildDies kills a build at a step. The image that the next build makes is called want, unless that is empty.
func (b *bench) buildDies(args []string, point, want string) error {
	err := b.command([]string{"POD_FAILPOINT=" + point + "=kill"}, args...)
	if errors.Is(err, errHangs) {
		return err
	}
	if err == nil && !isMonitor(point) {
		return fmt.Errorf("it was not killed at %s", point)
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	content, err := b.world.Run(ctx, "run", "--rm", "--network", "none", victim, "cat", "/content")
	if err != nil {
		return fmt.Errorf("the name means nothing whole: %w", err)
	}
	if content = strings.TrimSpace(content); content != "first" && content != "second" {
		return fmt.Errorf("the name means an image whose content is %q", content)
	}
	id, err := b.world.Run(ctx, args...)
	if err != nil {
		return fmt.Errorf("the next build: %w", err)
	}
	if id = strings.TrimSpace(id); want != "" && id != want {
		return fmt.Errorf("the next build makes %s and not %s", id, want)
	}
	made, err := b.world.Run(ctx, "run", "--rm", "--network", "none", victim, "cat", "/copied", "/content")
	if err != nil {
		return err
	}
	if strings.Join(strings.Fields(made), " ") != "second second" {
		return fmt.Errorf("the next build made %q", made)
	}
	return nil
}

// buildGone removes what builds have made and looks whether anything is left. The build before that takes away what is left of
// those that were killed.
func (b *bench) buildGone(next []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	if err := b.command(nil, next...); err != nil {
		return err
	}
	images, err := b.world.Run(ctx, "images", "--all", "--format", "{{.ID}} {{.Repository}}")
	if err != nil {
		return err
	}
	for line := range strings.Lines(images) {
		id, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != strings.TrimSuffix(podtest.BoxImage, ":latest") {
			if err := b.command(nil, "rmi", "-f", id); err != nil {
				return err
			}
		}
	}
	// The parts of layers that were being made are the image store's, which gives their makers a day unless told otherwise.
	if err := errors.Join(b.command(nil, "builder", "prune", "--all", "--force"), b.command(nil, "system", "check", "--repair", "--max", "1ns")); err != nil {
		return err
	}
	return b.removable()
}

// TestTheCacheSurvivesTheDeathOfWhoRemoves kills the removal of a built image, and the prune of the cache, at every step. The next build works; the
// next prune leaves nothing, without the help of check.
func TestTheCacheSurvivesTheDeathOfWhoRemoves(t *testing.T) {
	b := newBench(t)
	first, _ := buildContext(t)
	build := []string{"build", "-q", "--network", "none", "-t", victim, first}
	remove, prune := []string{"rmi", victim}, []string{"builder", "prune", "--all", "--force"}
	var table results
	for _, v := range []struct {
		args   []string
		before [][]string
	}{{remove, [][]string{build}}, {prune, [][]string{build, remove}}, {prune, [][]string{build}}} {
		prepare := func() {
			for _, args := range v.before {
				b.must(nil, args...)
			}
		}
		clear := func() error {
			return errors.Join(b.command(nil, build...), b.command(nil, remove...), b.command(nil, "image", "prune", "-f"), b.command(nil, prune...), b.removable())
		}
		prepare()
		trace := filepath.Join(t.TempDir(), "trace")
		b.must([]string{"POD_FAILPOINT_TRACE=" + trace}, v.args...)
		seen := map[string]bool{}
		for _, point := range traced(trace) {
			if seen[point] {
				continue
			}
			seen[point] = true
			if err := clear(); err != nil {
				t.Fatal(err)
			}
			prepare()
			t.Run(strings.Join(v.args[:2], " ")+"/"+point, func(t *testing.T) {
				err := b.command([]string{"POD_FAILPOINT=" + point + "=kill"}, v.args...)
				if err == nil {
					err = fmt.Errorf("it was not killed at %s", point)
				} else if !errors.Is(err, errHangs) {
					err = clear()
				}
				table.add(v.args[0], point, "command", err)
				if err != nil {
					t.Error(err)
				}
			})
		}
		if len(seen) < 2 {
			t.Errorf("%v passes only %d failpoints", v.args, len(seen))
		}
		if err := clear(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("steps at which removing was killed:\n%s", &table)
}

// TestAnImageNeverLacksAName kills a build between record and name of its image, which is podman's to prune if it has no name then: see pkg/image/firstname.go.
// Nobody sees the name that it has, and the next build takes that away.
func TestAnImageNeverLacksAName(t *testing.T) {
	b := newBench(t)
	first, second := buildContext(t)
	build := func(dir string) []string { return []string{"build", "-q", "--network", "none", "-t", victim, dir} }
	if err := b.command([]string{"POD_FAILPOINT=image.recorded=kill"}, build(first)...); err == nil {
		t.Fatal("it was not killed")
	}
	index := filepath.Join(b.world.DataDir(), "containers", "storage", "overlay-images", "images.json")
	recorded := func() []string {
		var images []struct{ Names []string }
		text, err := os.ReadFile(index)
		if err == nil {
			err = json.Unmarshal(text, &images)
		}
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, img := range images {
			names = append(names, strings.Join(img.Names, "+"))
		}
		slices.Sort(names)
		return names
	}
	if names := recorded(); len(names) != 2 || !strings.HasPrefix(names[1], "localhost/pod-recording:") {
		t.Errorf("after the record: %q", names)
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	shown, err := b.world.Run(ctx, "images", "--all", "--format", "{{.Repository}}")
	if err != nil || strings.Contains(shown, "recording") {
		t.Errorf("%q, %v", shown, err)
	}
	b.must(nil, build(second)...)
	if names := recorded(); !slices.Equal(names, []string{"", podtest.BoxImage, "localhost/" + victim + ":latest"}) {
		t.Errorf("after the next build: %q", names)
	}
	shown, err = b.world.Run(ctx, "image", "inspect", "--format", "{{.NamesHistory}}", victim)
	if err != nil || shown != "[localhost/"+victim+":latest]" {
		t.Errorf("%q, %v", shown, err)
	}
	if err := b.buildGone(build(first)); err != nil {
		t.Error(err)
	}
}
