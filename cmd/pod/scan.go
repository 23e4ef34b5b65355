package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pod-engine/pod/internal/carried"
	"github.com/pod-engine/pod/internal/errand"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/scan"
)

type scanOptions struct {
	scan.Options
	pull     image.PullOptions
	format   string // as given: a template says itself
	template string
	output   string
	failOn   scan.Severity
	exitCode int
}

// scanTimeout is how long a scan may take when nobody says otherwise.
const scanTimeout = 5 * time.Minute

func (o *scanOptions) addFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.AllPackages, "list-all-pkgs", false, "list each package in the table, not only how many there are")
	f.BoolVar(&o.OnlyFixed, "only-fixed", false, "leave out vulnerabilities for which there is no fixed version")
	f.BoolVarP(&o.Quiet, "quiet", "q", false, "show no progress and no advice")
	f.DurationVar(&o.Timeout, "timeout", scanTimeout, "how long it may take")
	f.IntVar(&o.exitCode, "exit-code", 1, "exit status when something is as severe as --fail-on says; alone, when there is anything")
	f.StringArrayVar(&o.Exclude, "exclude", nil, "leave out files, or all below a directory, that match this `GLOB`; **/ stands for any directories")
	f.StringVarP(&o.format, "format", "f", string(scan.FormatTable), "table, json, spdx-json, cyclonedx-json, sarif, or a Go template")
	f.StringVarP(&o.output, "output", "o", "", "write the report to this `file` instead of the standard output")
	f.StringVarP(&o.template, "template", "t", "", "the Go `template` of --format template; @FILE reads it from a file")
	f.Var(appendTo(&o.Ignore, scan.ParseIgnore), "ignore", "leave out what this RULE or vulnerability finds; RULE:GLOB only for these paths")
	f.Var(into("severity", &o.failOn, scan.ParseSeverity), "fail-on", "end with --exit-code when something is at least this severe")
	f.Var(into("os/arch[/variant]", &o.pull.Platform, image.ParsePlatform), "platform", "platform of the image, instead of this machine's")
	f.Var(into("policy", &o.pull.Policy, image.ParsePolicy).withDefault(string(image.PullMissing)), "pull", "when to pull: always, missing, never or newer")
	f.Var(into("scanner", &o.Scanner, scan.ParseScanner).withDefault(string(scan.ScannerAuto)), "scanner", "who knows vulnerabilities: trivy, grype, auto (the first that is installed) or none")
	f.VarP(into("severities", &o.Severities, scan.ParseSeverities), "severity", "s", "show only these, as in high,critical or medium+")
}

// complete checks flags against each other.
func (o *scanOptions) complete(f *pflag.FlagSet, a *app) error {
	var err error
	if o.Format, err = scan.ParseFormat(o.format); err != nil {
		return usageError{err}
	}
	switch {
	case f.Changed("template") && f.Changed("format") && o.format != string(scan.FormatTemplate):
		return usageError{errors.New("--template needs --format template, and no other format")}
	case f.Changed("template"):
		o.Format, o.Template = scan.FormatTemplate, o.template
	case o.Format == scan.FormatTemplate:
		o.Template = o.format
	}
	if o.Format == scan.FormatTemplate && (o.Template == "" || o.Template == string(scan.FormatTemplate)) {
		return usageError{errors.New("--format template needs --template")}
	}
	if path, ok := cutAt(o.Template); ok {
		text, err := os.ReadFile(path)
		if err != nil {
			return usageError{fmt.Errorf("read the template: %w", err)}
		}
		o.Template = string(text)
	}
	if f.Changed("exit-code") && !f.Changed("fail-on") {
		o.failOn = scan.Unknown // everything that is found is at least that
	}
	if o.exitCode < 0 || o.exitCode > 255 {
		return usageError{fmt.Errorf("--exit-code %d: it is 0 to 255", o.exitCode)}
	}
	if o.Timeout <= 0 {
		return usageError{fmt.Errorf("--timeout %s: it is more than nothing", o.Timeout)}
	}
	if o.Scanner == "" {
		o.Scanner = scan.ScannerAuto
	}
	o.Docker = a.style() == report.Docker
	o.pull.Progress, o.pull.Terminal = a.progress(o.Quiet)
	return nil
}

// cutAt gives the file name of "@FILE", trivy's way to say where a template is.
func cutAt(s string) (string, bool) {
	if len(s) > 1 && s[0] == '@' {
		return s[1:], true
	}
	return "", false
}

func newScanCommand(a *app) *cobra.Command {
	var opts scanOptions
	cmd := &cobra.Command{
		Use:   "scan [flags] IMAGE",
		Short: "Say which packages and which faults an image has",
		Long: "Look into an image, which is pulled if it is not there, without running or mounting it. The report has the packages of\n" +
			"dpkg, apk, rpm, Go, Rust (cargo-auditable), npm, PyPI, RubyGems and Maven; faults, such as secrets in any layer (also\n" +
			"deleted ones) or in the configuration, a process that is root, setuid programs, files everybody may write, and waste;\n" +
			"and, when trivy or grype is installed, the known vulnerabilities of the packages.\n\n" +
			"As spdx-json or cyclonedx-json it is a bill of materials. SOURCE_DATE_EPOCH sets the time in it, so that it can be\n" +
			"made again. Rules: " + scanRules() + ".\n\n" +
			"Exit status: 0 the report was made, and nothing is as severe as --fail-on says; 1 (or --exit-code) something is;\n" +
			"125 the image could not be scanned.",
		Example: a.example("scan alpine", "scan --format spdx-json -o app.spdx.json app:1", "scan --fail-on high --ignore setuid app:1",
			"scan --scanner grype --only-fixed --severity high+ app:1"),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.complete(cmd.Flags(), a); err != nil {
				return err
			}
			return runScan(cmd.Context(), a, args[0], opts)
		},
	}
	opts.addFlags(cmd.Flags())
	aliasFlag(cmd, "ignore-unfixed", "only-fixed") // trivy's words
	aliasFlag(cmd, "skip-files", "exclude")
	aliasFlag(cmd, "skip-dirs", "exclude")
	return cmd
}

// scanRules lists the rules in a line that wraps as the rest does.
func scanRules() string {
	text, width := "", len("made again. Rules: ")
	for i, name := range scan.RuleNames() {
		if i > 0 {
			text += ","
			if width+len(name) > 112 {
				text, width = text+"\n", 0
			} else {
				text += " "
			}
		}
		text += name
		width += len(name) + 2
	}
	return text
}

func runScan(ctx context.Context, a *app, name string, o scanOptions) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	img, err := store.Resolve(ctx, name, o.pull)
	if err != nil {
		return err
	}
	answer, text, err := a.scanPinned(ctx, store, img, o.Options)
	if err != nil {
		return err
	}
	if o.output == "" {
		_, err = a.Out.Write(text)
	} else {
		err = os.WriteFile(o.output, text, 0o666)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if answer.Unasked && !o.Quiet {
		a.tell(hint.Wrap(errors.New("no vulnerabilities were looked up: neither trivy nor grype is on PATH"), scan.HowToAsk))
	}
	worst := answer.Worst
	if o.failOn == scan.None || worst < o.failOn || o.exitCode == 0 {
		return nil
	}
	failure := exitError{code: o.exitCode}
	if !o.Quiet {
		failure.err = fmt.Errorf("image %q has something of severity %s", name, worst)
	}
	return failure
}

// scanPinned keeps the image from being removed while it is looked at.
func (a *app) scanPinned(ctx context.Context, store *image.Store, img *image.Image, o scan.Options) (answer scan.Answer, text []byte, err error) {
	pin, err := store.Pin(ctx, img.ID, "scan")
	if err != nil {
		return answer, nil, err
	}
	defer func() { err = errors.Join(err, pin.Release()) }()
	request, err := scanRequest(store, img, o)
	if err != nil {
		return answer, nil, err
	}
	return a.askScan(ctx, request)
}

// grace is how much longer than --timeout pod-scan may take: by then it has ended itself, unless something keeps it from looking at the
// time.
const grace = 10 * time.Second

// askScan has pod-scan do the work.
func (a *app) askScan(ctx context.Context, request scan.Request) (answer scan.Answer, text []byte, err error) {
	user, err := a.enter(ctx)
	if err != nil {
		return answer, nil, err
	}
	program, err := carried.Path(ctx, "pod-scan", user.DataDir)
	if err != nil {
		return answer, nil, err
	}
	limited, cancel := context.WithTimeout(ctx, request.Options.Timeout+grace)
	defer cancel()
	var out bytes.Buffer
	err = errand.Run(limited, program, request, &answer, errand.Streams{Out: &out, Err: a.Err})
	switch {
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		err = fmt.Errorf("scan image %q: it takes longer than --timeout %s", request.Image.Name, request.Options.Timeout)
	case err == nil && answer.Error != "":
		err = hint.Wrap(errors.New(answer.Error), answer.Hint)
	}
	return answer, out.Bytes(), err
}

// scanRequest is all that pod-scan needs to know of an image.
func scanRequest(store *image.Store, img *image.Image, o scan.Options) (scan.Request, error) {
	found, err := store.LayersOf(img)
	if err != nil {
		return scan.Request{}, err
	}
	c := img.Config
	request := scan.Request{
		Image: scan.Image{
			Name: img.String(), ID: img.ID, Digest: img.Digest, RepoTags: img.Tags(), RepoDigests: img.RepoDigests(),
			OS: c.OS, Architecture: c.Architecture, Variant: c.Variant, Created: img.Created.UTC(),
		},
		Config:  scan.Config{User: c.Config.User, Env: c.Config.Env, Labels: c.Config.Labels},
		Options: o, Version: version, Time: documentTime(),
	}
	if h := c.Docker.Healthcheck; h != nil && len(h.Test) > 0 {
		request.Config.Healthcheck = h.Test[0] != "NONE"
	}
	for _, h := range c.History {
		request.Config.History = append(request.Config.History, scan.Step{CreatedBy: h.CreatedBy, Comment: h.Comment, Empty: h.EmptyLayer})
	}
	request.Image.Layers = scanLayers(found, c)
	if len(request.Image.Layers) == 1 && len(c.RootFS.DiffIDs) > 1 {
		request.Config.History = flattened(request.Config.History)
		request.Notes = append(request.Notes, "the storage driver keeps the image as one directory: which layer brought a file, and what layers have deleted, cannot be seen")
	}
	return request, nil
}

// scanLayers are the layers, oldest first, with what the configuration says of them where it speaks of as many.
func scanLayers(found image.Layers, c image.Config) (layers []scan.Layer) {
	parts := found.Parts()
	slices.Reverse(parts)
	var instructions []string
	for _, h := range c.History {
		if !h.EmptyLayer {
			instructions = append(instructions, h.CreatedBy)
		}
	}
	for i, dirs := range parts {
		layer := scan.Layer{Dirs: dirs}
		if len(parts) == len(c.RootFS.DiffIDs) {
			layer.Digest = c.RootFS.DiffIDs[i].String()
			if len(parts) == len(instructions) {
				layer.Instruction = instructions[i]
			}
		}
		layers = append(layers, layer)
	}
	return layers
}

// flattened takes the layers out of a history that does not fit them.
func flattened(history []scan.Step) []scan.Step {
	for i := range history {
		history[i].Empty = true
	}
	return history
}

// documentTime is now, or what SOURCE_DATE_EPOCH says (https://reproducible-builds.org/specs/source-date-epoch).
func documentTime() time.Time {
	if seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		return time.Unix(seconds, 0).UTC()
	}
	return time.Now().UTC()
}
