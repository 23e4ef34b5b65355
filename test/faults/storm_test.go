package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
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

// stormCommand gives one of the things a person may do to the container called name. Nothing waits long for a stop, since
// sleep as the first process ignores its signal.
func stormCommand(random *rand.Rand, name, other string) []string {
	box := podtest.BoxImage
	commands := [][]string{
		{"run", "-d", "--name", name, "--network", "none", box, "sleep", "1000"},
		{"run", "-d", "--name", name, "--network", "none", "--restart", "always", box, "sleep", "0.05"},
		{"run", "--rm", "--name", name, "--network", "none", box, "true"},
		{"run", "-d", "--rm", "--name", name, "--network", "none", box, "sleep", "0.1"},
		{"run", "-d", "--replace", "--name", name, "--network", "none", box, "sleep", "1000"},
		{"create", "--name", name, "--network", "none", box, "sleep", "0.1"},
		{"start", name},
		{"start", "--attach", name},
		{"restart", "-t", "0", name},
		{"stop", "-t", "0", name},
		{"kill", name},
		{"rm", name},
		{"rm", "-f", "-t", "0", name},
		{"rename", name, other},
		{"ps", "--all"},
		{"inspect", name},
		{"exec", name, "true"},
		{"logs", name},
		{"pause", name},
		{"unpause", name},
	}
	return commands[random.IntN(len(commands))]
}

// unexpected says whether a command failed in a way that other commands' doings do not explain. One that prints nothing hands
// on the exit code of a container that somebody may have killed.
func unexpected(stderr string) bool {
	for _, reason := range []string{"no such container", "no such object", "in use", "wrong state", "is paused"} {
		if strings.Contains(stderr, reason) {
			return false
		}
	}
	return stderr != ""
}

// storm runs one command and gives what must not happen.
func (b *bench) storm(args []string) error {
	patience, attached := commandTimeout, slices.Contains(args, "--attach")
	if attached {
		patience = time.Second // then it is killed, as by a person who closes the terminal
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := b.world.Command(ctx, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	text := strings.TrimSpace(stderr.String())
	line := "pod " + strings.Join(args, " ")
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil && attached:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", line, errHangs)
	case err != nil && !errors.As(err, &exit):
		return fmt.Errorf("%s: %w: %s", line, err, text)
	case exit != nil && unexpected(text), strings.Contains(text, "panic:"), strings.Contains(text, "DATA RACE"):
		return fmt.Errorf("%s: %w: %s", line, err, text)
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
				err := b.storm(stormCommand(random, name(), name()))
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
