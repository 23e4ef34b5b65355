package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/bom"
	"github.com/pod-engine/pod/pkg/build/provenance"
	"github.com/pod-engine/pod/pkg/scan"
	"github.com/spf13/pflag"
)

// attestEntry is one --attest; --provenance and --sbom are short for one.
type attestEntry struct {
	kind       string // "provenance" or "sbom"
	disabled   bool
	attributes map[string]string
}

// parseAttest reads "type=TYPE[,disabled=true][,KEY=VALUE...]".
func parseAttest(s string) (attestEntry, error) {
	e := attestEntry{attributes: map[string]string{}}
	fields, err := csvFields(s)
	if err != nil {
		return e, err
	}
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		switch key = strings.TrimSpace(strings.ToLower(key)); {
		case key == "type":
			e.kind = value
		case key == "disabled":
			if e.disabled, err = switchedOn(value); err != nil {
				return e, fmt.Errorf("disabled=%s: %w", value, err)
			}
		case !ok:
			return e, fmt.Errorf("%q in %q is not KEY=VALUE", field, s)
		default:
			e.attributes[strings.TrimSpace(field[:len(key)])] = value
		}
	}
	if e.kind != "provenance" && e.kind != "sbom" {
		return e, fmt.Errorf("%q: its type is provenance or sbom", s)
	}
	return e, e.check()
}

// check has the attributes read, so that a mistake is told at once.
func (e attestEntry) check() error {
	if e.disabled {
		return nil
	}
	var err error
	if e.kind == "provenance" {
		_, err = provenance.Parse(e.attributes)
	} else {
		_, err = parseSBOM(e.attributes)
	}
	return err
}

// parseSBOM reads the attributes of type=sbom: what is not generator is a parameter of the generator.
func parseSBOM(attributes map[string]string) (*build.SBOM, error) {
	with := &build.SBOM{Parameters: map[string]string{}}
	for key, value := range attributes {
		if key != "generator" {
			with.Parameters[key] = value
			continue
		}
		if with.Generator = value; value == "" {
			return nil, errors.New("generator= is the name of an image")
		}
	}
	if len(with.Parameters) > 0 && with.Generator == "" {
		return nil, fmt.Errorf("%s: it is a parameter for a generator, and without generator=IMAGE pod itself lists the packages", slices.Sorted(maps.Keys(with.Parameters))[0])
	}
	return with, nil
}

func (o *buildOptions) addAttestFlags(f *pflag.FlagSet) {
	f.Var(appendTo(&o.attest, parseAttest), "attest", "state something of the image beside it: type=provenance|sbom[,KEY=VALUE...], or type=TYPE,disabled=true")
	o.addShortAttest(f, "provenance", "state how the image was made: true, false, or mode=min|max[,version=v1|v0.2][,builder-id=ID]...")
	o.addShortAttest(f, "sbom", "state what the image is made of: true, false, or generator=IMAGE; as podman has it a preset (pod, syft, trivy, ...) for --sbom-output and its like")
	o.addBOMFlags(f)
}

// addShortAttest binds a flag that stands for --attest type=KIND.
func (o *buildOptions) addShortAttest(f *pflag.FlagSet, kind, help string) {
	f.Var(parsed{kind: "string", set: func(s string) error {
		if kind == "sbom" && isPreset(s) {
			if _, err := bom.ParsePreset(s); err == nil {
				o.bom.preset = s
				return nil
			} else if _, isBool := strconv.ParseBool(s); isBool != nil {
				return err
			}
		}
		if on, err := strconv.ParseBool(s); err == nil {
			o.attest = append(o.attest, attestEntry{kind: kind, disabled: !on})
			return nil
		}
		e, err := parseAttest("type=" + kind + "," + s)
		o.attest = append(o.attest, e)
		return err
	}}, kind, help)
	f.Lookup(kind).NoOptDefVal = "true"
}

// attestArgument begins the names of build arguments by which BuildKit takes attestations, too.
const attestArgument = "BUILDKIT_ATTEST_"

// completeAttest finds out what is stated. Of several that are about the same the last one counts, and those of flags before those of build arguments.
func (o *buildOptions) completeAttest(a *app) error {
	entries := map[string]attestEntry{}
	for name, value := range o.job.Request.Args {
		if kind, ok := strings.CutPrefix(name, attestArgument); ok {
			e, err := parseAttest(strings.TrimSuffix("type="+strings.ToLower(kind)+","+value, ","))
			if err != nil {
				return usageError{fmt.Errorf("--build-arg %s: %w", name, err)}
			}
			entries[e.kind] = e
		}
	}
	for _, e := range o.attest {
		entries[e.kind] = e
	}
	if _, said := entries["provenance"]; !said {
		usual, err := o.usualProvenance(a)
		if err != nil {
			return err
		}
		if usual {
			entries["provenance"] = attestEntry{kind: "provenance", attributes: map[string]string{"mode": "min", "inline-only": "true"}}
		}
	}
	for _, e := range entries {
		if e.disabled {
			continue
		}
		if e.kind == "sbom" {
			o.job.Attest.SBOM, _ = parseSBOM(e.attributes) // it was read before
			continue
		}
		p, err := provenance.Parse(e.attributes)
		if err != nil {
			return usageError{err}
		}
		o.job.Attest.Provenance = &p
	}
	o.metadataMode = metadataProvenance(os.Getenv("BUILDX_METADATA_PROVENANCE"))
	o.job.Attest.Records = (o.metadataFile != "" || o.recorded) && o.metadataMode != metadataDisabled
	if err := o.completeBOM(); err != nil {
		return err
	}
	return o.checkAttest()
}

// usualProvenance reports whether provenance is stated although nobody asked for it: called as docker, of what goes to a registry, as buildx does.
func (o *buildOptions) usualProvenance(a *app) (bool, error) {
	const off = "BUILDX_NO_DEFAULT_ATTESTATIONS"
	if text := os.Getenv(off); text != "" {
		none, err := strconv.ParseBool(text)
		if err != nil {
			return false, usageError{fmt.Errorf("%s=%s: it is true or false", off, text)}
		}
		if none {
			return false, nil
		}
	}
	return a.asDocker() && !o.job.Docker && slices.ContainsFunc(o.outputs, func(out buildOutput) bool { return out.push }), nil
}

// checkAttest finds outputs that have no place for what is stated.
func (o *buildOptions) checkAttest() error {
	if !o.job.Attest.Any() {
		return nil
	}
	for _, out := range o.outputs {
		if out.kind == "docker" && out.dest != "" {
			return usageError{hint.Wrap(errors.New("docker's archive has no place for attestations"), "-o type=oci,dest="+out.dest+", which docker load takes too")}
		}
	}
	if o.job.Docker {
		return usageError{errors.New("attestations need OCI's format, without --format docker and oci-mediatypes=false")}
	}
	return nil
}

// metadataMode is how much of the provenance is in the file of --metadata-file.
type metadataMode int

const (
	metadataMin metadataMode = iota
	metadataMax
	metadataDisabled
)

// metadataProvenance reads BUILDX_METADATA_PROVENANCE, of which buildx takes whatever it does not know for min.
func metadataProvenance(text string) metadataMode {
	switch text {
	case "max":
		return metadataMax
	case "disabled":
		return metadataDisabled
	}
	if on, err := strconv.ParseBool(text); err == nil && !on {
		return metadataDisabled
	}
	return metadataMin
}

// noteVersionControl asks git about a directory that is built from, when somebody will read it.
func (o *buildOptions) noteVersionControl(ctx context.Context, dir string) {
	wanted, err := strconv.ParseBool(cmp.Or(os.Getenv("BUILDX_GIT_INFO"), "true"))
	if err == nil && wanted && (o.job.Attest.Provenance != nil || o.job.Attest.Records) {
		o.job.Attest.VCS = build.VersionControl(ctx, dir)
	}
}

// scanSubject has pod-scan list the packages of what a build has made.
func (a *app) scanSubject(ctx context.Context, subject build.ScanSubject) ([]byte, error) {
	request := scan.Request{
		Image:   scan.Image{Name: subject.Name, OS: subject.Platform.OS, Architecture: subject.Platform.Arch, Variant: subject.Platform.Variant},
		Options: scan.Options{Format: scan.FormatSPDX, Scanner: scan.ScannerNone, Timeout: scanTimeout, Quiet: true},
		Version: version, Time: documentTime(),
	}
	if subject.CycloneDX {
		request.Options.Format = scan.FormatCycloneDX
	}
	if subject.Epoch != nil {
		request.Time = subject.Epoch.UTC()
	}
	for i, dirs := range slices.Backward(subject.Dirs) {
		layer := scan.Layer{Dirs: dirs}
		if n := len(subject.Dirs) - 1 - i; len(subject.Digests) == len(subject.Dirs) {
			layer.Digest = subject.Digests[n]
		}
		request.Image.Layers = append(request.Image.Layers, layer)
	}
	_, text, err := a.askScan(ctx, request)
	return text, err
}
