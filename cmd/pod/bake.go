package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/carried"
	"github.com/pod-engine/pod/internal/errand"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/bake"
	"github.com/spf13/cobra"
)

// bakeOptions are the flags of bake. What is for every target is a flag of build, which the target is given.
type bakeOptions struct {
	files        []string
	set          []string
	vars         map[string]string
	print        bool
	list         string
	metadataFile string
	every        []string // flags of build
}

func newBakeCommand(a *app, name string) *cobra.Command {
	opts := bakeOptions{vars: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "bake [flags] [TARGET...]",
		Short: "Build the targets of a file",
		Long: "Build targets of a file of HCL or JSON, or the services of a compose file, without arguments those of the group \"default\". Without\n" +
			"--file it is docker-bake.hcl, docker-bake.json and the compose file of the current directory, and what overrides them.",
		Example: a.example(name+" bake", name+" bake --print app", name+" bake -f release.hcl --set '*.platform=linux/arm64' --push"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runBake(cmd.Context(), a, args, opts)
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&opts.files, "file", "f", nil, "file of targets, - for the standard input; may be given several times")
	f.StringArrayVar(&opts.set, "set", nil, "override a value of targets: PATTERN.KEY=VALUE, with += add to it")
	f.Var(intoMap(opts.vars, fromEnvironment), "var", "give a variable of the file a value: NAME=value")
	f.BoolVar(&opts.print, "print", false, "show what would be built, as JSON")
	f.StringVar(&opts.list, "list", "", "show the targets or variables of the file: targets or variables")
	f.StringVar(&opts.metadataFile, "metadata-file", "", "write digests and names of all images to this `file`, as JSON")
	for _, of := range []struct{ name, kind, fallback, help string }{
		{"push", "bool", "true", "push the images to the registries that their names say"},
		{"load", "bool", "true", "leave the images in the store, as without outputs"},
		{"no-cache", "bool", "true", "do every step, whatever the cache has"},
		{"pull", "policy", "always", "pull images: always, missing, never or newer"},
		{"check", "bool", "true", "look for mistakes in the Dockerfiles and build nothing"},
		{"call", "method", "", "what is done: build, check, outline or targets"},
		{"progress", "kind", "", "how progress is shown, as of build"},
		{"provenance", "string", "true", "state how the images were made, as of build"},
		{"sbom", "string", "true", "state what the images are made of, as of build"},
		{"allow", "list", "", "let RUN ask for more: security.insecure"},
	} {
		f.Var(parsed{kind: of.kind, set: func(s string) error {
			opts.every = append(opts.every, "--"+of.name+"="+s)
			return nil
		}}, of.name, of.help)
		f.Lookup(of.name).NoOptDefVal = of.fallback
	}
	return cmd
}

func runBake(ctx context.Context, a *app, names []string, o bakeOptions) error {
	config, err := a.bakeConfig(ctx, o)
	if err != nil {
		return err
	}
	if o.list != "" {
		return a.listBake(config, o.list)
	}
	plan, err := config.Choose(names, o.set)
	if err != nil {
		return err
	}
	if o.print {
		return a.printJSON(plan)
	}
	order, err := plan.Order()
	if err != nil {
		return err
	}
	b := &baking{app: a, bakeOptions: o, plan: plan, ids: map[string]string{}, metadata: map[string]buildMetadata{}}
	for _, name := range order {
		if err := b.target(ctx, name); err != nil {
			return fmt.Errorf("target %s: %w", name, err)
		}
	}
	if o.metadataFile == "" {
		return nil
	}
	return writeMetadata(o.metadataFile, b.metadata)
}

// bakeConfig has pod-bake read the files.
func (a *app) bakeConfig(ctx context.Context, o bakeOptions) (bake.Config, error) {
	files, err := readBakeFiles(o.files, a.In)
	if err != nil {
		return bake.Config{}, err
	}
	user, err := a.enter(ctx)
	if err != nil {
		return bake.Config{}, err
	}
	program, err := carried.Path(ctx, "pod-bake", user.DataDir)
	if err != nil {
		return bake.Config{}, err
	}
	request := bake.Request{Files: files, Vars: o.vars, Defaults: map[string]string{
		"BAKE_CMD_CONTEXT": ".", "BAKE_LOCAL_PLATFORM": hostPlatform().String(),
	}}
	var answer bake.Answer
	if err := errand.Run(ctx, program, request, &answer, errand.Streams{Err: a.Err}); err != nil {
		return bake.Config{}, err
	}
	if answer.Error != "" {
		return bake.Config{}, errors.New(report.Escape(answer.Error))
	}
	return answer.Config, nil
}

// readBakeFiles reads the files named, or the usual ones that are there.
func readBakeFiles(names []string, stdin io.Reader) ([]bake.File, error) {
	usual := len(names) == 0
	if usual {
		names = []string{
			"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml",
			"docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl",
		}
	}
	var files []bake.File
	for _, name := range names {
		var text []byte
		var err error
		if name == "-" {
			text, err = io.ReadAll(io.LimitReader(stdin, maxDockerfile))
		} else {
			text, err = build.ReadFile(name, maxDockerfile)
		}
		if usual && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the targets: %w", err)
		}
		files = append(files, bake.File{Name: name, Data: text})
	}
	if len(files) == 0 {
		return nil, hint.Wrap(errors.New("there is no docker-bake.hcl, docker-bake.json or compose file here"), "name a file with --file")
	}
	return files, nil
}

func (a *app) listBake(c bake.Config, what string) error {
	rows := [][]string{{"TARGET", "DESCRIPTION"}}
	switch strings.TrimPrefix(strings.TrimSuffix(what, ",format=table"), "type=") {
	case "targets":
		for _, g := range c.Groups {
			rows = append(rows, []string{report.Escape(g.Name), report.Escape(strings.TrimSpace(g.Description + " (" + strings.Join(g.Targets, ", ") + ")"))})
		}
		for _, t := range c.Targets {
			rows = append(rows, []string{report.Escape(t.Name), report.Escape(t.Description)})
		}
	case "variables":
		rows[0] = []string{"VARIABLE", "TYPE", "VALUE", "DESCRIPTION"}
		for _, v := range c.Variables {
			value := "<null>"
			if v.Value != nil {
				value = *v.Value
			}
			rows = append(rows, []string{report.Escape(v.Name), report.Escape(v.Type), report.Escape(value), report.Escape(v.Description)})
		}
	default:
		return usageError{fmt.Errorf("--list %s: it is targets or variables", what)}
	}
	return report.Table(a.Out, rows, report.Docker)
}

// baking builds the targets of a plan, one after the other.
type baking struct {
	*app
	bakeOptions
	plan     bake.Plan
	ids      map[string]string // of what targets have made
	metadata map[string]buildMetadata
}

func (b *baking) target(ctx context.Context, name string) error {
	t := b.plan.Targets[name]
	opts := newBuildOptions()
	cmd := &cobra.Command{}
	opts.addFlags(cmd.Flags(), callersSurroundings())
	asked := slices.Contains(b.plan.Asked, name)
	flags := t.Flags()
	if asked {
		flags = append(flags, b.every...)
	} else {
		t.Outputs, t.CacheTo, t.Call, t.Attest = nil, nil, nil, nil
		flags = t.Flags()
	}
	for key, value := range t.Contexts {
		if link, ok := strings.CutPrefix(value, "target:"); ok {
			value = "docker-image://" + b.ids[link]
		}
		flags = append(flags, "--build-context="+key+"="+strings.TrimPrefix(value, "cwd://"))
	}
	dir := strings.TrimPrefix(*t.Context, "cwd://")
	if file := *t.Dockerfile; file != "Dockerfile" && t.DockerfileInline == nil {
		if !filepath.IsAbs(file) && !build.IsAddress(dir) && dir != "-" {
			file = filepath.Join(dir, file)
		}
		flags = append(flags, "--file="+file)
	}
	if err := cmd.Flags().Parse(flags); err != nil {
		return usageError{err}
	}
	opts.inline, opts.keepImage, opts.recorded = t.DockerfileInline, b.linked(name), asked && b.metadataFile != ""
	if err := opts.complete(cmd.Flags(), b.app); err != nil {
		return err
	}
	made, err := opts.carryOut(ctx, b.app, dir)
	if err != nil || opts.call.method != "" {
		return err
	}
	b.ids[name] = made.id()
	if asked {
		b.metadata[name], err = opts.metadata(made)
	}
	return err
}

// linked reports whether another target has the result of this one as a context.
func (b *baking) linked(name string) bool {
	for _, t := range b.plan.Targets {
		if slices.Contains(t.Links(), name) {
			return true
		}
	}
	return false
}
