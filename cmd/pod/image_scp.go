package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

// scpEnd is one end of image scp: an image on this machine or on another.
type scpEnd struct{ host, image string }

// parseScpEnd reads [[USER@]HOST::]IMAGE. A host is never taken for an option of ssh.
func parseScpEnd(s string) (scpEnd, error) {
	host, name, remote := strings.Cut(s, "::")
	if !remote {
		return scpEnd{image: s}, nil
	}
	if host == "" || strings.HasPrefix(host, "-") || strings.ContainsAny(host, " \t\n") {
		return scpEnd{}, fmt.Errorf("%q: what is before \"::\" is no host", s)
	}
	return scpEnd{host, name}, nil
}

func newImageScpCommand(a *app) *cobra.Command {
	format := image.DockerArchive
	var quiet bool
	cmd := &cobra.Command{
		Use:   "scp [flags] [HOST::]IMAGE [[HOST::][NAME]]",
		Short: "Copy an image between machines by ssh",
		Long: "Copy an image to another machine, from one, or between two, through ssh and without a registry. The other machine needs pod or podman.\n" +
			"HOST is what ssh takes: a name of its configuration, or USER@HOST. NAME tags the image where it arrives.",
		Example: a.example("image scp app jo@server::", "image scp server::app", "image scp server::app other::app:copy"),
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := parseScpEnd(args[0])
			if err != nil {
				return usageError{err}
			}
			to, err := parseScpEnd(strings.Join(args[1:], ""))
			switch {
			case err != nil:
				return usageError{err}
			case from.image == "":
				return usageError{fmt.Errorf("%q names no image", args[0])}
			case from.host == "" && to.host == "":
				return usageError{errors.New("both ends are this machine: name a host as HOST::, or use tag")}
			case format.IsDir():
				return usageError{fmt.Errorf("format %q is a directory, which does not go through a pipe", format)}
			}
			return runImageScp(cmd.Context(), a, from, to, format, quiet)
		},
	}
	f := cmd.Flags()
	f.Var(into("format", &format, image.ParseFormat).withDefault(string(image.DockerArchive)), "format", "form in which the image travels: docker-archive or oci-archive")
	f.BoolVarP(&quiet, "quiet", "q", false, "show no progress")
	return cmd
}

// runImageScp connects save at one end with load at the other by a pipe. Whichever end fails first ends the other.
func runImageScp(ctx context.Context, a *app, from, to scpEnd, format image.Format, quiet bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		err := a.scpSave(ctx, from, format, quiet, w)
		w.Close()
		if err != nil {
			cancel(err)
		}
		sent <- err
	}()
	loaded := a.scpLoad(ctx, to, quiet, r)
	r.Close()
	if loaded != nil {
		cancel(loaded)
	}
	if err := <-sent; err != nil && errors.Is(context.Cause(ctx), err) {
		return err
	}
	return loaded
}

func (a *app) scpSave(ctx context.Context, from scpEnd, format image.Format, quiet bool, out *os.File) error {
	if from.host != "" {
		cmd := ssh(ctx, a, from.host, "save", "--format", string(format), from.image)
		cmd.Stdout = out
		return ended(cmd, "save image "+from.image)
	}
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	opts := image.SaveOptions{Format: format, Out: out}
	a.warnPartial(ctx, store, []string{from.image}, opts)
	opts.Progress, opts.Terminal = a.progress(quiet)
	return a.courier().Save(ctx, store, []string{from.image}, opts)
}

func (a *app) scpLoad(ctx context.Context, to scpEnd, quiet bool, in *os.File) error {
	if to.host != "" {
		script := remoteEngine + "$engine load"
		if to.image != "" {
			// The archive's own name says what to tag.
			script += ` | sed -n 's/^Loaded image[^:]*: *//p' | { read -r i && $engine tag "$i" ` + quote(to.image) + ` && echo "Loaded image: $i"; }`
		}
		cmd := exec.CommandContext(ctx, "ssh", "-T", to.host, script)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = in, a.Out, a.Err
		return ended(cmd, "load the image")
	}
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	var opts image.PullOptions
	opts.Progress, opts.Terminal = a.progress(quiet)
	loaded, err := a.courier().Load(ctx, store, "", in, opts)
	if err != nil {
		return err
	}
	for _, l := range loaded {
		names := l.Names
		if to.image != "" {
			if err := store.Tag(ctx, l.Image.ID, to.image); err != nil {
				return err
			}
			names = append(names, to.image)
		}
		fmt.Fprintln(a.Out, "Loaded image: "+strings.Join(names, ","))
	}
	return nil
}

// remoteEngine is the beginning of what runs on the other machine: it takes pod, or else podman.
const remoteEngine = "engine=podman; command -v pod >/dev/null && engine=pod; "

// ssh is a verb of the engine on another machine.
func ssh(ctx context.Context, a *app, host, verb string, args ...string) *exec.Cmd {
	script := remoteEngine + "$engine " + verb
	for _, arg := range args {
		script += " " + quote(arg)
	}
	cmd := exec.CommandContext(ctx, "ssh", "-T", host, script)
	cmd.Stderr = a.Err
	return cmd
}

// quote makes one word of the shell of any text.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func ended(cmd *exec.Cmd, what string) error {
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s through ssh %s: %w", what, cmd.Args[2], err)
	}
	return nil
}
