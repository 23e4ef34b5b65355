package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/scan"
	"github.com/pod-engine/pod/pkg/scan/hygiene"
	"github.com/pod-engine/pod/pkg/scan/inventory"
	"github.com/pod-engine/pod/pkg/scan/layerfs"
	"github.com/pod-engine/pod/pkg/scan/sbom"
	"github.com/pod-engine/pod/pkg/scan/summary"
	"github.com/pod-engine/pod/pkg/scan/vulnerability"
)

// run looks at the image and writes the report to the standard output when it is complete.
func run(ctx context.Context, request scan.Request) (scan.Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, request.Options.Timeout, fmt.Errorf("it takes longer than --timeout %s", request.Options.Timeout))
	defer cancel()
	maker := sbom.Maker{Version: request.Version, Time: request.Time}
	r, err := look(ctx, request, maker)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return scan.Answer{}, fmt.Errorf("scan image %q: %w", request.Image.Name, err)
	}
	request.Options.Apply(r)
	var out bytes.Buffer
	if err := write(&out, r, request.Options, maker); err != nil {
		return scan.Answer{}, err
	}
	if _, err := os.Stdout.Write(out.Bytes()); err != nil {
		return scan.Answer{}, fmt.Errorf("write the report: %w", err)
	}
	return scan.Answer{Worst: r.Worst(), Unasked: r.Scanner == "" && request.Options.Scanner == scan.ScannerAuto}, nil
}

// look finds everything.
func look(ctx context.Context, request scan.Request, maker sbom.Maker) (*scan.Report, error) {
	// Before the work, as a program that is missing is worth knowing at once.
	program, err := vulnerability.Look(request.Options.Scanner)
	if err != nil {
		return nil, err
	}
	layers, closeAll, err := open(request.Image.Layers)
	defer closeAll()
	if err != nil {
		return nil, err
	}
	files, err := layerfs.Merge(ctx, layers)
	if err != nil {
		return nil, err
	}
	r := &scan.Report{SchemaVersion: scan.SchemaVersion, Image: request.Image, Notes: slices.Concat(request.Notes, files.Notes)}
	for i, size := range files.Sizes {
		r.Image.Layers[i].Size, r.Image.Layers[i].Dirs = size, nil
	}
	found, err := inventory.Find(ctx, files)
	if err != nil {
		return nil, err
	}
	r.Distribution, r.Packages = found.Distribution, found.Packages
	faults, notes, err := hygiene.Find(ctx, hygiene.Subject{Config: request.Config, Layers: r.Image.Layers, Files: files})
	if err != nil {
		return nil, err
	}
	r.Findings, r.Notes = faults, slices.Concat(r.Notes, found.Notes, notes)
	request.Options.Apply(r) // what is left out is no business of a scanner either
	return r, ask(ctx, r, request, program, maker)
}

// ask adds the vulnerabilities that a program knows.
func ask(ctx context.Context, r *scan.Report, request scan.Request, program *vulnerability.Program, maker sbom.Maker) error {
	if program == nil {
		return nil
	}
	var bom bytes.Buffer
	if err := sbom.WriteCycloneDX(&bom, r, maker); err != nil {
		return fmt.Errorf("describe it to %s: %w", program.Name(), err)
	}
	var conversation io.Writer
	if !request.Options.Quiet {
		conversation = escaped{os.Stderr}
	}
	r.Scanner = program.Name()
	var err error
	r.Vulnerabilities, err = program.Ask(ctx, bom.Bytes(), conversation)
	return err
}

// escaped passes lines on without what acts on a terminal: names of the image may be in what a scanner says.
type escaped struct{ io.Writer }

func (e escaped) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		text, end := strings.CutSuffix(line, "\n")
		text = report.Escape(text)
		if end {
			text += "\n"
		}
		if _, err := io.WriteString(e.Writer, text); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// open opens the directories of all layers.
func open(layers []scan.Layer) (sources [][]layerfs.Source, closeAll func(), err error) {
	var opened []*layerfs.Directory
	closeAll = func() {
		for _, d := range opened {
			err = errors.Join(err, d.Close())
		}
	}
	for _, l := range layers {
		var parts []layerfs.Source
		for _, dir := range l.Dirs {
			d, err := layerfs.OpenDirectory(dir)
			if err != nil {
				return nil, closeAll, err
			}
			opened = append(opened, d)
			parts = append(parts, d)
		}
		sources = append(sources, parts)
	}
	return sources, closeAll, nil
}

// write writes the report in the form that was asked for.
func write(w io.Writer, r *scan.Report, o scan.Options, maker sbom.Maker) error {
	style := report.Podman
	if o.Docker {
		style = report.Docker
	}
	switch o.Format {
	case scan.FormatJSON:
		return report.WriteJSON(w, r, "  ")
	case scan.FormatSPDX:
		return sbom.WriteSPDX(w, r, maker)
	case scan.FormatCycloneDX:
		return sbom.WriteCycloneDX(w, r, maker)
	case scan.FormatSARIF:
		return sbom.WriteSARIF(w, r, maker)
	case scan.FormatTemplate:
		return report.Record(w, r, o.Template, style)
	}
	return summary.Write(w, r, summary.Options{AllPackages: o.AllPackages, Style: style})
}
