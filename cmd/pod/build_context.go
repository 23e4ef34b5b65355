package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// maxDockerfile is the most that is read of a Dockerfile, in bytes; the reader has its own, lower limit.
const maxDockerfile = 16 << 20

// namedContext is one --build-context.
type namedContext struct{ name, value string }

func parseNamedContext(s string) (namedContext, error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" || value == "" {
		return namedContext{}, fmt.Errorf("%q is not NAME=VALUE", s)
	}
	return namedContext{name, value}, nil
}

// openContext opens the contexts of the job and finds the Dockerfile.
func (o *buildOptions) openContext(ctx context.Context, a *app, s *build.Session, dir string) error {
	if err := o.openOthers(ctx, a, s); err != nil {
		return err
	}
	given := o.givenFile()
	var text []byte
	var err error
	switch {
	case dir == "-" && given == "-":
		return usageError{errors.New("CONTEXT and --file cannot both be the standard input")}
	case dir == "-":
		if terminal.IsTerminal(a.In) {
			return usageError{errors.New("the standard input is a terminal, not a Dockerfile or an archive")}
		}
		o.job.Context, text, err = s.ContextFrom(ctx, until(ctx, a.In))
	case plan.IsAddress(dir):
		o.job.Context, text, err = s.ContextAt(ctx, dir, o.argOn("BUILDKIT_CONTEXT_KEEP_GIT_DIR"))
	default:
		return o.openDirectory(ctx, a, s, dir, given)
	}
	if err != nil {
		return err
	}
	if text != nil {
		o.job.Dockerfile = build.Dockerfile{Name: "Dockerfile", Text: text, Path: "Dockerfile"}
		if plan.IsAddress(dir) {
			o.job.Dockerfile.Origin = build.OriginOf(dir, text)
		}
		return nil
	}
	return o.openForeign(ctx, a, s, given)
}

// openWithin is openContext for a directory of another context, such as a repository that a file of targets is in.
func (o *buildOptions) openWithin(ctx context.Context, a *app, s *build.Session, whole *build.Context, dir string) error {
	err := o.openOthers(ctx, a, s)
	if err == nil {
		o.job.Context, err = s.Within(ctx, whole, dir)
	}
	if err != nil {
		return err
	}
	return o.openForeign(ctx, a, s, o.givenFile())
}

// givenFile is the Dockerfile of --file, or empty.
func (o *buildOptions) givenFile() string {
	if len(o.files) > 0 {
		return o.files[0]
	}
	return ""
}

// openOthers opens what is not the main context: those that have names, and a Dockerfile elsewhere.
func (o *buildOptions) openOthers(ctx context.Context, a *app, s *build.Session) error {
	if given := o.givenFile(); strings.HasPrefix(given, "http://") || strings.HasPrefix(given, "https://") {
		_, text, err := s.ContextAt(ctx, given, false)
		if err == nil && text == nil {
			err = errors.New("it is an archive")
		}
		if err != nil {
			return fmt.Errorf("read the Dockerfile %s: %w", given, err)
		}
		file := string(text)
		o.inline = &file
	}
	for _, c := range o.contexts {
		if err := o.openNamed(ctx, a, s, c); err != nil {
			return fmt.Errorf("--build-context %s=%s: %w", c.name, c.value, err)
		}
	}
	return nil
}

// openNamed opens a further context, or notes that its name stands for an image.
func (o *buildOptions) openNamed(ctx context.Context, a *app, s *build.Session, c namedContext) error {
	if where, isLayout := strings.CutPrefix(c.value, "oci-layout://"); isLayout {
		return o.useLayout(ctx, a, s.Builder, c, where)
	}
	if name, isImage := strings.CutPrefix(c.value, "docker-image://"); isImage {
		o.job.Request.Contexts[c.name] = "image:" + name
		return nil
	}
	var tree *build.Context
	var text []byte
	var err error
	if plan.IsAddress(c.value) {
		tree, text, err = s.ContextAt(ctx, c.value, o.argOn("BUILDKIT_CONTEXT_KEEP_GIT_DIR"))
	} else {
		if tree, err = s.OpenContext(ctx, c.value); err == nil {
			tree, err = s.Ignoring(tree, []string{".containerignore", ".dockerignore"})
		}
	}
	if err == nil && text != nil {
		err = errors.New("it is no archive")
	}
	if err != nil {
		return err
	}
	o.job.Contexts[c.name], o.job.Request.Contexts[c.name] = tree, "tree"
	return nil
}

// openDirectory opens a directory of the caller's as the context.
func (o *buildOptions) openDirectory(ctx context.Context, a *app, s *build.Session, dir, given string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("open the build context: %w", err)
	}
	if !info.IsDir() {
		return usageError{hint.Wrap(fmt.Errorf("CONTEXT %q is a file; it is the directory that COPY reads from", dir), a.name+" build -f "+dir+" .")}
	}
	if err := o.findDockerfile(ctx, a, dir, given); err != nil {
		return err
	}
	tree, err := s.OpenContext(ctx, dir)
	if err == nil {
		o.job.Context, err = s.Ignoring(tree, o.ignoreFiles(given))
	}
	if err == nil {
		o.noteVersionControl(ctx, dir)
	}
	return err
}

// openForeign finds the Dockerfile in a context that was fetched or unpacked. Nothing of the caller's is looked at for it.
func (o *buildOptions) openForeign(ctx context.Context, a *app, s *build.Session, given string) (err error) {
	if o.inline != nil {
		o.job.Dockerfile = build.Dockerfile{Name: "Dockerfile", Text: []byte(*o.inline), Path: "Dockerfile"}
	} else if given == "-" {
		if err := o.readStdin(ctx, a); err != nil {
			return err
		}
	}
	names := []string{"Containerfile", "Dockerfile"}
	if given != "" {
		names = []string{given}
	}
	for _, name := range names {
		if o.job.Dockerfile.Text != nil {
			break
		}
		text, err := o.job.Context.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read %s of the build context: %w", name, err)
		}
		o.job.Dockerfile = build.Dockerfile{Name: name, Text: text, Path: name, Origin: o.job.Context.Origin}
	}
	if o.job.Dockerfile.Text == nil {
		return fmt.Errorf("there is no %s in the build context", strings.Join(names, " and no "))
	}
	ignore := []string{o.job.Dockerfile.Name + ".dockerignore", ".containerignore", ".dockerignore"}
	if o.ignore != "" {
		ignore = o.ignoreFiles(given)
	}
	o.job.Context, err = s.Ignoring(o.job.Context, ignore)
	return err
}

// readStdin reads the Dockerfile from the standard input.
func (o *buildOptions) readStdin(ctx context.Context, a *app) error {
	if terminal.IsTerminal(a.In) {
		return usageError{errors.New("the standard input is a terminal, not a Dockerfile")}
	}
	text, err := io.ReadAll(io.LimitReader(until(ctx, a.In), maxDockerfile))
	if err != nil {
		return fmt.Errorf("read the Dockerfile from the standard input: %w", err)
	}
	o.job.Dockerfile = build.Dockerfile{Name: "Dockerfile", Text: text, Path: "Dockerfile"}
	return nil
}

// findDockerfile reads the file given, which may also be named relative to the context as podman has it, or the usual ones.
func (o *buildOptions) findDockerfile(ctx context.Context, a *app, dir, given string) error {
	if o.inline != nil {
		o.job.Dockerfile = build.Dockerfile{Name: "Dockerfile", Text: []byte(*o.inline), Path: "Dockerfile"}
		return nil
	}
	if given == "-" {
		return o.readStdin(ctx, a)
	}
	candidates := []string{filepath.Join(dir, "Containerfile"), filepath.Join(dir, "Dockerfile")}
	if given != "" {
		candidates = []string{given}
		if !filepath.IsAbs(given) {
			candidates = append(candidates, filepath.Join(dir, given))
		}
	}
	for _, path := range candidates {
		text, err := files.ReadFile(path, maxDockerfile)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the Dockerfile: %w", err)
		}
		o.job.Dockerfile = build.Dockerfile{Name: path, Text: text, Path: filepath.Base(path)}
		return nil
	}
	if given != "" {
		return fmt.Errorf("there is no Dockerfile %q, neither here nor in %q", given, dir)
	}
	return hint.Wrap(fmt.Errorf("there is neither a Containerfile nor a Dockerfile in %q", dir), "name it with --file")
}

// ignoreFiles are the places of the ignore file, the first one that is there is taken: beside the Dockerfile under its name, else
// in the context.
func (o *buildOptions) ignoreFiles(given string) []string {
	if o.ignore != "" {
		path, err := filepath.Abs(o.ignore)
		if err != nil {
			path = o.ignore
		}
		return []string{path}
	}
	var files []string
	if path, err := filepath.Abs(o.job.Dockerfile.Name); err == nil && given != "-" {
		files = append(files, path+".containerignore", path+".dockerignore")
	}
	return append(files, ".containerignore", ".dockerignore")
}
