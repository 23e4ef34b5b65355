package dockerfiles

import (
	_ "embed"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

//go:embed testdata/random/grammar
var grammarText string

// grammar is what random text is made of: what each name may stand for.
type grammar map[string][]string

func readGrammar(text string) grammar {
	g := grammar{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		name, rest, _ := strings.Cut(line, " ")
		if name == "" || name == "#" {
			continue
		}
		name, number, _ := strings.Cut(name, "*")
		times, err := strconv.Atoi(number)
		if err != nil {
			times = 1
		}
		g[name] = append(g[name], slices.Repeat([]string{rest}, times)...)
	}
	return g
}

var placeholder = regexp.MustCompile(`@([a-z]+)|@{([a-z]+)}`)

// expand replaces the names in a text until there are none.
func (g grammar) expand(r *rand.Rand, text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		choices := g[strings.Trim(found, "@{}")]
		if len(choices) == 0 {
			return found
		}
		return g.expand(r, choices[r.IntN(len(choices))])
	})
}

// program is a random Dockerfile with its context, in parts that can be left out.
type program struct {
	seed   uint64
	args   []string // of the build
	setup  []string // lines of shell that make the context
	ignore []string // lines of .dockerignore
	steps  []string // instructions, which may have several lines
	change string   // shell that changes the context
}

// program is the one of this seed.
func (g grammar) program(seed uint64) *program {
	r := rand.New(rand.NewPCG(seed, 0))
	p := &program{seed: seed, change: g.expand(r, "@change")}
	p.setup = []string{"mkdir -p a/b b/c c/a", "echo a >a/x.txt; echo b >b/a; echo c >c/a/b; echo x >x.txt; echo h >.h; echo ba >b/c/a"}
	for range 6 + r.IntN(10) {
		p.setup = append(p.setup, g.expand(r, "@setup"))
	}
	if r.IntN(3) == 0 {
		for range 1 + r.IntN(4) {
			p.ignore = append(p.ignore, g.expand(r, "@ignored"))
		}
	}
	for _, name := range []string{"A", "B", "C"} {
		if r.IntN(5) == 0 {
			p.args = append(p.args, "--build-arg", name+"="+g.expand(r, "@plain"))
		}
	}
	for range r.IntN(3) {
		p.steps = append(p.steps, g.expand(r, "@global"))
	}
	p.stages(r, g)
	for i, step := range p.steps {
		p.steps[i] = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t").Replace(step)
	}
	return p
}

// furnish makes files with the names that the grammar has, in a stage that begins with a base.
const furnish = "RUN mkdir -p /w/a /srv/b /opt/v/c /a && touch /w/x.txt /srv/a /opt/v/c/b /a/c && ln -s ../srv /w/b && chown -R app /srv"

// randomBases are what stages begin with that begin with no other.
func randomBases() []string {
	return []string{"alpine:3.22", "alpine:3.22", "legacy:healthy", "nginx:1.29-alpine"}
}

// stages adds stages, each of which knows those before it.
func (p *program) stages(r *rand.Rand, g grammar) {
	known := maps.Clone(g)
	known["from"] = append(randomBases(), "scratch")
	known["copied"], known["stage"], known["unique"] = []string{"nginx:1.29-alpine"}, []string{"alpine:3.22"}, []string{"u-1", "u-2"}
	empty := map[string]bool{"scratch": true}
	for i := range 1 + r.IntN(4) {
		from, name := known.expand(r, "@from"), fmt.Sprintf("s%d", i)
		p.steps = append(p.steps, "FROM "+from+" AS "+name)
		kind := "@instruction"
		if empty[from] {
			kind, empty[name] = "@bare", true
		} else if strings.Contains(from, ":") {
			p.steps = append(p.steps, "USER root", furnish)
		}
		for range 2 + r.IntN(9) {
			p.steps = append(p.steps, known.expand(r, kind))
		}
		known["from"] = append(known["from"], name, name)
		known["copied"] = append(known["copied"], name, name, strconv.Itoa(i))
		known["stage"] = append(known["stage"], name, name)
	}
}

// text is the Dockerfile.
func (p *program) text() string { return strings.Join(p.steps, "\n") + "\n" }

// at is the number of the instruction that has this line, unless that is a FROM or there is none.
func (p *program) at(line int) (int, bool) {
	if line <= 0 {
		return 0, false
	}
	for i, step := range p.steps {
		if line -= 1 + strings.Count(step, "\n"); line <= 0 {
			return i, !strings.HasPrefix(step, "FROM")
		}
	}
	return 0, false
}

// stepAt is the instruction at a line, or nothing.
func (p *program) stepAt(line int) string {
	if i, ok := p.at(line); ok {
		return p.steps[i]
	}
	return ""
}

// without is the program without the instruction at a line, or nil.
func (p *program) without(line int) *program {
	i, ok := p.at(line)
	if !ok {
		return nil
	}
	q := *p
	q.steps = slices.Delete(slices.Clone(p.steps), i, i+1)
	return &q
}

// commented is without, with the lines of the others as they were.
func (p *program) commented(line int) *program {
	i, ok := p.at(line)
	if !ok {
		return nil
	}
	q := *p
	q.steps = slices.Clone(p.steps)
	q.steps[i] = "#" + strings.Repeat("\n#", strings.Count(p.steps[i], "\n"))
	return &q
}

// archive is the program as a case of testdata.
func (p *program) archive() *txtar.Archive {
	a := &txtar.Archive{Comment: fmt.Appendf(nil, "Random %d\n", p.seed)}
	if len(p.args) > 0 {
		a.Comment = fmt.Appendf(a.Comment, "build: %s\n", strings.Join(p.args, " "))
	}
	var setup strings.Builder
	for _, line := range p.setup {
		fmt.Fprintf(&setup, "{ %s; } 2>/dev/null || :\n", line)
	}
	a.Files = []txtar.File{{Name: "Dockerfile", Data: []byte(p.text())}, {Name: "setup", Data: []byte(setup.String())}}
	if len(p.ignore) > 0 {
		a.Files = append(a.Files, txtar.File{Name: ".dockerignore", Data: []byte(strings.Join(p.ignore, "\n") + "\n")})
	}
	return a
}

// smaller are the programs with one part less, those without much first.
func (p *program) smaller() []*program {
	var out []*program
	without := func(list []string, set func(q *program, list []string)) {
		for size := len(list) / 2; size > 0; size /= 2 {
			for at := len(list) - size; at >= 0; at -= size {
				q := *p
				set(&q, slices.Concat(list[:at], list[at+size:]))
				out = append(out, &q)
			}
		}
	}
	without(p.steps, func(q *program, list []string) { q.steps = list })
	without(p.setup, func(q *program, list []string) { q.setup = list })
	without(p.ignore, func(q *program, list []string) { q.ignore = list })
	if len(p.args) > 0 {
		q := *p
		q.args = nil
		out = append(out, &q)
	}
	return out
}
