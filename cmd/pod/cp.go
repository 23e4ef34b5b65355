package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
)

type cpOptions struct {
	archive, followLink, overwrite bool
}

func newCpCommand(a *app) *cobra.Command {
	var opts cpOptions
	cmd := &cobra.Command{
		Use:   "cp [flags] [CONTAINER:]SOURCE|- [CONTAINER:]DESTINATION|-",
		Short: "Copy files between a container and this machine",
		Long: "Copy files or directories between a container, running or not, and this machine, or between containers. A directory that is there gets what\n" +
			"is copied into it; else what is copied gets the name of the destination. SOURCE/. means what is in a directory. - is a tar\n" +
			"archive on the standard input or output. A file of this machine whose name has a colon is written with a slash: ./a:b.",
		Example: a.example("cp web:/etc/nginx .", "cp index.html web:/srv/", "cp web:/srv - | tar -t"),
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCp(cmd.Context(), a, args[0], args[1], opts)
		},
	}
	f := cmd.Flags()
	docker := a.style() == report.Docker
	if docker {
		f.BoolVarP(&opts.archive, "archive", "a", false, "keep the owners of files")
	} else {
		f.BoolVarP(&opts.archive, "archive", "a", true, "give files in a container to the user that it runs as; else to root")
	}
	f.BoolVarP(&opts.followLink, "follow-link", "L", !docker, "copy what a link leads to, if the source is one")
	f.BoolVar(&opts.overwrite, "overwrite", false, "let a file replace a directory and a directory a file")
	return cmd
}

func runCp(ctx context.Context, a *app, source, destination string, o cpOptions) error {
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	from, err := a.place(ctx, e, source)
	if err != nil {
		return err
	}
	to, err := a.place(ctx, e, destination)
	if err != nil {
		return err
	}
	switch {
	case from.Container == nil && to.Container == nil:
		return usageError{errors.New("neither is in a container: write CONTAINER:PATH")}
	case from.Path == "" && terminal.IsTerminal(a.In):
		return usageError{hint.Wrap(errors.New("the standard input is a terminal, not an archive"), "tar -c FILES | "+a.name+" cp - CONTAINER:DIRECTORY")}
	case to.Path == "" && terminal.IsTerminal(a.Out):
		return usageError{hint.Wrap(errors.New("the standard output is a terminal, where an archive does no good"), a.name+" cp CONTAINER:PATH - | tar -t")}
	}
	from.Archive, to.Archive = a.In, a.Out
	opts := engine.CopyOptions{FollowLink: o.followLink, Overwrite: o.overwrite, ToUser: o.archive}
	if a.style() == report.Docker {
		opts.KeepOwners, opts.ToUser = o.archive, false
	}
	if opts.Limits, err = unpackLimits(); err != nil {
		return err
	}
	return e.Copy(ctx, from, to, opts)
}

// place reads one side of a copy: "-", CONTAINER:PATH, or a path of this machine.
func (a *app) place(ctx context.Context, e *engine.Engine, text string) (engine.Place, error) {
	if text == "-" {
		return engine.Place{}, nil
	}
	name, path, inContainer := strings.Cut(text, ":")
	if !inContainer || strings.HasPrefix(text, "/") || strings.HasPrefix(text, ".") {
		return hostPlace(text)
	}
	if name == "" || path == "" {
		return engine.Place{}, usageError{errors.New("copy " + text + ": a container and a path are written CONTAINER:PATH")}
	}
	c, err := e.Find(ctx, name)
	if err != nil {
		return engine.Place{}, err
	}
	if !strings.HasPrefix(path, "/") {
		base := "/" // as docker has it
		if a.style() == report.Podman {
			base = filepath.Join("/", c.Config.Process.Workdir)
		}
		path = withEnd(filepath.Join(base, path), path)
	}
	return engine.Place{Container: &c, Path: path}, nil
}

func hostPlace(text string) (engine.Place, error) {
	dir, err := os.Getwd()
	if err != nil {
		return engine.Place{}, err
	}
	if filepath.IsAbs(text) {
		return engine.Place{Path: text}, nil
	}
	return engine.Place{Path: withEnd(filepath.Join(dir, text), text)}, nil
}

// withEnd gives path the end that means something: a slash, or "/." for the content of a directory.
func withEnd(path, given string) string {
	switch {
	case given == "." || strings.HasSuffix(given, "/."):
		return path + "/."
	case strings.HasSuffix(given, "/"):
		return path + "/"
	}
	return path
}
