package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/build"
)

// maxDockerfile is the most that is read of a Dockerfile, in bytes; the reader has its own, lower limit.
const maxDockerfile = 16 << 20

// openContext finds the Dockerfile and opens the context for the job; close gives the latter back.
func (o *buildOptions) openContext(a *app, b *build.Builder, dir string) (close func(), err error) {
	close = func() {}
	given := ""
	if len(o.files) > 0 {
		given = o.files[0]
	}
	if dir == "-" {
		if given != "" && given != "-" {
			return close, usageError{errors.New("CONTEXT - is the Dockerfile on the standard input: leave --file out")}
		}
		return close, o.readStdin(a)
	}
	if strings.Contains(dir, "://") || strings.HasPrefix(dir, "git@") {
		return close, usageError{fmt.Errorf("CONTEXT %q: addresses cannot be built from yet; fetch it into a directory first", dir)}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return close, fmt.Errorf("open the build context: %w", err)
	}
	if !info.IsDir() {
		return close, usageError{hint.Wrap(fmt.Errorf("CONTEXT %q is a file; it is the directory that COPY reads from", dir), a.name+" build -f "+dir+" .")}
	}
	if err := o.findDockerfile(a, dir, given); err != nil {
		return close, err
	}
	tree, err := build.OpenContext(dir, o.ignoreFiles(given))
	if err != nil {
		return close, err
	}
	b.UseStats(tree)
	o.job.Context = tree
	return tree.Close, nil
}

// readStdin reads the Dockerfile from the standard input.
func (o *buildOptions) readStdin(a *app) error {
	if terminal.IsTerminal(a.In) {
		return usageError{errors.New("the standard input is a terminal, not a Dockerfile")}
	}
	text, err := io.ReadAll(io.LimitReader(a.In, maxDockerfile))
	if err != nil {
		return fmt.Errorf("read the Dockerfile from the standard input: %w", err)
	}
	o.job.Dockerfile = build.Dockerfile{Name: "Dockerfile", Text: text}
	return nil
}

// findDockerfile reads the file given, which may also be named relative to the context as podman has it, or the usual ones.
func (o *buildOptions) findDockerfile(a *app, dir, given string) error {
	if given == "-" {
		return o.readStdin(a)
	}
	candidates := []string{filepath.Join(dir, "Containerfile"), filepath.Join(dir, "Dockerfile")}
	if given != "" {
		candidates = []string{given}
		if !filepath.IsAbs(given) {
			candidates = append(candidates, filepath.Join(dir, given))
		}
	}
	for _, path := range candidates {
		text, err := build.ReadFile(path, maxDockerfile)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the Dockerfile: %w", err)
		}
		o.job.Dockerfile = build.Dockerfile{Name: path, Text: text}
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
