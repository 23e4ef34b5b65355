package dockerfiles

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

var (
	firstSeed = flag.Uint64("seed", 1, "the first random Dockerfile of TestRandom")
	programs  = flag.Uint64("programs", 8, "how many random Dockerfiles TestRandom builds")
	shrink    = flag.Bool("shrink", false, "whether TestRandom leaves out what a difference does not need")
	keep      = flag.String("keep", "", "directory for random Dockerfiles that show a difference")
)

// epoch is the time of random images, so that the same files have the same digest. It is later than contextTime.
const epoch = "1717171717"

// TestRandom builds Dockerfiles that a grammar has made. The same build twice gives the same image, and after a change of the context one that is made
// with the cache is the one that is made without; with a BuildKit daemon (BUILDKIT_HOST) the images are compared with its.
func TestRandom(t *testing.T) {
	program := engine(t)
	bases := filepath.Join(t.TempDir(), "bases.tar")
	if err := writeBases(bases); err != nil {
		t.Fatal(err)
	}
	s := &suite{pod: newWorld(t, program, bases), buildkit: newBuildKit(t), agent: filepath.Join(t.TempDir(), "agent")}
	if s.buildkit != nil { // it is told of each base, needed or not
		maps.DeleteFunc(s.buildkit.bases, func(ref, _ string) bool { return !slices.Contains(randomBases(), ref) })
	}
	g := readGrammar(grammarText)
	var next atomic.Uint64
	var group sync.WaitGroup
	for worker := range 2 { // at a time
		group.Go(func() {
			tr := &trial{suite: s, top: t.TempDir(), name: fmt.Sprintf("random_%d", worker)}
			for n := next.Add(1) - 1; n < *programs; n = next.Add(1) - 1 {
				tr.check(t, g.program(*firstSeed+n))
				t.Logf("seed %d is done", *firstSeed+n)
			}
		})
	}
	group.Wait()
}

// trial is the place where random programs are built, one after the other.
type trial struct {
	*suite
	top, name string
	dir       string // the context
	number    int    // of the program that is there
}

// check shows a program that is not as it should be.
func (tr *trial) check(t *testing.T, p *program) {
	for _, ask := range []func(*program) string{tr.builders, tr.repeated} {
		found := ask(p)
		if found == "" {
			continue
		}
		if *shrink {
			p, found = tr.shrink(p, ask, found)
		}
		a := p.archive()
		a.Comment = fmt.Appendf(a.Comment, "change: %s\n%s\n", p.change, found)
		t.Errorf("seed %d:\n%s", p.seed, txtar.Format(a))
		if *keep == "" {
			return
		}
		if err := os.WriteFile(filepath.Join(*keep, fmt.Sprintf("%d.txtar", p.seed)), txtar.Format(a), 0o644); err != nil {
			t.Error(err)
		}
		return
	}
}

// maxTries is how many smaller programs are tried at most.
const maxTries = 150

// shrink leaves out what a difference does not need.
func (tr *trial) shrink(p *program, ask func(*program) string, found string) (*program, string) {
	kind := func(found string) string { return found[:strings.Index(found+":", ":")] }
	for tries, again := 0, true; again && tries < maxTries; {
		again = false
		for _, q := range p.smaller() {
			if tries++; tries > maxTries {
				break
			}
			if f := ask(q); kind(f) == kind(found) {
				p, found, again = q, f, true
				break
			}
		}
	}
	return p, found
}

// write makes the context of a program, and the case of it. Caches have other names each time, and so has the context: BuildKit takes a file for the one
// that was there before when it has its time and size.
func (tr *trial) write(p *program) (*testCase, error) {
	if err := os.RemoveAll(tr.dir); err != nil {
		return nil, err
	}
	tr.number++
	unique := fmt.Sprintf("%s-%d-%d", tr.name, p.seed, tr.number)
	tr.dir = filepath.Join(tr.top, unique)
	a := p.archive()
	a.Files[0].Data = []byte(strings.ReplaceAll(string(a.Files[0].Data), "id=u-", "id="+unique+"-"))
	c := &testCase{name: tr.name, archive: a, args: append(slices.Clone(p.args), "--secret", "id=key,env=BUILD_SECRET")}
	return c, c.writeContext(tr.dir)
}

// made is the archive of the image that pod made last.
func (tr *trial) made() string { return filepath.Join(tr.pod.TempDir(), tr.name+".tar") }

// trialTimeout ends a build of which a step waits for something.
const trialTimeout = 40 * time.Second

// build builds with pod.
func (tr *trial) build(c *testCase, args ...string) result {
	all := slices.Concat([]string{
		"build", "--pull=never", "-q", "--network", "none", "-t", "localhost/" + c.name, "--source-date-epoch", epoch,
		"-o", "type=docker,dest=" + tr.made(),
	}, c.args, args, []string{"."})
	ctx, cancel := context.WithTimeout(context.Background(), trialTimeout)
	defer cancel()
	cmd := tr.pod.Command(ctx, all...)
	cmd.Dir = tr.dir
	cmd.Env = append(cmd.Env, tr.secrets()...)
	var words strings.Builder
	cmd.Stderr = &words
	out, err := cmd.Output()
	return resultOf(strings.TrimSpace(string(out)), words.String(), err)
}

// repeated says what pod makes of a program that is another image another time.
func (tr *trial) repeated(p *program) string {
	c, first := tr.buildable(p)
	if first.failed() {
		return ""
	}
	if again := tr.build(c); again.id != first.id {
		return fmt.Sprintf("again: %v\n%v", first, again)
	}
	cmd := exec.Command("sh", "-c", p.change)
	cmd.Dir = tr.dir
	cmd.Run() // whatever it can
	if err := setTimes(tr.dir); err != nil {
		return fmt.Sprintf("setup: %v", err)
	}
	if strings.Contains(p.text(), "type=cache") {
		return "" // a build without cache begins with empty ones
	}
	cached := tr.build(c)
	if fresh := tr.build(c, "--no-cache"); fresh.id != cached.id {
		return fmt.Sprintf("cache: with it: %v\nwithout: %v", cached, fresh)
	}
	return ""
}

// buildable builds what is left of a program without the instructions that pod refuses.
func (tr *trial) buildable(p *program) (*testCase, result) {
	for {
		c, err := tr.write(p)
		if err != nil {
			return nil, result{text: err.Error()}
		}
		made := tr.build(c)
		smaller := p.without(made.line)
		if !made.failed() || smaller == nil {
			return c, made
		}
		p = smaller
	}
}
