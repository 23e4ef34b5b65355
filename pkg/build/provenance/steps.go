package provenance

import (
	"fmt"
	"strings"

	"github.com/pod-engine/pod/pkg/build/plan"
)

// Step is an operation in the form of BuildKit's LLB as JSON (solver/pb/ops.proto): a source, a command, or a change of files. Pod's
// solver has no LLB; a plan is told in its words as far as it has them.
type Step struct {
	ID     string   `json:"id,omitempty"`
	Op     *op      `json:"op,omitempty"`
	Inputs []string `json:"inputs,omitempty"` // "stepN:0"
}

type op struct {
	Op struct {
		Exec   *execOp   `json:"exec,omitempty"`
		Source *sourceOp `json:"source,omitempty"`
		File   *fileOp   `json:"file,omitempty"`
	}
	Platform *opPlatform `json:"platform,omitempty"`
}

type opPlatform struct {
	Architecture string `json:",omitempty"`
	OS           string `json:",omitempty"`
	Variant      string `json:",omitempty"`
}

type sourceOp struct {
	Identifier string `json:"identifier,omitempty"`
}

type execOp struct {
	Meta     execMeta    `json:"meta"`
	Mounts   []execMount `json:"mounts,omitempty"`
	Network  int         `json:"network,omitempty"`  // 1 host, 2 none
	Security int         `json:"security,omitempty"` // 1 insecure
}

type execMeta struct {
	Args []string `json:"args,omitempty"`
	Env  []string `json:"env,omitempty"`
	Cwd  string   `json:"cwd,omitempty"`
	User string   `json:"user,omitempty"`
}

type execMount struct {
	Input    int      `json:"input"` // number of Step.Inputs; -1: none
	Selector string   `json:"selector,omitempty"`
	Dest     string   `json:"dest,omitempty"`
	Output   int      `json:"output"` // 0: what the step changes; -1: nothing of it is kept
	ReadOnly bool     `json:"readonly,omitempty"`
	Type     int      `json:"mountType,omitempty"` // 1 secret, 2 ssh, 3 cache, 4 tmpfs
	Secret   *inputOp `json:"secretOpt,omitempty"`
	SSH      *inputOp `json:"SSHOpt,omitempty"`
	Cache    *inputOp `json:"cacheOpt,omitempty"`
}

type inputOp struct {
	ID       string `json:"ID,omitempty"`
	Optional bool   `json:"optional,omitempty"`
}

type fileOp struct {
	Actions []fileAction `json:"actions,omitempty"`
}

type fileAction struct {
	Input          int `json:"input"`
	SecondaryInput int `json:"secondaryInput"`
	Output         int `json:"output"`
	Action         struct {
		Copy   *fileCopy  `json:"copy,omitempty"`
		Mkfile *fileMake  `json:"mkfile,omitempty"`
		Mkdir  *fileMkdir `json:"mkdir,omitempty"`
	}
}

type fileCopy struct {
	Src     string   `json:"src,omitempty"`
	Dest    string   `json:"dest,omitempty"`
	Mode    string   `json:"modeStr,omitempty"`
	Exclude []string `json:"exclude_patterns,omitempty"`
}

type fileMake struct {
	Path string `json:"path,omitempty"`
	Data []byte `json:"data,omitempty"`
}

type fileMkdir struct {
	Path    string `json:"path,omitempty"`
	Parents bool   `json:"makeParents,omitempty"`
}

// graph is the steps while they are written.
type graph struct {
	steps   []Step
	lines   map[string][2]int
	sources map[string]string // steps of sources, by identifier
	stages  map[int]string    // the last step of each stage; empty: it has no files
	after   map[string]string // the step of a layered instruction, by "STAGE.NUMBER"
	name    func(plan.Source) string
}

// Describe tells a plan as steps, with their lines in the Dockerfile. name gives the identifier of an image or a context: docker-image://NAME@DIGEST,
// local://NAME, or an address. steps also says by which step each layered instruction of each stage is told: "STAGE.NUMBER", both as in the plan.
func Describe(p *plan.Plan, name func(plan.Source) string) (steps []Step, lines map[string][2]int, layered map[string]string) {
	g := &graph{lines: map[string][2]int{}, sources: map[string]string{}, stages: map[int]string{}, after: map[string]string{}, name: name}
	for _, stage := range p.Stages {
		at := g.tree(stage.Base)
		for i, step := range stage.Steps {
			if !step.Layered() {
				continue
			}
			at = g.layered(at, stage, step)
			g.after[fmt.Sprintf("%d.%d", stage.Index, i)] = at
			g.lines[at] = [2]int{step.Line, max(step.Line, step.EndLine)}
		}
		g.stages[stage.Index] = at
	}
	last := ""
	if n := len(p.Stages); n > 0 {
		last = g.stages[p.Stages[n-1].Index]
	}
	if last != "" {
		g.add(Step{Inputs: []string{last + ":0"}}) // BuildKit ends a definition with a step that does nothing
	}
	return g.steps, g.lines, g.after
}

func (g *graph) add(s Step) string {
	s.ID = fmt.Sprintf("step%d", len(g.steps))
	g.steps = append(g.steps, s)
	return s.ID
}

// tree is the step that a source's files come from.
func (g *graph) tree(from plan.Source) string {
	if from.Stage != nil {
		return g.stages[*from.Stage]
	}
	if from.Image == "" && from.Context == "" {
		return ""
	}
	return g.source(g.name(from))
}

func (g *graph) source(identifier string) string {
	if id, ok := g.sources[identifier]; ok {
		return id
	}
	o := &op{}
	o.Op.Source = &sourceOp{identifier}
	id := g.add(Step{Op: o})
	g.sources[identifier] = id
	return id
}

// inputs are the steps that one reads.
type inputs []string

// number is that of a step among the inputs; -1: there are no files.
func (in *inputs) number(id string) int {
	if id == "" {
		return -1
	}
	for i, have := range *in {
		if have == id+":0" {
			return i
		}
	}
	*in = append(*in, id+":0")
	return len(*in) - 1
}

func (g *graph) layered(at string, stage plan.Stage, step plan.Step) string {
	var in inputs
	o := &op{Platform: &opPlatform{stage.Platform.Arch, stage.Platform.OS, stage.Platform.Variant}}
	root := in.number(at)
	switch {
	case step.Run != nil:
		o.Op.Exec = g.exec(*step.Run, root, &in)
	case step.Copy != nil:
		o.Op.File = g.copies(*step.Copy, root, &in)
	default:
		a := fileAction{Input: root, SecondaryInput: -1}
		a.Action.Mkdir = &fileMkdir{step.Mkdir.Path, true}
		o.Op.File = &fileOp{[]fileAction{a}}
	}
	return g.add(Step{Op: o, Inputs: in})
}

func (g *graph) exec(run plan.Run, root int, in *inputs) *execOp {
	e := &execOp{Meta: execMeta{Args: run.Args, Env: run.Env, Cwd: run.Workdir, User: run.User}, Mounts: []execMount{{Input: root, Dest: "/"}}}
	switch run.Network {
	case "host":
		e.Network = 1
	case "none":
		e.Network = 2
	}
	if run.Insecure {
		e.Security = 1
	}
	for _, m := range run.Mounts {
		mount := execMount{Input: -1, Dest: m.Target, Output: -1, ReadOnly: m.ReadOnly}
		if m.From != nil {
			mount.Input, mount.Selector = in.number(g.tree(*m.From)), m.Source
		}
		switch m.Type {
		case plan.MountSecret:
			mount.Type, mount.Secret = 1, &inputOp{m.ID, !m.Required}
		case plan.MountSSH:
			mount.Type, mount.SSH = 2, &inputOp{m.ID, !m.Required}
		case plan.MountCache:
			mount.Type, mount.Cache = 3, &inputOp{ID: m.ID}
		case plan.MountTmpfs:
			mount.Type = 4
		}
		e.Mounts = append(e.Mounts, mount)
	}
	return e
}

// copies are the actions of a COPY or ADD, each on the result of the one before it.
func (g *graph) copies(c plan.Copy, root int, in *inputs) *fileOp {
	var actions []fileAction
	add := func(from int) *fileAction {
		actions = append(actions, fileAction{Input: root, SecondaryInput: from, Output: -1})
		return &actions[len(actions)-1]
	}
	for _, p := range c.Paths {
		add(in.number(g.tree(c.From))).Action.Copy = &fileCopy{"/" + strings.TrimPrefix(p, "/"), c.Dest, c.Chmod, c.Exclude}
	}
	for _, address := range c.URLs {
		add(in.number(g.source(Redact(address)))).Action.Copy = &fileCopy{"/", c.Dest, c.Chmod, c.Exclude}
	}
	for _, f := range c.Files {
		add(-1).Action.Mkfile = &fileMake{f.Path, []byte(f.Data)}
	}
	for i := range actions {
		if i > 0 {
			actions[i].Input = len(*in) + i - 1
		}
	}
	if len(actions) > 0 {
		actions[len(actions)-1].Output = 0
	}
	return &fileOp{actions}
}
