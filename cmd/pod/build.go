package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/plan"
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
			"image's id to the standard output. Exit status: 0 the image is made, 1 --check has found something, 125 an error.",
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
			return runBuild(cmd.Context(), a, opts, dir)
		},
	}
	opts.addFlags(cmd.Flags(), callersSurroundings())
	cmd.Flags().SetNormalizeFunc(normalizeConfigFlag)
	return cmd
}

func runBuild(ctx context.Context, a *app, opts *buildOptions, dir string) error {
	made, err := opts.carryOut(ctx, a, dir)
	if err != nil || opts.call.method != "" {
		return err
	}
	return opts.writeAnswers(a, made)
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
func (o *buildOptions) carryOut(ctx context.Context, a *app, dir string) (made builtResult, err error) {
	// A build is over in seconds, and a fifth of its own work was to look for memory that could be used again.
	debug.SetGCPercent(400)
	b, err := a.builder(ctx)
	if err != nil {
		return made, err
	}
	made.store = b.Images
	defer o.closeContexts()
	if err := o.openContext(ctx, a, b, dir); err != nil {
		return made, err
	}
	if o.check {
		o.call.method = "check"
	}
	if o.call.method != "" {
		return made, a.callBuild(ctx, b, o)
	}
	if err := o.completeCaches(a, b); err != nil {
		return made, err
	}
	finish, err := o.openDisplay(a)
	if err != nil {
		return made, err
	}
	made.Result, err = b.Build(ctx, &o.job)
	finish()
	a.showFindings(o, made.Warnings, err)
	if err == nil {
		made.pushed, err = o.export(ctx, a, b.Images, made.Result)
	}
	return made, err
}

// builder puts the parts of a build together.
func (a *app) builder(ctx context.Context) (*build.Builder, error) {
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
		Frontend: a.frontend,
	}, nil
}

// checkBuild reads the Dockerfile and prints what the lint rules find; nothing is built.
func (a *app) checkBuild(ctx context.Context, b *build.Builder, opts *buildOptions) error {
	opts.job.Request.Check = true
	_, _, warnings, err := b.Plan(ctx, &opts.job, opts.job.Platforms[0])
	if opts.call.asJSON {
		var problem *callProblem
		var source *build.SourceError
		if errors.As(err, &source) {
			problem = &callProblem{err.Error(), locate(source.Problem.Line, source.EndLine)}
		}
		if err := a.printJSON(checkResult(warnings, opts.job.Dockerfile, problem)); err != nil {
			return err
		}
	} else {
		for _, w := range warnings {
			fmt.Fprint(a.Out, finding(w, opts.job.Dockerfile))
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
	if !opts.call.asJSON {
		fmt.Fprintln(a.Out, "Check complete, no warnings found.")
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

// showFindings prints the lint warnings, and for a failed step its output and its lines.
func (a *app) showFindings(opts *buildOptions, warnings []plan.Warning, err error) {
	if len(warnings) > 0 && !opts.quiet {
		fmt.Fprintf(a.Err, "\n%d warning(s) found (use %s build --check for the lines):\n", len(warnings), a.name)
		for _, w := range warnings {
			fmt.Fprintf(a.Err, " - %s: %s (line %d)\n", w.Rule, report.Escape(w.Detail), w.Line)
		}
	}
	a.showSource(err)
}

func (a *app) showSource(err error) {
	var source *build.SourceError
	if !errors.As(err, &source) {
		return
	}
	if source.Output != "" {
		fmt.Fprintf(a.Err, "------\n%s------\n", escapeLines(strings.TrimRight(source.Output, "\n")+"\n"))
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
