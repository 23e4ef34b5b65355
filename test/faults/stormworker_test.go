package faults

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// stormWorker is one of the users of the store. Nobody else touches its names.
type stormWorker struct {
	*buildStorm
	number int
	random *rand.Rand
	names  map[string]stormFact
	files  int
}

// stormFact is what a name may mean: one thing, unless a command was killed that would have changed it. The empty input's id is "".
type stormFact map[string]stormInput

// nothing: the name may mean nothing.
const nothing = ""

func (f stormFact) or(id string, in stormInput) stormFact {
	more := maps.Clone(f)
	if len(more) == 0 {
		more = stormFact{nothing: {}}
	}
	more[id] = in
	return more
}

// sure gives what the name means if that is known, and something.
func (f stormFact) sure() (id string, in stormInput, ok bool) {
	for id, in := range f {
		return id, in, len(f) == 1 && id != nothing
	}
	return "", stormInput{}, false
}

// excused are the errors of commands that other commands explain.
var excused = regexp.MustCompile(`in use|has gone|no such image|no such (container|object)|not known|is built on it`)

func (w *stormWorker) name() string {
	return fmt.Sprintf("localhost/w%d-%d:1", w.number, w.random.IntN(buildStormNames))
}

// pod runs a command of pod's, one of three killed: at a step, or at some moment.
func (w *stormWorker) pod(args ...string) (string, stormOutcome, error) {
	var env []string
	var after time.Duration
	switch w.random.IntN(6) {
	case 0:
		points := slices.DeleteFunc(slices.Sorted(maps.Keys(buildPoints())), isMonitor) // whose end is an error of the command
		env = []string{"POD_FAILPOINT=" + points[w.random.IntN(len(points))] + "=kill"}
	case 1:
		after = time.Millisecond * time.Duration(1+w.random.IntN(600))
	}
	out, outcome, err := w.run(w.number, env, after, w.world.Engine, args...)
	if env != nil && strings.Contains(out, "signal: killed") {
		outcome = killedOff // the program that the command had started
	}
	if err == nil && outcome == failed && !excused.MatchString(out) {
		err = fmt.Errorf("pod %s %v: %s", strings.Join(args, " "), env, out)
	}
	return out, outcome, err
}

// changes runs a command that makes name mean something else, and records what it may mean now.
func (w *stormWorker) changes(name, id string, in stormInput, args ...string) (string, bool, error) {
	before := w.names[name]
	w.names[name] = before.or(id, in)
	out, outcome, err := w.pod(args...)
	if outcome == done {
		w.names[name] = stormFact{id: in}
	}
	return out, outcome == done, err
}

func (w *stormWorker) act() error {
	acts := []struct {
		weight int
		do     func() error
	}{
		{8, w.builds},
		{2, w.buildsShared},
		{2, w.buildsUnnamed},
		{2, w.tags},
		{2, w.removes},
		{1, w.saves},
		{1, w.pushes},
		{2, w.looks},
		{1, w.does("image", "prune", "-f")},
		{1, w.does("builder", "prune", "-f")},
		{1, w.does("builder", "prune", "-a", "-f")},
		{1, w.does("system", "df")},
		{1, w.does("images", "--all")},
		{2, w.asksPodman},
	}
	sum := 0
	for _, a := range acts {
		sum += a.weight
	}
	n := w.random.IntN(sum)
	for _, a := range acts {
		if n -= a.weight; n < 0 {
			return a.do()
		}
	}
	return nil
}

func (w *stormWorker) does(args ...string) func() error {
	return func() error {
		_, _, err := w.pod(args...)
		return err
	}
}

func (w *stormWorker) input() stormInput {
	return stormInput{w.random.IntN(len(buildStormFiles)), w.random.IntN(buildStormContents)}
}

func (w *stormWorker) builds() error {
	in, name := w.input(), w.name()
	flags := []string{"-t", name}
	if w.random.IntN(4) == 0 {
		flags = append(flags, "--no-cache")
	}
	out, ok, err := w.changes(name, w.want[in], in, w.build(in, flags...)...)
	if err != nil || !ok {
		return err
	}
	if out != w.want[in] {
		return fmt.Errorf("input %v: built %s and not %s", in, out, w.want[in])
	}
	return w.verify(name, w.random.IntN(4) == 0)
}

func (w *stormWorker) buildsShared() error {
	_, _, err := w.pod(w.build(w.input(), "-t", "localhost/shared"+strconv.Itoa(w.random.IntN(buildStormShared))+":1")...)
	return err
}

// unnamed is the label of what never gets a name.
const unnamed = "storm.unnamed=1"

func (w *stormWorker) buildsUnnamed() error {
	var flags []string
	if w.random.IntN(2) == 0 {
		flags = []string{"--label", unnamed}
	}
	_, _, err := w.pod(w.build(w.input(), flags...)...)
	return err
}

func (w *stormWorker) tags() error {
	from, to := w.name(), w.name()
	id, in, ok := w.names[from].sure()
	if !ok || from == to {
		return nil
	}
	_, ok, err := w.changes(to, id, in, "tag", from, to)
	if err != nil || !ok {
		return err
	}
	return w.verify(to, false)
}

func (w *stormWorker) removes() error {
	name := w.name()
	if _, _, ok := w.names[name].sure(); !ok {
		return nil
	}
	_, _, err := w.changes(name, nothing, stormInput{}, [][]string{{"rmi", name}, {"untag", name, name}}[w.random.IntN(2)]...)
	return err
}

// saves an image, takes its name away and loads it.
func (w *stormWorker) saves() error {
	name := w.name()
	id, in, ok := w.names[name].sure()
	if !ok {
		return nil
	}
	w.files++
	file := filepath.Join(w.dir, fmt.Sprintf("saved%d-%d.tar", w.number, w.files))
	format := []string{"docker-archive", "oci-archive"}[w.random.IntN(2)]
	if _, outcome, err := w.pod("save", "-q", "--format", format, "-o", file, name); outcome != done {
		return err
	}
	if _, _, err := w.changes(name, nothing, stormInput{}, "rmi", name); err != nil {
		return err
	}
	_, ok, err := w.changes(name, id, in, "load", "-q", "-i", file)
	if err != nil || !ok {
		return err
	}
	return w.verify(name, true)
}

// pushes an image to a registry and pulls it under another name, which is then one of the worker's.
func (w *stormWorker) pushes() error {
	name := w.name()
	id, in, ok := w.names[name].sure()
	if !ok {
		return nil
	}
	there := w.registry + "/" + strings.TrimPrefix(name, "localhost/")
	if _, outcome, err := w.pod("push", "-q", "--tls-verify=false", name, there); outcome != done {
		return err
	}
	_, ok, err := w.changes(there, id, in, "pull", "-q", "--tls-verify=false", there)
	if err != nil || !ok {
		return err
	}
	return w.verify(there, false)
}

func (w *stormWorker) looks() error {
	name := w.name()
	return w.verify(name, true)
}

// verify looks whether a name means what it has to, and whole if its content is run.
func (w *stormWorker) verify(name string, whole bool) error {
	fact := w.names[name]
	if len(fact) == 0 {
		return nil
	}
	out, outcome, err := w.run(w.number, nil, 0, w.world.Engine, "image", "inspect", "--format", "{{.Id}}", name)
	if err != nil {
		return err
	}
	id := strings.TrimPrefix(out, "sha256:")
	if outcome == failed {
		id = nothing
	}
	in, ok := fact[id]
	if !ok {
		return fmt.Errorf("%s means %q, which has to be one of %v\n  %s", name, id, fact, w.about(name, id, slices.Collect(maps.Keys(fact))[0]))
	}
	if id == nothing || !whole {
		return nil
	}
	out, outcome, err = w.run(w.number, nil, 0, w.world.Engine, "run", "--rm", "--network", "none", name, "cat", "/f")
	if err != nil {
		return err
	}
	if outcome != done || out != in.text() {
		return fmt.Errorf("%s shows %q, which has to be %q\n  %s", name, out, in.text(), w.about(name, id))
	}
	return nil
}

// asksPodman runs a command of podman's, to the end: such as do not take back what others do. podman 4.3.1 lists images without name and removes them later
// without another look, so only those are its own that nobody names; and tag and rmi set all names that the image had when they began, which takes
// a name back that has moved on meanwhile.
func (w *stormWorker) asksPodman() error {
	if w.podman == "" {
		return nil
	}
	args := []string{"image", "prune", "-f", "--filter", "label=" + unnamed}
	if w.random.IntN(3) == 0 {
		args = []string{"images", "--all"}
	}
	_, _, err := w.run(w.number, nil, 0, w.podman, args...)
	return err
}
