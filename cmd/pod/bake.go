package main

import (
	"context"
	"errors"
	"slices"

	"github.com/pod-engine/pod/pkg/build/bake"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// bakeOptions are the flags of bake. What is for every target is a flag of build, which the target is given.
type bakeOptions struct {
	files        []string
	set          []string
	vars         map[string]string
	print        bool
	list         bakeList
	metadataFile string
	progress     string
	jobs         bakeJobs
	call         buildCall
	check        bool
	allow        []string
	every        []string // what other flags say of all targets, as --set would
}

func newBakeCommand(a *app, name string) *cobra.Command {
	opts := bakeOptions{vars: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "bake [flags] [ADDRESS [CONTEXT]] [TARGET...]",
		Short: "Build the targets of a file",
		Long: "Build targets of a file of HCL or JSON, or the services of a compose file, without arguments those of the group \"default\". Without\n" +
			"--file it is docker-bake.hcl, docker-bake.json and the compose file of the current directory, and what overrides them. With an\n" +
			"ADDRESS of git or of an archive the files are there, and so are the contexts and Dockerfiles they name, unless these begin with cwd://.",
		Example: a.example(name+" bake", name+" bake --print app", name+" bake -f release.hcl --set '*.platform=linux/arm64' --push", name+" bake https://example.com/app.git#main app"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return untilGone(cmd.Context(), func(ctx context.Context) error { return runBake(ctx, a, args, opts) })
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&opts.files, "file", "f", nil, "file of targets, - for the standard input; may be given several times")
	f.StringArrayVar(&opts.set, "set", nil, "override a value of targets: PATTERN.KEY=VALUE, with += add to it")
	f.Var(intoMap(opts.vars, fromEnvironment), "var", "give a variable of the file a value: NAME=value")
	f.BoolVar(&opts.print, "print", false, "show what would be built, as JSON")
	f.Var(into("what", &opts.list, parseBakeList), "list", "show what the file has: targets or variables, or type=TYPE,format=table|json")
	f.Var(into("kind", &opts.progress, parseProgress), "progress", "how progress is shown: auto, tty, plain, rawjson, none or quiet (default $BUILDKIT_PROGRESS, or auto)")
	f.VarP(into("jobs", &opts.jobs, parseBakeJobs).withDefault("fail-fast"), "jobs", "j",
		"how many targets and steps are built at a time, and what a failure means: N, or fail-fast|defer-output|defer-error[,parallel=N]")
	f.StringVar(&opts.metadataFile, "metadata-file", "", "write digests and names of all images to this `file`, as JSON")
	f.Var(into("method", &opts.call, parseBuildCall).withDefault("build"), "call", "what is done: build, check, outline or targets; format=json may follow with a comma")
	f.BoolVar(&opts.check, "check", false, "look for mistakes in the Dockerfiles and build nothing")
	f.Var(parsed{kind: "list", set: opts.allowAll}, "allow", "let targets do more than the files of this directory ask for: fs.read=PATH, fs.write=PATH, fs=PATH, ssh, security.insecure, device")
	opts.addEveryFlags(f)
	return cmd
}

// addEveryFlags are about every target: they are said of it as --set says it.
func (o *bakeOptions) addEveryFlags(f *pflag.FlagSet) {
	for _, of := range []struct{ name, help string }{
		{"push", "push the images to the registries that their names say"},
		{"load", "leave the images in the store, as without outputs"},
		{"no-cache", "do every step, whatever the cache has"},
		{"pull", "always pull images"},
	} {
		f.Var(parsed{kind: "bool", set: func(s string) error {
			o.every = append(o.every, "*."+of.name+"="+s)
			return nil
		}}, of.name, of.help)
		f.Lookup(of.name).NoOptDefVal = "true"
	}
	for _, name := range []string{"sbom", "provenance"} {
		f.Var(parsed{kind: "value", set: func(s string) error {
			o.every = append(o.every, "*.attest="+bake.ShortAttestation(name, s))
			return nil
		}}, name, "attest each image, as --"+name+" of build")
		f.Lookup(name).NoOptDefVal = "true"
	}
}

func runBake(ctx context.Context, a *app, words []string, o bakeOptions) error {
	if o.print && o.list.what != "" {
		return usageError{errors.New("--print and --list exclude each other")}
	}
	source, names := bakeSourceOf(words)
	session, err := a.buildSession(ctx, o.jobs.steps())
	if err != nil {
		return err
	}
	defer session.Close()
	config, err := a.bakeConfig(ctx, session, &source, o)
	if err != nil {
		return err
	}
	if o.list.what != "" {
		return a.listBake(config, o.list)
	}
	if o.check {
		o.call.method = "check"
	}
	if o.call.method != "" {
		o.every = append(o.every, "*.call="+o.call.method)
	}
	plan, err := config.Choose(names, slices.Concat(o.set, o.every))
	if err != nil {
		return err
	}
	if o.print {
		return writeJSON(a.Out, plan.Escaped())
	}
	b := &baking{app: a, bakeOptions: o, plan: plan, session: session, source: source, targets: map[string]*baked{}}
	return b.run(ctx)
}

// allowAll notes one --allow.
func (o *bakeOptions) allowAll(s string) error {
	o.allow = append(o.allow, s)
	return nil
}
