package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/podtest"
)

// Nobody coordinates commands but the files that they lock. These tests start many at once.

const (
	stormWorkers  = 16
	stormNames    = 8
	stormDuration = 20 * time.Second
)

// excuse is a regular expression of the errors of a command that other commands' doings explain.
type excuse string

const (
	none  excuse = `^$`
	gone  excuse = `no such (container|object): "?(storm[0-9]|[0-9a-f]+)"?$`
	state excuse = `: wrong state$|` + gone
	taken excuse = `the name "storm[0-9]" is in use by container [0-9a-f]+$`
	// A run has a container first and then starts it: in between, others may have started or removed it.
	both excuse = taken + "|" + state
	late excuse = `warning: container "storm[0-9]" did not end within 10s of SIGTERM and is killed$`
)

// stormCommand is one of the things a person may do.
type stormCommand struct {
	excuse excuse
	args   []string
}

// stormCommands are all of them, for the container called name. Nothing waits long for a stop, since sleep as the first
// process ignores its signal.
func stormCommands(name, other string) []stormCommand {
	box := podtest.BoxImage
	return []stormCommand{
		{both, []string{"run", "-d", "--name", name, "--network", "none", box, "sleep", "1000"}},
		{both, []string{"run", "-d", "--name", name, "--network", "none", "--restart", "always", box, "sleep", "0.05"}},
		{both, []string{"run", "--rm", "--name", name, "--network", "none", box, "true"}},
		{both, []string{"run", "-d", "--rm", "--name", name, "--network", "none", box, "sleep", "0.1"}},
		{both + "|" + late, []string{"run", "-d", "--replace", "--name", name, "--network", "none", box, "sleep", "1000"}},
		{taken, []string{"create", "--name", name, "--network", "none", box, "sleep", "0.1"}},
		{state, []string{"start", name}},
		{state, []string{"start", "--attach", name}},
		{state, []string{"restart", "-t", "0", name}},
		{gone, []string{"stop", "-t", "0", name}},
		{state, []string{"kill", name}},
		{state, []string{"rm", name}},
		{none, []string{"rm", "-f", "-t", "0", name}},
		{taken + "|" + gone, []string{"rename", name, other}},
		{none, []string{"ps", "--all"}},
		{gone, []string{"inspect", name}},
		{state, []string{"exec", name, "true"}},
		{gone, []string{"logs", name}},
		{state, []string{"pause", name}},
		{state, []string{"unpause", name}},
	}
}

// explained reports whether every line that a command said is an excuse, or the hint beside one. One that says nothing hands on the
// exit code of a container that somebody may have killed.
func (c stormCommand) explained(stderr string) bool {
	known := regexp.MustCompile(`^(pod: .*(` + string(c.excuse) + `)|hint: .*)$`)
	for line := range strings.Lines(stderr) {
		if !known.MatchString(strings.TrimSuffix(line, "\n")) {
			return false
		}
	}
	return true
}

// storm runs one command and gives what must not happen.
func (b *bench) storm(c stormCommand) error {
	patience, attached := commandTimeout, slices.Contains(c.args, "--attach")
	if attached {
		patience = time.Second // then it is killed, as by a person who closes the terminal
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := b.world.Command(ctx, c.args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	text := strings.TrimSpace(stderr.String())
	line := "pod " + strings.Join(c.args, " ")
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil && attached:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", line, errHangs)
	case err != nil && !errors.As(err, &exit):
		return fmt.Errorf("%s: %w: %s", line, err, text)
	case !c.explained(text):
		return fmt.Errorf("%s: %v: %s", line, err, text)
	}
	return nil
}

func TestStormOfCommandsOnTheSameContainers(t *testing.T) {
	b := newBench(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	end := time.Now().Add(stormDuration)
	var workers sync.WaitGroup
	var mutex sync.Mutex
	done := 0
	for worker := range stormWorkers {
		workers.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(worker)))
			name := func() string { return "storm" + strconv.Itoa(random.IntN(stormNames)) }
			for time.Now().Before(end) {
				commands := stormCommands(name(), name())
				err := b.storm(commands[random.IntN(len(commands))])
				mutex.Lock()
				done++
				if err != nil {
					t.Error(err)
				}
				mutex.Unlock()
			}
		})
	}
	workers.Wait()
	t.Logf("%d commands", done)
	if err := b.removable(); err != nil {
		t.Error(err)
	}
}

// A run that only wants to be left alone succeeds however many others start at the same moment.
func TestManyRunsAtOnce(t *testing.T) {
	b := newBench(t)
	var runs sync.WaitGroup
	for range 64 {
		runs.Go(func() {
			if err := b.exits(0); err != nil {
				t.Error(err)
			}
		})
	}
	runs.Wait()
	if err := b.removable(); err != nil {
		t.Error(err)
	}
}

func TestEveryExitCodeIsExact(t *testing.T) {
	b := newBench(t)
	codes := make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for code := range codes {
				if err := b.exits(code); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 200 {
		codes <- rand.IntN(256)
	}
	close(codes)
	workers.Wait()
	if err := b.removable(); err != nil {
		t.Error(err)
	}
}

// exits runs a container that ends with code, and looks that this is what the command ends with, in silence.
func (b *bench) exits(code int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 4*commandTimeout)
	defer cancel()
	out, err := b.world.Command(ctx, "run", "--rm", "--network", "none", podtest.BoxImage, "sh", "-c", "exit "+strconv.Itoa(code)).CombinedOutput()
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		return err
	}
	if got != code || len(out) > 0 {
		return fmt.Errorf("a container that exits with %d: pod run exits with %d and says %q", code, got, out)
	}
	return nil
}
