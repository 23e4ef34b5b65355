// Package dockerfiles builds Dockerfiles as people write them with pod, and with podman where it can, and compares the images: every file and
// every setting. docs/testing.md is the guide, testCase says what an archive of testdata is.
package dockerfiles

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/podtest"
)

var update = flag.Bool("update", false, "write what pod makes into the archives")

// suite is what the cases share: one store for each engine, with the bases.
type suite struct {
	pod, podman *podtest.World // podman: nil where it is not installed
	buildkit    *buildkit      // nil where there is none to compare with
	agent       string         // a socket that stands for an SSH agent
}

func TestDockerfiles(t *testing.T) {
	s := newSuite(t)
	cases := chosen(t)
	var group sync.WaitGroup
	next := make(chan *testCase)
	for range 2 { // at a time
		group.Go(func() {
			for c := range next {
				s.build(t, c)
			}
		})
	}
	for _, c := range cases {
		next <- c
	}
	close(next)
	group.Wait()
	pods := s.saved(t, s.pod)
	podmans := s.saved(t, s.podman)
	plain := baseline(pods)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			name := "localhost/" + c.name + ":latest"
			if pods[name] == nil {
				t.Fatal("pod has not built it")
			}
			c.compareMade(t, pods[name].text(plain))
			if c.podman.without == "" && s.podman != nil {
				c.comparePodman(t, pods[name], podmans[name])
			}
			if c.buildkit.without == "" && s.buildkit != nil {
				c.compareBuildKit(t, pods[name], s.buildkit.picture(t, c))
			}
		})
	}
}

// chosen are the cases that go test -run names.
func chosen(t *testing.T) []*testCase {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata: %v", err)
	}
	_, pattern, _ := strings.Cut(flag.Lookup("test.run").Value.String(), "/")
	match, err := regexp.Compile(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var cases []*testCase
	for _, file := range files {
		if c := readCase(t, file); match.MatchString(c.name) {
			cases = append(cases, c)
		}
	}
	return cases
}

// engine is the program to test, where it can run.
func engine(t *testing.T) string {
	t.Helper()
	engine, strict, machine := os.Getenv("POD"), os.Getenv("CI") == "true", podtest.Examine()
	if engine == "" && !strict {
		t.Skip("POD does not name the program to test: use make e2e")
	}
	for _, condition := range []string{"userns", "crun", "overlay"} {
		ok, err := machine.Has(condition)
		if err != nil || !ok && strict && podtest.Fixable(condition) {
			t.Fatalf("needs %s: %v %s", condition, err, machine.Why(condition))
		}
		if !ok {
			t.Skipf("needs %s: %s", condition, machine.Why(condition))
		}
	}
	return engine
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	program := engine(t)
	bases := filepath.Join(t.TempDir(), "bases.tar")
	if err := writeBases(bases); err != nil {
		t.Fatal(err)
	}
	s := &suite{pod: newWorld(t, program, bases), agent: filepath.Join(t.TempDir(), "agent")}
	if podman, err := exec.LookPath("podman"); err == nil {
		s.podman = newWorld(t, podman, bases)
	} else if os.Getenv("CI") == "true" {
		t.Fatal("needs installed:podman")
	}
	s.buildkit = newBuildKit(t)
	agent, err := net.Listen("unix", s.agent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { agent.Close() })
	return s
}

func newWorld(t *testing.T, program, bases string) *podtest.World {
	t.Helper()
	world, err := podtest.NewWorld(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := world.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := world.Run(t.Context(), "load", "-q", "-i", bases); err != nil {
		t.Fatal(err)
	}
	return world
}

// build builds a case with both engines.
func (s *suite) build(t *testing.T, c *testCase) {
	dir := filepath.Join(t.TempDir(), c.name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Error(err)
		return
	}
	if err := c.writeContext(dir); err != nil {
		t.Errorf("%s: %v", c.name, err)
		return
	}
	tag := []string{"-t", "localhost/" + c.name, "--network", "none"}
	args := c.bake
	if args == nil {
		args = slices.Concat([]string{"build", "--pull=never"}, tag, c.args, c.podArgs, []string{"."})
	}
	if err := s.command(s.pod, dir, args); err != nil {
		t.Errorf("%s: %v", c.name, err)
	}
	if s.buildkit != nil && c.buildkit.without == "" {
		if err := s.buildkit.build(s, c, dir); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if s.podman == nil || c.podman.without != "" {
		return
	}
	args = slices.Concat([]string{"build", "--pull=never", "--layers=false", "--format", "docker"}, tag, c.args, []string{"."})
	if err := s.command(s.podman, dir, args); err != nil {
		t.Errorf("%s: %v", c.name, err)
	}
}

// buildTimeout ends a build that waits for something that does not come.
const buildTimeout = 3 * time.Minute

func (s *suite) command(w *podtest.World, dir string, args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	cmd := w.Command(ctx, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Env, s.secrets()...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(w.Engine), strings.Join(args, " "), err, out)
	}
	return nil
}

// secrets are what builds take from the environment.
func (s *suite) secrets() []string {
	return []string{"SSH_AUTH_SOCK=" + s.agent, "BUILD_SECRET=from the environment"}
}

// saved are the pictures of all images of a store that have a name.
func (s *suite) saved(t *testing.T, w *podtest.World) map[string]*picture {
	t.Helper()
	if w == nil {
		return nil
	}
	list, err := w.Run(t.Context(), "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "dangling=false")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	archive := filepath.Join(dir, "images.tar")
	args := append([]string{"save", "-q", "--multi-image-archive", "-o", archive}, strings.Fields(list)...)
	if _, err := w.Run(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
	pictures, err := readSaved(archive, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return pictures
}
