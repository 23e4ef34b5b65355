package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/cdi"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

func newBuildCommand(a *app) *cobra.Command {
	opts := newBuildOptions()
	cmd := &cobra.Command{
		Use:   "build [flags] [CONTEXT]",
		Short: "Make an image from a Dockerfile",
		Long: "Make an image from a Dockerfile, or a Containerfile. CONTEXT is the directory whose files COPY and ADD can read, by default\n" +
			"the current one, or an address of git (#BRANCH:DIRECTORY may follow) or of a tar archive. With - the archive, or a Dockerfile\n" +
			"alone, is read from the standard input. Progress goes to the standard error, the\n" +
			"image's id to the standard output. Exit status: 0 the image is made, 1 --check has found something, 125 an\n" +
			"error, else the exit code of the RUN that failed.",
		Example: a.example("build -t app .", "build -t app:test --target test --build-arg VERSION=1.2 .",
			"build --platform linux/amd64,linux/arm64 -t registry:5000/app --push .", "build -o out .",
			"build --secret id=token,src=token.txt --ssh default -f deploy/Dockerfile .", "build --check ."),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			if err := opts.complete(cmd.Flags(), a); err != nil {
				return err
			}
			return untilGone(cmd.Context(), func(ctx context.Context) error { return runBuild(ctx, a, opts, dir) })
		},
	}
	opts.addFlags(cmd.Flags(), callersSurroundings())
	a.addBuilderFlag(cmd.Flags())
	cmd.Flags().SetNormalizeFunc(normalizeConfigFlag)
	aliasFlag(cmd, "print", "call")
	return cmd
}

func runBuild(ctx context.Context, a *app, opts *buildOptions, dir string) error {
	s, err := a.buildSession(ctx, opts.jobs)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := opts.openContext(ctx, a, s, dir); err != nil {
		return err
	}
	if opts.call.method != "" {
		return opts.answerCall(ctx, a, s, a.Out)
	}
	made, err := opts.carryOut(ctx, a, s)
	if err != nil {
		return err
	}
	return opts.writeAnswers(a, made)
}

// buildSession is what the jobs of a command have in common, of which jobs steps run at a time.
func (a *app) buildSession(ctx context.Context, jobs int) (*build.Session, error) {
	// A build is over in seconds, and a fifth of its own work was to look for memory that could be used again.
	debug.SetGCPercent(400)
	// But for one of hundreds of stages, which would take a gigabyte. $GOMEMLIMIT goes before.
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(400 << 20)
	}
	b, err := a.builder(ctx)
	if err != nil {
		return nil, err
	}
	return b.NewSession(jobs), nil
}

// builtResult is what a build has made, and where it is.
type builtResult struct {
	build.Result
	store  *image.Store
	pushed []image.Pushed
}

// id is that of the image or list; empty: there is none.
func (r builtResult) id() string {
	switch {
	case r.List != nil:
		return r.List.ID
	case len(r.Images) > 0:
		return r.Images[0].ID
	}
	return ""
}

// carryOut builds, and brings the result to where the outputs say.
func (o *buildOptions) carryOut(ctx context.Context, a *app, s *build.Session) (made builtResult, err error) {
	if err := o.completeCaches(a, s.Builder); err != nil {
		return made, err
	}
	display, finish, err := a.openDisplay(o.progress, o.logFile, o.quiet)
	if err != nil {
		return made, err
	}
	o.job.Display, made.store = display, s.Images
	made.Result, err = s.Build(ctx, &o.job)
	finish()
	if !o.quiet {
		a.showWarnings(made.Warnings)
	}
	a.showSource(err)
	if err == nil {
		err = o.writeBOM(made.Result)
	}
	if err == nil {
		made.pushed, err = o.export(ctx, a, s.Builder, made.Result)
	}
	return made, err
}

// builder puts the parts of a build together.
func (a *app) builder(ctx context.Context) (*build.Builder, error) {
	if err := a.checkBuilder(ctx); err != nil {
		return nil, err
	}
	e, err := a.engine(ctx)
	if err != nil {
		return nil, err
	}
	images, err := a.images(ctx)
	if err != nil {
		return nil, err
	}
	user, err := a.enter(ctx)
	if err != nil {
		return nil, err
	}
	limits, err := unpackLimits()
	if err != nil {
		return nil, err
	}
	return &build.Builder{
		Images: images, Runner: e, Dir: user.DataDir + "/build", Limits: limits, Warn: a.warn,
		Fetch: func(ctx context.Context, url, path string) (build.Fetched, error) {
			got, err := a.courier().Fetch(ctx, images, url, path)
			return build.Fetched{Modified: got.Modified, Digest: got.Digest}, err
		},
		Frontend: a.frontend, Scan: a.scanSubject, Version: version,
		Devices: func() (build.Devices, error) { return cdi.Open(e.CDIDirs) },
	}, nil
}

// checkBuild reads the Dockerfile and prints what the lint rules find; nothing is built.
func (o *buildOptions) checkBuild(ctx context.Context, a *app, s *build.Session, out io.Writer) error {
	o.job.Request.Check = true
	_, _, warnings, err := s.Plan(ctx, &o.job, o.job.Platforms[0])
	if o.call.asJSON {
		var problem *callProblem
		var source *build.SourceError
		if errors.As(err, &source) {
			problem = &callProblem{err.Error(), locate(source.Problem.Line, source.EndLine)}
		}
		if err := writeJSON(out, checkResult(warnings, o.job.Dockerfile, problem)); err != nil {
			return err
		}
	} else {
		for _, w := range warnings {
			fmt.Fprint(out, finding(w, o.job.Dockerfile))
		}
	}
	var source *build.SourceError
	if err != nil && !(errors.As(err, &source) && source.Problem.Lint) {
		a.showSource(err)
		return err
	}
	if len(warnings) > 0 {
		return exitError{code: 1}
	}
	if !o.call.asJSON {
		fmt.Fprintln(out, "Check complete, no warnings found.")
	}
	return nil
}

// finding is a lint warning as docker prints it.
func finding(w plan.Warning, file build.Dockerfile) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nWARNING: %s", w.Rule)
	if w.URL != "" {
		fmt.Fprintf(&b, " - %s", w.URL)
	}
	fmt.Fprintf(&b, "\n%s\n", report.Escape(w.Detail))
	if w.Line > 0 {
		fmt.Fprintf(&b, "%s:%d\n%s", file.Name, w.Line, escapeLines(file.Excerpt(w.Line, w.EndLine)))
	}
	return b.String()
}

func escapeLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = report.EscapeLine(line)
	}
	return strings.Join(lines, "\n")
}

// showWarnings prints what the lint rules have found.
func (a *app) showWarnings(warnings []plan.Warning) {
	if len(warnings) == 0 {
		return
	}
	fmt.Fprintf(a.Err, "\n%d warning(s) found (use %s build --check for the lines):\n", len(warnings), a.name)
	for _, w := range warnings {
		fmt.Fprintf(a.Err, " - %s: %s (line %d)\n", w.Rule, report.Escape(w.Detail), w.Line)
	}
}

// showSource prints what a failed step has written, and its lines.
func (a *app) showSource(err error) {
	var source *build.SourceError
	if !errors.As(err, &source) {
		return
	}
	if source.Output != nil && source.Output.Len() > 0 {
		fmt.Fprintln(a.Err, "------")
		writeEscaped(a.Err, source.Output.Reader())
		fmt.Fprintln(a.Err, "------")
	}
	fmt.Fprint(a.Err, escapeLines(source.Excerpt()))
}

// hostPlatform is what RUN runs on.
func hostPlatform() plan.Platform { return plan.Platform{OS: "linux", Arch: runtime.GOARCH} }

// epoch reads seconds since 1970, as SOURCE_DATE_EPOCH and --timestamp have them.
func epoch(text string) (*time.Time, error) {
	var seconds int64
	if _, err := fmt.Sscanf(text, "%d", &seconds); err != nil || fmt.Sprint(seconds) != text || seconds < 0 {
		return nil, fmt.Errorf("%q is not a number of seconds since 1970", text)
	}
	t := time.Unix(seconds, 0).UTC()
	return &t, nil
}
