package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/carried"
	"github.com/pod-engine/pod/internal/errand"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/bake"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// bakeSource is where the files of targets are, and what they name.
type bakeSource struct {
	address string // of git or HTTP; empty: here
	command string // what BAKE_CMD_CONTEXT says
	tree    *build.Context
}

// bakeSourceOf takes the addresses off the words that bake is called with.
func bakeSourceOf(words []string) (bakeSource, []string) {
	s := bakeSource{command: "cwd://"}
	if len(words) == 0 || !plan.IsAddress(words[0]) {
		return s, words
	}
	s.address, words = words[0], words[1:]
	if len(words) > 0 && plan.IsAddress(words[0]) {
		s.command, words = words[0], words[1:]
	}
	return s, words
}

// has says that a context is in the tree of the source.
func (s bakeSource) has(value string) bool {
	return s.tree != nil && !strings.HasPrefix(value, "cwd://") && !plan.IsAddress(value) && !strings.Contains(value, "://") && !strings.HasPrefix(value, "target:")
}

// read reads files of the source, those named without cwd:// or the usual ones. An address of a file alone is that file, and what it names is here.
func (s *bakeSource) read(ctx context.Context, session *build.Session, names []string) ([]bake.File, error) {
	tree, text, err := session.ContextAt(ctx, s.address, false)
	if err != nil {
		return nil, err
	}
	if text != nil {
		return []bake.File{{Name: s.address, Data: text}}, nil
	}
	s.tree = tree
	usual := len(names) == 0
	if usual {
		names = usualBakeFiles()
	}
	var files []bake.File
	for _, name := range names {
		text, err := tree.ReadFile(name)
		if usual && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the targets at %s: %w", s.address, err)
		}
		files = append(files, bake.File{Name: name, Data: text})
	}
	if len(files) == 0 {
		return nil, hint.Wrap(fmt.Errorf("there is no docker-bake.hcl, docker-bake.json or compose file at %s", s.address), "name a file with --file")
	}
	return files, nil
}

// bakeFiles reads the files of the source, and those that are here.
func (a *app) bakeFiles(ctx context.Context, session *build.Session, source *bakeSource, names []string) ([]bake.File, error) {
	if source.address == "" {
		return readBakeFiles(names, until(ctx, a.In))
	}
	var here, there []string
	for _, name := range names {
		if strings.HasPrefix(name, "cwd://") {
			here = append(here, name)
		} else {
			there = append(there, name)
		}
	}
	files, err := source.read(ctx, session, there)
	if err == nil && len(here) > 0 {
		var more []bake.File
		more, err = readBakeFiles(here, until(ctx, a.In))
		files = append(files, more...)
	}
	return files, err
}

// bakeConfig has pod-bake read the files.
func (a *app) bakeConfig(ctx context.Context, session *build.Session, source *bakeSource, o bakeOptions) (bake.Config, error) {
	if on, err := strconv.ParseBool(os.Getenv("BUILDX_BAKE_FILE_RELATIVE_PATHS")); err == nil && on {
		return bake.Config{}, usageError{errors.New("BUILDX_BAKE_FILE_RELATIVE_PATHS is not possible: paths in a file of targets are relative to the current directory")}
	}
	names := o.files
	if len(names) == 0 {
		names = bakeFilesOf()
	}
	files, err := a.bakeFiles(ctx, session, source, names)
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
		"BAKE_CMD_CONTEXT": source.command, "BAKE_LOCAL_PLATFORM": hostPlatform().String(),
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

// usualBakeFiles are those that are read when none is named.
func usualBakeFiles() []string {
	return []string{
		"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml",
		"docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl",
	}
}

// bakeFilesOf are the files that BUILDX_BAKE_FILE names.
func bakeFilesOf() []string {
	separator := cmp.Or(os.Getenv("BUILDX_BAKE_PATH_SEPARATOR"), string(os.PathListSeparator))
	var names []string
	for name := range strings.SplitSeq(os.Getenv("BUILDX_BAKE_FILE"), separator) {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// readBakeFiles reads the files named, or the usual ones that are there.
func readBakeFiles(names []string, stdin io.Reader) ([]bake.File, error) {
	usual := len(names) == 0
	if usual {
		names = usualBakeFiles()
	}
	var out []bake.File
	for _, name := range names {
		name = strings.TrimPrefix(name, "cwd://")
		var text []byte
		var err error
		if name == "-" {
			text, err = io.ReadAll(io.LimitReader(stdin, maxDockerfile))
		} else {
			text, err = files.ReadFile(name, maxDockerfile)
		}
		if usual && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the targets: %w", err)
		}
		out = append(out, bake.File{Name: name, Data: text})
	}
	if len(out) == 0 {
		return nil, hint.Wrap(errors.New("there is no docker-bake.hcl, docker-bake.json or compose file here"), "name a file with --file")
	}
	return out, nil
}
