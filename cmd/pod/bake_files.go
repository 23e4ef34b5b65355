package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pod-engine/pod/internal/carried"
	"github.com/pod-engine/pod/internal/errand"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/bake"
)

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
		"BAKE_CMD_CONTEXT": "cwd://", "BAKE_LOCAL_PLATFORM": hostPlatform().String(),
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
