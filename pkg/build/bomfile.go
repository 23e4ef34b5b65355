package build

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/pkg/build/bom"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/build/progress"
	"github.com/pod-engine/pod/pkg/image"
)

// BOMFile is a bill of materials as podman has it: one document of the image and the contexts, as a file beside the image or in it.
type BOMFile struct {
	bom.Preset
	// InImage and PURLsInImage are absolute paths in the image for the document and for the package URLs in it; empty: they are not put there.
	InImage, PURLsInImage string
	// PURLs says that the package URLs are wanted.
	PURLs bool
}

// BOMDocument is what came of a BOMFile.
type BOMDocument struct{ Text, PURLs []byte }

// Places in the container of a scanner.
const (
	scanRootfs   = "/run/rootfs"
	scanContexts = "/run/contexts/"
)

// addBOM makes the document, and puts it into the image where that is wanted.
func (o *oneBuild) addBOM(ctx context.Context) (document BOMDocument, err error) {
	s := o.solve
	how := *s.job.BOM
	tool := how.Image
	if tool == "" {
		tool = "pod-scan"
	}
	title := plan.Stage{Name: "sbom", Steps: []plan.Step{{Text: "list the image and its contexts with " + tool, Run: &plan.Run{}}}}
	vertex := s.job.Display.Vertex(stepTitle(s.shown(title), 0))
	vertex.Start()
	defer func() { vertex.End(false, err) }()
	output := s.work.newOutput(s.job.MaxOutput)
	document, err = s.bomDocument(ctx, how, keptVertex{vertex, output})
	if err == nil || ctx.Err() != nil {
		output.close()
		if err == nil {
			err = o.placeBOM(ctx, how, document, vertex)
		}
		return document, err
	}
	err = fmt.Errorf("make a bill of materials with %s: %w", tool, err)
	return document, &SourceError{Problem: plan.Problem{Text: err.Error()}, File: s.job.Dockerfile, Err: err, Output: output}
}

// bomDocument has the image and its contexts listed, and makes one document of that.
func (s *solve) bomDocument(ctx context.Context, how BOMFile, v progress.Vertex) (document BOMDocument, err error) {
	var texts [][]byte
	if how.Image == "" {
		texts, err = s.scanForFile(ctx, how.Strategy)
	} else {
		texts, err = s.runScanner(ctx, how, v)
	}
	if err != nil {
		return document, err
	}
	if document.Text, err = bom.Merge(how.Strategy, texts); err != nil || !how.PURLs {
		return document, err
	}
	document.PURLs, err = bom.PURLs(how.Strategy, document.Text)
	return document, err
}

// contextSources are the main context, if there is one, and those by name.
func (s *solve) contextSources() []plan.Source {
	var out []plan.Source
	if s.job.Context != nil {
		out = append(out, plan.Source{Context: plan.MainContext})
	}
	for _, name := range slices.Sorted(maps.Keys(s.job.Contexts)) {
		out = append(out, plan.Source{Context: name})
	}
	return out
}

func (s *solve) targetSource() plan.Source {
	return plan.Source{Stage: &s.plan.Stages[len(s.plan.Stages)-1].Index}
}

// scanForFile has pod itself list the packages.
func (s *solve) scanForFile(ctx context.Context, how bom.Strategy) ([][]byte, error) {
	var texts [][]byte
	for _, source := range append([]plan.Source{s.targetSource()}, s.contextSources()...) {
		name := coreBOM
		if source.Context != "" {
			name = localName(source.Context)
		}
		text, err := s.scanOne(ctx, bomTarget{name, source}, how == bom.CycloneDX)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// runScanner runs the commands in the scanner's image, those that name {CONTEXT} for each context.
func (s *solve) runScanner(ctx context.Context, how BOMFile, v progress.Vertex) ([][]byte, error) {
	var texts [][]byte
	for _, command := range how.Commands {
		words, err := bom.Words(command)
		if err != nil {
			return nil, err
		}
		times := []plan.Source{{}}
		if strings.Contains(command, "{CONTEXT}") {
			times = s.contextSources()
		}
		for i, source := range times {
			text, err := s.runScannerOn(ctx, how.Image, words, source, i, v)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", command, err)
			}
			texts = append(texts, text)
		}
	}
	if len(texts) == 0 {
		return nil, errors.New("no command was run: there is no context")
	}
	return texts, nil
}

func (s *solve) runScannerOn(ctx context.Context, name string, words []string, source plan.Source, number int, v progress.Vertex) (text []byte, err error) {
	const file = "document"
	at := scanContexts + fmt.Sprint(number)
	target := s.targetSource()
	run := plan.Run{Workdir: "/", Mounts: []plan.Mount{
		{Type: plan.MountBind, From: &target, Source: "/", Target: scanRootfs, ReadOnly: true},
		{Type: plan.MountTmpfs, Target: "/tmp"},
	}}
	if source.Context != "" {
		run.Mounts = append(run.Mounts, plan.Mount{Type: plan.MountBind, From: &source, Source: "/", Target: at, ReadOnly: true})
	}
	replace := strings.NewReplacer("{ROOTFS}", scanRootfs, "{CONTEXT}", at, "{OUTPUT}", scanOut+file)
	for _, word := range words {
		run.Args = append(run.Args, replace.Replace(word))
	}
	command := func(img *image.Image) (plan.Run, error) {
		run.Env = img.Config.Config.Env
		return run, nil
	}
	err = s.runImage(ctx, name, command, v, func(written *os.File) error {
		text, err = readWritten(written, file)
		return err
	})
	return text, err
}

// placeBOM makes a layer with the document, where it is to be in the image.
func (o *oneBuild) placeBOM(ctx context.Context, how BOMFile, document BOMDocument, v progress.Vertex) error {
	for _, file := range []struct {
		path string
		text []byte
	}{{how.InImage, document.Text}, {how.PURLsInImage, document.PURLs}} {
		if file.path == "" {
			continue
		}
		c := &copying{solve: o.solve, Copy: plan.Copy{Files: []plan.File{{Path: filepath.Base(file.path), Data: string(file.text)}}, Dest: file.path}}
		layer, err := o.solve.make(ctx, o.made, action{do: c.do}, v, func(l madeLayer) error {
			return o.solve.remember(sum("bill of materials", l.ID), o.made.top(), l, "bill of materials "+file.path) // for prune alone
		})
		if err != nil {
			return fmt.Errorf("put the bill of materials into the image: %w", err)
		}
		o.made = o.made.with(layer, false)
		o.noteHistory("COPY bill of materials " + file.path)
	}
	return nil
}

// noteHistory adds an entry to the history of the target, whose plan others may read.
func (o *oneBuild) noteHistory(what string) {
	p := *o.solve.plan
	p.Stages = slices.Clone(p.Stages)
	config := &p.Stages[len(p.Stages)-1].Config
	config.History = append(slices.Clone(config.History), specs.History{CreatedBy: what, Comment: plan.HistoryComment})
	o.solve.plan = &p
}
