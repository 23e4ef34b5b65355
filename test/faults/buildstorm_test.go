package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/podtest"
)

// The storm of builds: several users' scripts on one store, a third of their commands told to die at a step or at a moment, if they get there. They build the same few inputs, so that they share
// layers, records of the cache and whole images. What a command has acknowledged is there from then on, until its owner takes it away.
//
// STORM="SEED DURATION" repeats or prolongs it: STORM="8 5m" make e2e RUN=TestStormOfBuilds. Where podman is installed, its commands
// are among those that are run.

const (
	buildStormWorkers  = 5
	buildStormNames    = 3 // of each worker
	buildStormShared   = 2 // of all
	buildStormContents = 4
)

// buildStormFiles are the inputs; each shows its content in /f.
var buildStormFiles = [...]string{
	"FROM localhost/box\nCOPY f /f\n",
	"FROM localhost/box AS a\nCOPY f /g\nRUN --mount=type=cache,target=/c echo >>/c/x && cp /g /h\nFROM localhost/box\nWORKDIR /w\nCOPY --from=a /h /f\n",
	"FROM localhost/box AS a\nRUN echo a >/a\nFROM localhost/box AS b\nRUN echo b >/b\nFROM localhost/box\nCOPY --link --from=a /a /\nCOPY --from=b /b /\nCOPY --link f /f\nENV A=B\n",
}

// stormInput is one of the images that are built: the number of a file and of a content.
type stormInput struct{ file, content int }

func (in stormInput) text() string { return "content " + strconv.Itoa(in.content) }

// buildStorm is what all workers know.
type buildStorm struct {
	*bench
	seed     uint64
	end      time.Time
	dir      string // of contexts, archives and outputs
	registry string
	podman   string // its program; empty where there is none
	// want is the id that each input has in a store where nothing else ever happened.
	want map[stormInput]string

	mutex  sync.Mutex
	log    []stormEvent
	counts map[string]int
}

// stormEvent is a command that was run, for who wants to know how something came about.
type stormEvent struct {
	worker     int
	began, end time.Time
	line, fate string
	out        string
}

func (e stormEvent) String() string {
	return fmt.Sprintf("%s-%s worker %d: %s: %s: %q", e.began.Format("05.000"), e.end.Format("05.000"), e.worker, e.line, e.fate, e.out)
}

func newBuildStorm(t *testing.T) *buildStorm {
	s := &buildStorm{seed: uint64(time.Now().UnixNano()), counts: map[string]int{}, want: map[stormInput]string{}}
	duration := 10 * time.Second
	if told := strings.Fields(os.Getenv("STORM")); len(told) == 2 {
		var err error
		if s.seed, err = strconv.ParseUint(told[0], 10, 64); err != nil {
			t.Fatal(err)
		}
		if duration, err = time.ParseDuration(told[1]); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d", s.seed)
	dir, err := os.MkdirTemp("", "pod-faults-") // where the caller may write
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s.dir = dir
	s.writeContexts(t)
	fresh := newBench(t)
	for file := range buildStormFiles {
		for content := range buildStormContents {
			in := stormInput{file, content}
			s.want[in] = fresh.built(s.build(in))
		}
	}
	s.bench, s.registry = newBench(t), podtest.Registry(t)
	if s.podman, err = exec.LookPath("podman"); err == nil {
		err = s.world.ConfigurePodman()
	}
	if err != nil {
		t.Logf("podman does not take part: %v", err)
	}
	s.end = time.Now().Add(duration)
	return s
}

func (s *buildStorm) writeContexts(t *testing.T) {
	t.Helper()
	for file, text := range buildStormFiles {
		for content := range buildStormContents {
			in := stormInput{file, content}
			dir := s.context(in)
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{"Dockerfile": text, "f": in.text()} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func (s *buildStorm) context(in stormInput) string {
	return filepath.Join(s.dir, fmt.Sprintf("context%d.%d", in.file, in.content))
}

func (s *buildStorm) build(in stormInput, flags ...string) []string {
	return slices.Concat([]string{"build", "-q", "--network", "none", "--timestamp", "1700000000"}, flags, []string{s.context(in)})
}

// run runs a command, or kills it; outcome says which. What a command says that fails by itself has to be an excuse.
func (s *buildStorm) run(worker int, kill []string, after time.Duration, name string, args ...string) (out string, outcome stormOutcome, err error) {
	patience := 4 * commandTimeout
	if after > 0 {
		patience = after
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Dir = append(s.world.Env(), kill...), s.world.Home()
	cmd.WaitDelay = 2 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	event := stormEvent{worker: worker, began: time.Now(), line: filepath.Base(name) + " " + strings.Join(args, " ") + " " + strings.Join(kill, " ")}
	err = cmd.Run()
	event.end, event.fate, event.out = time.Now(), fmt.Sprint(err), strings.TrimSpace(stdout.String()+" "+stderr.String())
	defer func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.log = append(s.log, event)
		s.counts[outcome.String()]++
	}()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return strings.TrimSpace(stdout.String()), done, nil
	case ctx.Err() != nil && after == 0:
		return "", failed, fmt.Errorf("%s: %w: %s", event.line, errHangs, event.out)
	case ctx.Err() != nil, errors.As(err, &exit) && exit.ExitCode() == -1:
		return "", killedOff, nil
	case !errors.As(err, &exit):
		return "", failed, fmt.Errorf("%s: %w", event.line, err)
	}
	return stderr.String(), failed, nil
}

// stormOutcome is how a command ended.
type stormOutcome int

const (
	done stormOutcome = iota
	failed
	killedOff
)

func (o stormOutcome) String() string { return [...]string{"done", "failed", "killed"}[o] }

// about gives what was done to an image, or with a name.
func (s *buildStorm) about(words ...string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var lines []string
	for _, e := range s.log {
		line := e.String()
		if slices.ContainsFunc(words, func(w string) bool { return w != "" && strings.Contains(line, w) }) || strings.Contains(line, "prune") {
			lines = append(lines, line)
		}
	}
	if len(lines) > 40 {
		lines = lines[len(lines)-40:]
	}
	return strings.Join(lines, "\n  ")
}

func TestStormOfBuilds(t *testing.T) {
	s := newBuildStorm(t)
	var workers sync.WaitGroup
	var all []*stormWorker
	for n := range buildStormWorkers {
		w := &stormWorker{buildStorm: s, number: n, random: rand.New(rand.NewPCG(s.seed, uint64(n))), names: map[string]stormFact{}}
		all = append(all, w)
		workers.Go(func() {
			for time.Now().Before(s.end) && !t.Failed() {
				if err := w.act(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	t.Logf("commands: %v", s.counts)
	for _, w := range all {
		for name := range w.names {
			if err := w.verify(name, true); err != nil {
				t.Error(err)
			}
		}
	}
	if t.Failed() {
		s.keepLog()
		return
	}
	if err := s.emptied(); err != nil {
		t.Error(err)
		s.keepLog()
	}
}

// keepLog writes what was done to a file that stays.
func (s *buildStorm) keepLog() {
	var text strings.Builder
	for _, e := range s.log {
		fmt.Fprintln(&text, e)
	}
	path := filepath.Join(os.TempDir(), fmt.Sprintf("pod-storm-%d.log", s.seed))
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		s.t.Error(err)
	}
	s.t.Logf("all commands are in %s", path)
}

// emptied removes everything, and looks whether something is left.
func (s *buildStorm) emptied() error {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	if out, err := s.world.Run(ctx, "system", "check", "--full"); err != nil || strings.Contains(out, "damaged") {
		return fmt.Errorf("the store is damaged: %s: %w", out, err)
	}
	names, err := s.world.Run(ctx, "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "dangling=false")
	if err != nil {
		return err
	}
	for name := range strings.Lines(names) {
		if name = strings.TrimSpace(name); name != podtest.BoxImage {
			if err := s.command(nil, "rmi", name); err != nil {
				return err
			}
		}
	}
	return errors.Join(s.command(nil, "image", "prune", "-f"), s.command(nil, "builder", "prune", "--all", "--force"),
		s.command(nil, "system", "check", "--repair", "--max", "1ns"), s.podmanGone(ctx), s.removable())
}

// podmanGone ends the process that keeps podman's namespaces, and removes what podman keeps beside the store.
func (s *buildStorm) podmanGone(ctx context.Context) error {
	if s.podman == "" {
		return nil
	}
	cmd := exec.CommandContext(ctx, s.podman, "system", "migrate")
	cmd.Env = s.world.Env()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("podman system migrate: %w: %s", err, out)
	}
	return errors.Join(os.RemoveAll(filepath.Join(s.world.RunDir(), "libpod")), os.RemoveAll(filepath.Join(s.world.DataDir(), "containers", "storage", "libpod")))
}
