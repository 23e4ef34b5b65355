// Package e2e runs scripts against the real program, as an unprivileged user. Each script in testdata has a world of its
// own; when it ends, nothing may be left that it did not find. docs/testing.md is the guide.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pod-engine/pod/internal/podtest"
)

// scriptTimeout ends a script that waits for something that does not come.
const scriptTimeout = 2 * time.Minute

// suite is what all scripts share.
type suite struct {
	engine   string // the program under test
	machine  podtest.Machine
	archives string // directory of images, made once
	strict   bool   // a skip that installing a package would have saved is a failure
	complete bool   // no skip is allowed: the machine was made for these scripts
	patience int    // how many times as long as usual everything may take
}

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv("POD") != "" {
		fmt.Printf("this machine:\n%s\n", podtest.Examine())
	}
	os.Exit(m.Run())
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	engine := os.Getenv("POD")
	strict := os.Getenv("CI") == "true"
	switch {
	case engine == "" && strict:
		t.Fatal("POD does not name the program to test; hack/test e2e sets it")
	case engine == "":
		t.Skip("POD does not name the program to test: use make e2e")
	}
	s := &suite{engine: engine, machine: podtest.Examine(), archives: t.TempDir(), strict: strict, patience: 1}
	if ownMachine() {
		s.patience = 5 // it is an emulated one
	}
	if err := podtest.WriteArchives(s.archives, os.Getenv("POD_PROBE")); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScripts(t *testing.T) {
	newSuite(t).runAll(t, "testdata")
}

// ownMachine reports whether this machine was made for these tests (test/vm).
func ownMachine() bool { return os.Getenv("POD_TEST_MACHINE") != "" }

// TestMachine runs the scripts that need a machine of their own, with systemd and delegated controllers: those for an
// ordinary user, or for root.
func TestMachine(t *testing.T) {
	if !ownMachine() {
		t.Skip("needs a machine with systemd that is there for this: use make vm")
	}
	s := newSuite(t)
	s.complete = true
	dir := "testdata/machine"
	if os.Geteuid() == 0 {
		dir = "testdata/machine/root"
	}
	s.runAll(t, dir)
}

// runAll runs the scripts of a directory, each as a test of its name.
func (s *suite) runAll(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) { s.run(t, file) })
	}
}

// script is the state of one running script, found by its commands under its own type as key.
type script struct {
	*suite
	t      *testing.T
	world  *podtest.World
	before podtest.Snapshot
	hang   *hang // of the registry; nil: there is none
}

type scriptKey struct{}

func of(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

func (s *suite) run(t *testing.T, file string) {
	sc := &script{suite: s, t: t}
	t.Cleanup(sc.end)
	testscript.RunT(serial{t}, testscript.Params{
		Files:              []string{file},
		Setup:              sc.setup,
		Condition:          s.condition,
		Cmds:               commands(),
		Deadline:           time.Now().Add(time.Duration(s.patience) * scriptTimeout),
		RequireUniqueNames: true,
		ContinueOnError:    false,
	})
}

// end sweeps after a script that passed, and takes its world away.
func (sc *script) end() {
	if sc.world == nil {
		return
	}
	if !sc.t.Failed() && !sc.t.Skipped() && !sc.world.IsPodman() {
		sc.sweep()
	}
	if err := sc.world.Close(); err != nil {
		sc.t.Error(err)
	}
}

// setup makes the world and loads the images, so that the script starts in a used, idle store.
func (sc *script) setup(env *testscript.Env) error {
	world, err := podtest.NewWorld(sc.engine)
	if err != nil {
		return err
	}
	sc.world = world
	env.Values[scriptKey{}] = sc
	env.Vars = append(world.Env(), "WORK="+env.WorkDir, "IMAGES="+sc.archives, "FOREIGN="+os.Getenv("POD_FOREIGN"))
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(sc.patience)*time.Minute)
	defer cancel()
	archives, err := filepath.Glob(filepath.Join(sc.archives, "*.tar"))
	if err != nil {
		return err
	}
	for _, archive := range archives {
		if _, err := world.Run(ctx, "load", "-q", "-i", archive); err != nil {
			return err
		}
	}
	sc.before, err = world.Snapshot()
	return err
}

// sweep fails the test for everything the script has left behind.
func (sc *script) sweep() {
	t := sc.t
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(sc.patience)*podtest.SweepTimeout)
	defer cancel()
	left, err := sc.world.Sweep(ctx, sc.before)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("the script leaves behind:\n  %s", strings.Join(left, "\n  "))
	}
}

// condition answers [name]: one of podtest.Machine, or the engine under test.
func (s *suite) condition(name string) (bool, error) {
	isPodman := filepath.Base(s.engine) == "podman"
	switch name {
	case "podman":
		return isPodman, nil
	case "pod":
		return !isPodman, nil
	}
	return s.machine.Has(name)
}

// why is the reason a condition is not met.
func (s *suite) why(condition string) string {
	if condition == "pod" || condition == "podman" {
		return "the program under test is " + s.engine
	}
	return s.machine.Why(condition)
}

// serial is a test that runs its script at once and in itself: what a script leaves behind can be told apart only when
// no other one runs in this process.
type serial struct{ *testing.T }

func (s serial) Run(_ string, f func(testscript.T)) { f(s) }
func (s serial) Parallel()                          {}
func (s serial) Verbose() bool                      { return testing.Verbose() }

// TestSkipsAreExplained keeps scripts from skipping by themselves: only "needs" may, which knows what is missing.
func TestSkipsAreExplained(t *testing.T) {
	var files []string
	for _, dir := range []string{"testdata", "testdata/machine", "testdata/machine/root", "testdata/root"} {
		found, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no scripts in %s: %v", dir, err)
		}
		files = append(files, found...)
	}
	skip := regexp.MustCompile(`(?m)^(\[[^]]*\] *)?(skip|stop)\b`)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := skip.Find(b); found != nil {
			t.Errorf("%s: %q: use needs CONDITION", file, found)
		}
	}
}
