// Package faults kills processes at every named step of every verb and looks whether the next ordinary command copes. The
// steps are found by tracing, so a new one is tested from the day it is written.
//
// Three processes can die: the command (POD_FAILPOINT), the monitor (the names that begin with "monitor."), and the OCI
// runtime, in whose place a script runs that dies before or after the real one has done its work.
package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/pod-engine/pod/internal/podtest"
)

// commandTimeout is how long any command may take, whatever has died.
const commandTimeout = 30 * time.Second

var errHangs = errors.New("hangs")

// verb is a command under test. Each case starts from the same state, which prepare makes.
type verb struct {
	name    string
	prepare [][]string
	args    []string
	// arrange, when not nil, makes the rest of the state: what no command does.
	arrange func(*bench) error
}

const victim = "victim" // the container that the verb is about

func verbs() []verb {
	create := []string{"create", "--name", victim, "--network", "none", podtest.BoxImage, "sleep", "1000"}
	run := []string{"run", "-d", "--name", victim, "--network", "none", podtest.BoxImage, "sleep", "1000"}
	pause := []string{"pause", victim}
	return []verb{
		{"enter", nil, []string{"ps"}, (*bench).killHolder},
		{"create", nil, create, nil},
		{"start", [][]string{create}, []string{"start", victim}, nil},
		{"run", nil, run, nil},
		{"run --rm", nil, []string{"run", "--rm", "--name", victim, "--network", "none", podtest.BoxImage, "true"}, nil},
		{"exec", [][]string{run}, []string{"exec", victim, "true"}, nil},
		{"pause", [][]string{run}, pause, nil},
		{"unpause", [][]string{run, pause}, []string{"unpause", victim}, nil},
		{"stop", [][]string{run}, []string{"stop", "-t", "0", victim}, nil},
		{"kill", [][]string{run}, []string{"kill", victim}, nil},
		{"restart", [][]string{run}, []string{"restart", "-t", "0", victim}, nil},
		{"cleanup", [][]string{run}, []string{"container", "cleanup", victim}, (*bench).killAll},
		{"rename", [][]string{create}, []string{"rename", victim, victim + "2"}, nil},
		{"rm", [][]string{create}, []string{"rm", victim}, nil},
		{"run in a network", nil, []string{"run", "-d", "--name", victim, "-p", "127.0.0.1::80", podtest.BoxImage, "sleep", "1000"}, nil},
		{"network connect", [][]string{run}, []string{"network", "connect", "bridge", victim}, nil},
		{"rm -f", [][]string{run}, []string{"rm", "-f", "-t", "0", victim}, nil},
	}
}

// killHolder ends the process that keeps the user's namespaces, so that the next command makes them.
func (b *bench) killHolder() error {
	pid, err := podtest.FirstNumber(filepath.Join(b.world.RunDir(), "pod", "holder"))
	if err != nil {
		return err
	}
	return killed(pid)
}

// killAll ends all monitors and then the processes of the containers, so that nobody has recorded their end.
func (b *bench) killAll() error {
	runs, err := filepath.Glob(filepath.Join(b.world.RunDir(), "pod", "containers", "*"))
	if err != nil {
		return err
	}
	for _, dir := range runs {
		for _, file := range []string{"lock", "pid"} {
			pid, err := podtest.FirstNumber(filepath.Join(dir, file))
			if err == nil {
				err = killed(pid)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// killed kills a process and waits for its end.
func killed(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	return podtest.Poll(ctx, func() (bool, error) { return podtest.Ended(pid), nil })
}

func engine(t *testing.T) string {
	t.Helper()
	path := os.Getenv("POD_FAILPOINT_BINARY")
	if path == "" && os.Getenv("CI") == "true" {
		t.Fatal("POD_FAILPOINT_BINARY is not set; hack/test e2e sets it")
	}
	if path == "" {
		t.Skip("POD_FAILPOINT_BINARY does not name a program with failpoints: use make e2e")
	}
	if m := podtest.Examine(); m.Why("userns") != "" {
		t.Skipf("needs userns: %s", m.Why("userns"))
	}
	return path
}

// bench is one world in which cases run one after another.
type bench struct {
	t      *testing.T
	world  *podtest.World
	before podtest.Snapshot
}

func newBench(t *testing.T) *bench {
	t.Helper()
	world, err := podtest.NewWorld(engine(t))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, world: world}
	t.Cleanup(b.end)
	dir := t.TempDir()
	if err := podtest.WriteArchives(dir, ""); err != nil {
		t.Fatal(err)
	}
	b.must(nil, "load", "-q", "-i", filepath.Join(dir, "box.tar"))
	// What the first container makes for all later ones.
	if err := b.othersWork(); err != nil {
		t.Fatal(err)
	}
	if b.before, err = world.Snapshot(); err != nil {
		t.Fatal(err)
	}
	return b
}

// end takes the world away with all that runs in it. After a case that failed, the next has a new one.
func (b *bench) end() {
	if err := b.world.Close(); err != nil {
		b.t.Error(err)
	}
}

// command runs pod with additional variables; a hang is an error of its own.
func (b *bench) command(env []string, args ...string) error {
	// Orphans of what was killed come to this process, which reaps them when it looks; a process namespace does not end
	// while a zombie of it is left.
	if _, err := b.world.Snapshot(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := b.world.Command(ctx, args...)
	cmd.Env = append(cmd.Env, env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// A process that outlives the command may hold the pipe.
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("pod %s %w: %s", strings.Join(args, " "), errHangs, out.String())
	case err != nil:
		return fmt.Errorf("pod %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(out.String()))
	}
	return nil
}

func (b *bench) must(env []string, args ...string) {
	b.t.Helper()
	if err := b.command(env, args...); err != nil {
		b.t.Fatal(err)
	}
}

// step is a failpoint that a verb passes.
type step struct {
	name string
	// early: the monitor that passes it was started by the preparation, and must be told then.
	early bool
}

// steps are the failpoints that a verb passes, in order and once each, in all processes.
func (b *bench) steps(v verb) []step {
	trace := filepath.Join(b.t.TempDir(), "trace")
	env := []string{"POD_FAILPOINT_TRACE=" + trace}
	if err := b.prepare(v, env); err != nil {
		b.t.Fatal(err)
	}
	before := traced(trace)
	b.must(env, v.args...)
	b.clear()
	all := traced(trace)
	if len(all) <= len(before) {
		b.t.Fatalf("%s passes no failpoint", v.name)
	}
	var steps []step
	for _, name := range all[len(before):] {
		if strings.HasPrefix(name, "helper.") {
			continue // the network helper's, which outlives a command: see network_test.go
		}
		s := step{name, isMonitor(name) && len(before) > 0 && !slices.Contains(before, name)}
		if !slices.Contains(steps, s) {
			steps = append(steps, s)
		}
	}
	return steps
}

func traced(file string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

// clear removes every container, as a user would who has had enough.
func (b *bench) clear() {
	b.t.Helper()
	b.must(nil, "rm", "--all", "--force", "--time", "0")
}

// prepare makes the state from which a verb starts.
func (b *bench) prepare(v verb, env []string) error {
	for _, args := range v.prepare {
		if err := b.command(env, args...); err != nil {
			return err
		}
	}
	if v.arrange == nil {
		return nil
	}
	return v.arrange(b)
}

// fault is what happens to one case.
type fault struct {
	env   []string     // given to the command
	early bool         // and to the preparation, whose monitor is to die
	arm   func() error // called between the two; nil: nothing
}

// survive runs the verb with a fault in it and then asks for everything that was promised (docs/architecture.md, State). The
// error says what was not kept.
func (b *bench) survive(v verb, f fault) error {
	var env []string
	if f.early {
		env = f.env
	}
	// A monitor that dies at once takes the container with it, perhaps before the command that started both has seen it run.
	if err := b.prepare(v, env); err != nil && (!f.early || errors.Is(err, errHangs)) {
		return fmt.Errorf("preparation: %w", err)
	}
	if f.arm != nil {
		if err := f.arm(); err != nil {
			return err
		}
	}
	// How the verb itself ends is not judged, only that it ends.
	if err := b.command(f.env, v.args...); errors.Is(err, errHangs) {
		return err
	}
	return errors.Join(b.othersWork(), b.wholeOrAbsent(), b.removable())
}

// othersWork: what has died does not get in the way of another container.
func (b *bench) othersWork() error {
	return b.command(nil, "run", "--rm", "--name", "other", "--network", "none", podtest.BoxImage, "true")
}

// wholeOrAbsent: every container that is listed can be inspected, and one that is not leaves its name free.
func (b *bench) wholeOrAbsent() error {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	// The first list finishes what is left of containers that have ended, and --rm ones go.
	if err := b.command(nil, "ps", "--all"); err != nil {
		return err
	}
	listed, err := b.world.Run(ctx, "ps", "--all", "--format", "{{.Names}}")
	if err != nil {
		return err
	}
	names := strings.Fields(listed)
	for _, name := range names {
		if err := b.command(nil, "inspect", name); err != nil {
			return fmt.Errorf("listed but not whole: %w", err)
		}
	}
	if !slices.Contains(names, victim) {
		if err := b.command(nil, "create", "--name", victim, "--network", "none", podtest.BoxImage, "true"); err != nil {
			return fmt.Errorf("absent but its name is taken: %w", err)
		}
	}
	return nil
}

// removable: rm -f ends with the object gone, and then nothing is left anywhere.
func (b *bench) removable() error {
	if err := b.command(nil, "rm", "--all", "--force", "--time", "0"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), podtest.SweepTimeout)
	defer cancel()
	left, err := b.world.Sweep(ctx, b.before)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("left behind:\n  %s", strings.Join(left, "\n  "))
	}
	return nil
}

// isMonitor tells whose step it is by its name.
func isMonitor(point string) bool { return strings.HasPrefix(point, "monitor.") }

func TestEveryStepSurvivesItsDeath(t *testing.T) {
	b := newBench(t)
	var table results
	for _, v := range verbs() {
		for _, s := range b.steps(v) {
			process := "command"
			if isMonitor(s.name) {
				process = "monitor"
			}
			passed := t.Run(v.name+"/"+s.name, func(t *testing.T) {
				err := b.survive(v, fault{env: []string{"POD_FAILPOINT=" + s.name + "=kill"}, early: s.early})
				table.add(v.name, s.name, process, err)
				if err != nil {
					t.Error(err)
				}
			})
			if !passed {
				b.end()
				b = newBench(t)
			}
		}
	}
	t.Logf("steps at which a process was killed:\n%s", &table)
}

func TestEveryRuntimeCallSurvivesItsDeath(t *testing.T) {
	b := newBench(t)
	crun, err := exec.LookPath("crun")
	if err != nil {
		t.Skipf("needs crun: %v", err)
	}
	wrapper := filepath.Join(t.TempDir(), "crun")
	if err := os.WriteFile(wrapper, fmt.Appendf(nil, wrapperScript, crun), 0o755); err != nil {
		t.Fatal(err)
	}
	var table results
	for _, v := range verbs() {
		for _, call := range []string{"create", "start", "run", "exec", "pause", "resume", "kill", "delete", "state"} {
			for _, when := range []string{"before", "after"} {
				point := call + "." + when
				if !t.Run(v.name+"/"+point, func(t *testing.T) { b.runtimeDies(t, v, wrapper, point, &table) }) {
					b.end()
					b = newBench(t)
				}
			}
		}
	}
	t.Logf("calls of the runtime in which it was killed:\n%s", &table)
}

// runtimeDies runs a verb with the wrapper as runtime, armed once the preparation is over.
func (b *bench) runtimeDies(t *testing.T, v verb, wrapper, point string, table *results) {
	arm := wrapper + ".arm"
	with := func(args []string) []string { return append([]string{"--runtime", wrapper}, args...) }
	w := verb{name: v.name, args: with(v.args), arrange: v.arrange}
	for _, args := range v.prepare {
		w.prepare = append(w.prepare, with(args))
	}
	err := b.survive(w, fault{arm: func() error { return os.WriteFile(arm, []byte(point+"\n"), 0o600) }})
	_, stat := os.Stat(arm)
	if stat == nil && err == nil {
		os.Remove(arm)
		return // this verb does not make this call
	}
	if err := os.RemoveAll(arm); err != nil {
		t.Fatal(err)
	}
	table.add(v.name, point, "runtime", err)
	if err != nil {
		t.Error(err)
	}
}

// wrapperScript stands for the runtime, whoever starts it with whatever environment: a file beside it says at which call to
// die. The call is its first argument that is neither a flag nor the value of one. It dies once, so that the clean-up after
// it can work.
const wrapperScript = `#!/bin/bash
call=
for arg; do case $arg in create | start | run | exec | kill | delete | state | pause | resume) call=$arg; break ;; esac; done
read -r fault 2>/dev/null <"$0.arm"
die() { rm "$0.arm" && kill -9 $$; }
[ "$fault" != "$call.before" ] || die
[ "$fault" = "$call.after" ] || exec %[1]s "$@"
%[1]s "$@"
status=$?
die
exit $status
`

// results is the table of what was tried.
type results struct{ rows [][4]string }

func (r *results) add(verb, point, process string, err error) {
	outcome := "survived"
	if err != nil {
		outcome = "FAILED"
	}
	r.rows = append(r.rows, [4]string{verb, point, process, outcome})
}

func (r *results) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "VERB\tSTEP\tKILLED\tOUTCOME")
	for _, row := range r.rows {
		fmt.Fprintln(w, strings.Join(row[:], "\t"))
	}
	w.Flush()
	return b.String()
}
