package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/build/progress"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/image/attestation"
	"golang.org/x/sys/unix"
)

// SBOM says how bills of materials are made.
type SBOM struct {
	// Generator is an image that makes them by BuildKit's protocol (docs/attestations/sbom-protocol.md); empty: Builder.Scan does.
	Generator string
	// Parameters are told to the generator.
	Parameters map[string]string
}

// ScanSubject is what a bill of materials is of: the layers of an image, a stage, or a directory as if it were a layer.
type ScanSubject struct {
	Name     string
	Dirs     [][]string // of each layer, newest first
	Digests  []string   // of the layers, oldest first; none: they are not known
	Platform plan.Platform
	Epoch    *time.Time // of the document; nil: now
	// CycloneDX wants a document of that kind rather than of SPDX.
	CycloneDX bool
}

// coreBOM is the name of the bill of the target; those of other trees begin with it.
const coreBOM = "sbom"

// bomTarget is a tree of files that a bill is made of.
type bomTarget struct {
	name   string // of the document: "sbom", "sbom-NAME"
	source plan.Source
}

// bomTargets are the target, and what arguments of the Dockerfile name beside it.
func (s *solve) bomTargets() []bomTarget {
	last := s.plan.Stages[len(s.plan.Stages)-1]
	targets := []bomTarget{{coreBOM, plan.Source{Stage: &last.Index}}}
	if last.ScanContext && s.job.Context != nil {
		targets = append(targets, bomTarget{coreBOM + "-context", plan.Source{Context: plan.MainContext}})
	}
	for _, stage := range s.plan.Stages {
		if stage.Scan && stage.Index != last.Index {
			targets = append(targets, bomTarget{coreBOM + "-" + filepath.Base(stageName(stage)), plan.Source{Stage: &stage.Index}})
		}
	}
	return targets
}

// boms makes the bills of materials.
func (s *solve) boms(ctx context.Context, with SBOM) (out []claim, err error) {
	tool := "pod-scan"
	if with.Generator != "" {
		tool = with.Generator
	}
	title := plan.Stage{Name: "sbom", Steps: []plan.Step{{Text: "list what the image is made of with " + tool, Run: &plan.Run{}}}}
	vertex := s.job.Display.Vertex(stepTitle(s.shown(title), 0))
	vertex.Start()
	defer func() { vertex.End(false, err) }()
	if with.Generator != "" {
		return s.generated(ctx, with, vertex)
	}
	for _, t := range s.bomTargets() {
		text, err := s.scanOne(ctx, t, false)
		if err != nil {
			return nil, fmt.Errorf("make a bill of materials: %w", err)
		}
		out = append(out, claim{kind: attestation.SPDX, body: text, file: t.name + ".spdx.json"})
	}
	return out, failpoint.Hit("build.scanned")
}

// generated is what a generator makes, or an error with what it has written.
func (s *solve) generated(ctx context.Context, with SBOM, vertex progress.Vertex) ([]claim, error) {
	output := s.work.newOutput(s.job.MaxOutput)
	out, err := s.generate(ctx, with, s.bomTargets(), keptVertex{vertex, output})
	if err == nil || ctx.Err() != nil {
		output.close()
		return out, err
	}
	err = fmt.Errorf("make a bill of materials with %s: %w", with.Generator, err)
	return nil, &SourceError{Problem: plan.Problem{Text: err.Error()}, File: s.job.Dockerfile, Err: err, Output: output}
}

// scanOne has one tree scanned.
func (s *solve) scanOne(ctx context.Context, t bomTarget, cycloneDX bool) (json.RawMessage, error) {
	subject := ScanSubject{Name: s.subjectName(t), Platform: s.platform, Epoch: s.job.Epoch, CycloneDX: cycloneDX}
	if t.source.Context != "" {
		// What the ignore file leaves out is no part of the build, so the rest is copied.
		dir, err := s.copyOfContext(ctx, t.source.Context)
		if err != nil {
			return nil, err
		}
		defer removeTree(dir)
		subject.Dirs = [][]string{{filepath.Join(dir, "tree")}}
		return s.Scan(ctx, subject)
	}
	m, err := s.stage(ctx, *t.source.Stage)
	if err != nil {
		return nil, err
	}
	if len(m.layers) > 0 {
		layers, err := s.layersOf(m)
		if err != nil {
			return nil, err
		}
		subject.Dirs = layers.Parts()
		for _, l := range m.layers {
			subject.Digests = append(subject.Digests, l.DiffID.String())
		}
	}
	return s.Scan(ctx, subject)
}

// subjectName is what the document is called.
func (s *solve) subjectName(t bomTarget) string {
	if t.name != coreBOM {
		return t.name
	}
	if len(s.job.Names) > 0 {
		return s.job.Names[0]
	}
	return "image"
}

// copyOfContext is a directory with a copy of the files of a context in "tree".
func (s *solve) copyOfContext(ctx context.Context, name string) (string, error) {
	tree, err := s.contextTree(name)
	if err != nil {
		return "", err
	}
	l, err := tree.List(ctx, "", nil)
	if err != nil {
		return "", err
	}
	defer l.Close()
	dir, err := s.work.sub()
	if err != nil {
		return "", err
	}
	root, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return dir, err
	}
	defer root.Close()
	return dir, (&files.Placer{Root: root, Now: s.now()}).Place(ctx, l, "/tree", false)
}

// maxBOM is the most that is read of a document, in bytes, and maxBOMs how many of them; BuildKit has the first.
const (
	maxBOM  = 80 << 20
	maxBOMs = 64
)

// generate runs the generator's image, and reads what it has written.
func (s *solve) generate(ctx context.Context, with SBOM, targets []bomTarget, v progress.Vertex) (claims []claim, err error) {
	command := func(img *image.Image) (plan.Run, error) { return generatorRun(img, with, targets) }
	err = s.runImage(ctx, with.Generator, command, v, func(written *os.File) error {
		claims, err = readBOMs(written)
		return err
	})
	return claims, err
}

// runImage runs a command in an image as a RUN is run, and has read what it has written to scanOut. The image is one for this machine, whatever is built.
func (s *solve) runImage(ctx context.Context, name string, command func(*image.Image) (plan.Run, error), v progress.Vertex, read func(written *os.File) error) error {
	opts := s.job.Pull
	opts.Platform = image.Platform{}
	img, err := s.Images.Resolve(ctx, name, opts)
	if err != nil {
		return err
	}
	pin, err := s.Images.Pin(ctx, img.ID, "build")
	if err != nil {
		return err
	}
	defer pin.Release()
	layers, err := s.Images.LayersOf(img)
	if err != nil {
		return err
	}
	run, err := command(img)
	if err != nil {
		return err
	}
	u, err := s.work.newUpper()
	if err != nil {
		return err
	}
	defer u.close()
	out := filepath.Join(u.dir, "out")
	// The image's user, whoever that is, writes there.
	if err := errors.Join(os.Mkdir(out, 0o777), os.Chmod(out, 0o777)); err != nil {
		return err
	}
	if err := s.run(ctx, &mounts{solve: s, run: run, written: out}, nil, layers, u, v); err != nil {
		return err
	}
	if err := failpoint.Hit("build.generated"); err != nil {
		return err
	}
	written, err := os.OpenFile(out, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer written.Close()
	return read(written)
}

// Places in the container of a generator; BuildKit's.
const (
	scanCore   = "/run/src/core/"
	scanExtras = "/run/src/extras/"
	scanOut    = "/run/out/"
)

// generatorRun is the command of a generator's image.
func generatorRun(img *image.Image, with SBOM, targets []bomTarget) (plan.Run, error) {
	config := img.Config.Config
	run := plan.Run{Args: append(append([]string{}, config.Entrypoint...), config.Cmd...), Env: append([]string{}, config.Env...), Workdir: config.WorkingDir}
	if len(run.Args) == 0 {
		return run, errors.New("the image has no command")
	}
	if run.Workdir == "" {
		run.Workdir = "/"
	}
	run.Env = append(run.Env, "BUILDKIT_SCAN_DESTINATION="+scanOut, "BUILDKIT_SCAN_SOURCE="+scanCore+coreBOM)
	if len(targets) > 1 {
		run.Env = append(run.Env, "BUILDKIT_SCAN_SOURCE_EXTRAS="+scanExtras)
	}
	for _, name := range slices.Sorted(maps.Keys(with.Parameters)) {
		run.Env = append(run.Env, "BUILDKIT_SCAN_"+name+"="+with.Parameters[name])
	}
	for _, t := range targets {
		at := scanExtras
		if t.name == coreBOM {
			at = scanCore
		}
		run.Mounts = append(run.Mounts, plan.Mount{Type: plan.MountBind, From: &t.source, Source: "/", Target: at + t.name, ReadOnly: true})
	}
	run.Mounts = append(run.Mounts, plan.Mount{Type: plan.MountTmpfs, Target: "/tmp"})
	return run, nil
}

// readBOMs reads the statements that a generator has written into a directory. It is a stranger's program: nothing is followed, and only so much is read.
func readBOMs(root *os.File) ([]claim, error) {
	names, err := root.Readdirnames(maxBOMs + 1)
	if err != nil && len(names) == 0 {
		return nil, fmt.Errorf("it has written nothing to %s", scanOut)
	}
	if len(names) > maxBOMs {
		return nil, fmt.Errorf("it has written more than %d files", maxBOMs)
	}
	var core, more []claim
	slices.Sort(names)
	for _, name := range names {
		c, err := readBOM(root, name)
		if err != nil {
			return nil, fmt.Errorf("%s that it has written: %w", name, err)
		}
		if name == coreBOM+".spdx.json" {
			core = append(core, c)
		} else {
			more = append(more, c)
		}
	}
	return append(core, more...), nil
}

// readWritten reads what a stranger's program has written under a name.
func readWritten(root *os.File, name string) ([]byte, error) {
	f, err := files.OpenUnlinked(root, name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return files.ReadRegular(f, maxBOM)
}

func readBOM(root *os.File, name string) (claim, error) {
	text, err := readWritten(root, name)
	if err != nil {
		return claim{}, err
	}
	s, err := attestation.ReadStatement(text)
	if err != nil {
		return claim{}, err
	}
	if s.PredicateType != attestation.SPDX {
		return claim{}, fmt.Errorf("it is a statement %q, not a bill of materials (%s)", s.PredicateType, attestation.SPDX)
	}
	return claim{kind: s.PredicateType, body: s.Predicate, file: name}, nil
}
