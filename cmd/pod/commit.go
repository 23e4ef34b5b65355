package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type commitOptions struct {
	engine.CommitOptions
	changes        []string
	imageIDFile    string
	noPause, quiet bool
}

func (o *commitOptions) addFlags(f *pflag.FlagSet) {
	f.StringVarP(&o.Author, "author", "a", "", "who made the image, as \"Jane Doe <jane@example.com>\"")
	f.StringArrayVarP(&o.changes, "change", "c", nil, changeHelp)
	f.VarP(into("format", &o.Docker, parseImageFormat).withDefault("oci"), "format", "f", "format of the image: oci or docker")
	f.StringVar(&o.imageIDFile, "iidfile", "", "write the id of the image to this `file`")
	f.BoolVar(&o.IncludeVolumes, "include-volumes", false, "make volumes of the image of what is mounted in the container")
	f.StringVarP(&o.Message, "message", "m", "", "comment for the history of the image")
	f.BoolVarP(&o.Pause, "pause", "p", true, "freeze the container while its files are read")
	f.BoolVar(&o.noPause, "no-pause", false, "the same as --pause=false")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print only the id, which is what is printed anyway")
	f.BoolVarP(&o.Squash, "squash", "s", false, "put everything into one layer")
}

// parseImageFormat reports whether docker's format is meant.
func parseImageFormat(s string) (bool, error) {
	switch s {
	case "oci":
		return false, nil
	case "docker":
		return true, nil
	}
	return false, fmt.Errorf("format %q: it is oci or docker", s)
}

func newCommitCommand(a *app) *cobra.Command {
	var opts commitOptions
	cmd := &cobra.Command{
		Use:   "commit [flags] CONTAINER [IMAGE]",
		Short: "Make an image of a container",
		Long: "Make an image of a container: what it has changed becomes a layer above those of its image, and what it was made with\n" +
			"becomes the configuration. What is mounted in the container is not part of it. The id of the image is printed.",
		Example: a.example("commit web web:patched", `commit -c 'CMD ["/bin/app"]' -m "with the fix" web app:2`),
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if opts.noPause {
				opts.Pause = false
			}
			if len(args) > 1 {
				name, err := nameToGive(args[1])
				if err != nil {
					return err
				}
				opts.Name = name
			}
			return runCommit(cmd.Context(), a, args[0], opts)
		},
	}
	opts.addFlags(cmd.Flags())
	return cmd
}

func runCommit(ctx context.Context, a *app, name string, o commitOptions) (err error) {
	if o.Change, err = a.changer(ctx, o.changes); err != nil {
		return err
	}
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	c, err := e.Find(ctx, name)
	if err != nil {
		return err
	}
	img, err := e.Commit(ctx, c, o.CommitOptions)
	if err != nil {
		return err
	}
	if o.imageIDFile != "" {
		if err := atomicfile.Write(o.imageIDFile, []byte(img.ID)); err != nil {
			return err
		}
	}
	fmt.Fprintln(a.Out, a.printedID(img.ID))
	return nil
}

// printedID is an id as the invoked program prints it after making something.
func (a *app) printedID(id string) string {
	if a.name == "docker" {
		return "sha256:" + id
	}
	return id
}

// nameToGive is the full name for an image that is made here.
func nameToGive(word string) (string, error) {
	name, err := image.LocalName(word)
	if err == nil && name.Digest != "" {
		err = errors.New("an image cannot be given a digest as its name")
	}
	if err != nil {
		return "", usageError{err}
	}
	return name.String(), nil
}
