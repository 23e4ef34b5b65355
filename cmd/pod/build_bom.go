package main

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/bom"
	"github.com/spf13/pflag"
)

// bomFlags are podman's flags about a bill of materials that is a file.
type bomFlags struct {
	preset       string
	commands     []string
	image        string
	strategy     bom.Strategy
	output       string
	purls        string
	inImage      string
	purlsInImage string
}

func (o *buildOptions) addBOMFlags(f *pflag.FlagSet) {
	b := &o.bom
	f.StringVar(&b.output, "sbom-output", "", "write a bill of materials of the image and the contexts to this `file`")
	f.StringVar(&b.purls, "sbom-purl-output", "", "write the package URLs of it to this `file`")
	f.StringVar(&b.inImage, "sbom-image-output", "", "put the bill of materials into the image, at this `path`")
	f.StringVar(&b.purlsInImage, "sbom-image-purl-output", "", "put its package URLs into the image, at this `path`")
	f.StringVar(&b.image, "sbom-scanner-image", "", "`image` whose commands make it, instead of pod itself")
	f.StringArrayVar(&b.commands, "sbom-scanner-command", nil, "`command` of that image, in which {ROOTFS}, {CONTEXT} and {OUTPUT} stand for paths; may be given several times")
	f.Var(into("strategy", &b.strategy, bom.ParseStrategy), "sbom-merge-strategy",
		"how several documents become one: "+string(bom.Cat)+", "+string(bom.CycloneDX)+" or "+string(bom.SPDX))
}

// completeBOM finds out what bill of materials is wanted as a file.
func (o *buildOptions) completeBOM() error {
	b := &o.bom
	wanted := b.output != "" || b.purls != "" || b.inImage != "" || b.purlsInImage != ""
	switch given := b.preset != "" || b.image != "" || len(b.commands) > 0 || b.strategy != ""; {
	case given && !wanted:
		return usageError{errors.New("say where the bill of materials goes, with --sbom-output, --sbom-purl-output, --sbom-image-output or --sbom-image-purl-output")}
	case !wanted:
		return nil
	case len(o.job.Platforms) > 1 && (b.output != "" || b.purls != ""):
		return usageError{errors.New("--sbom-output and --sbom-purl-output are files of one image, and there are several platforms; --sbom attests to each of them")}
	}
	file := &build.BOMFile{InImage: b.inImage, PURLsInImage: b.purlsInImage, PURLs: b.purls != "" || b.purlsInImage != ""}
	for _, p := range []string{b.inImage, b.purlsInImage} {
		if p != "" && (!path.IsAbs(p) || path.Clean(p) != p || p == "/") {
			return usageError{fmt.Errorf("%q is not the whole path of a file in the image", p)}
		}
	}
	var err error
	if file.Preset, err = b.complete(); err != nil {
		return usageError{err}
	}
	if file.Strategy == bom.Cat && file.PURLs {
		return usageError{errors.New("package URLs are taken out of a document that --sbom-merge-strategy understands; cat only concatenates")}
	}
	o.job.BOM = file
	return nil
}

// complete puts preset and flags together; flags win.
func (b *bomFlags) complete() (bom.Preset, error) {
	p := bom.Preset{Strategy: bom.SPDX}
	if b.preset != "" {
		var err error
		if p, err = bom.ParsePreset(b.preset); err != nil {
			return p, err
		}
	}
	if b.image != "" {
		p.Image = b.image
	}
	if len(b.commands) > 0 {
		p.Commands = b.commands
	}
	if b.strategy != "" {
		p.Strategy = b.strategy
	}
	switch {
	case p.Image != "" && len(p.Commands) == 0:
		return p, errors.New("--sbom-scanner-image needs --sbom-scanner-command, or a preset (--sbom)")
	case p.Image == "" && len(p.Commands) > 0:
		return p, errors.New("--sbom-scanner-command needs --sbom-scanner-image, in which it runs")
	case p.Image == "" && p.Strategy == bom.Cat:
		return p, errors.New("what pod lists is merged by name and version; cat is for a scanner's image")
	case b.image != "" && b.strategy == "" && b.preset == "" && len(p.Commands) > 1:
		return p, errors.New("several commands make several documents; --sbom-merge-strategy says how they become one")
	}
	for _, command := range p.Commands {
		if _, err := bom.Words(command); err != nil {
			return p, err
		}
		if !strings.Contains(command, "{OUTPUT}") {
			return p, fmt.Errorf("the command %q writes no {OUTPUT}", command)
		}
	}
	return p, nil
}

// isPreset reports whether the value of --sbom is a name of podman's.
func isPreset(s string) bool {
	return s != "" && !slices.ContainsFunc([]string{"=", ","}, func(c string) bool { return strings.Contains(s, c) })
}

// writeBOM writes the files of the caller.
func (o *buildOptions) writeBOM(result build.Result) error {
	for _, document := range result.BOMs {
		for _, file := range []struct {
			path string
			text []byte
		}{{o.bom.output, document.Text}, {o.bom.purls, document.PURLs}} {
			if file.path == "" {
				continue
			}
			if err := atomicfile.WriteVolatile(file.path, file.text); err != nil {
				return fmt.Errorf("write the bill of materials: %w", err)
			}
		}
	}
	return nil
}
