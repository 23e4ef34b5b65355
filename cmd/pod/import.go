package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type importOptions struct {
	image.ImportOptions
	os, arch, variant string
	changes           []string
	quiet             bool
}

func (o *importOptions) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.arch, "arch", "", "architecture the image is for")
	f.StringArrayVarP(&o.changes, "change", "c", nil, changeHelp)
	f.StringVarP(&o.Message, "message", "m", "", "comment for the history of the image")
	f.StringVar(&o.os, "os", "", "operating system the image is for")
	f.Var(into("os/arch", &o.Platform, image.ParsePlatform), "platform", "platform the image is for, as OS/ARCH[/VARIANT]")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print only the id, which is what is printed anyway")
	f.StringVar(&o.variant, "variant", "", "variant of the architecture the image is for")
}

func newImportCommand(a *app) *cobra.Command {
	var opts importOptions
	cmd := &cobra.Command{
		Use:   "import [flags] FILE|- [IMAGE]",
		Short: "Make an image of a tar archive of files",
		Long: "Make an image of one layer from a tar archive of a root file system, as export writes it, compressed or not; - reads it from the standard\n" +
			"input. The id of the image is printed.",
		Example: a.example("import rootfs.tar.gz base:1", `export web | pod import -c 'CMD ["/bin/app"]' - web:flat`),
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.complete(a, args); err != nil {
				return err
			}
			return runImport(cmd.Context(), a, args[0], opts)
		},
	}
	opts.addFlags(cmd.Flags())
	return cmd
}

// complete checks the call and puts the flags together.
func (o *importOptions) complete(a *app, args []string) error {
	source := args[0]
	if strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://") {
		err := errors.New("an archive is not fetched from the network: what it is could not be checked")
		return usageError{hint.Wrap(err, "curl -fL "+source+" | "+a.name+" import -")}
	}
	if source == "-" && terminal.IsTerminal(a.In) {
		return usageError{hint.Wrap(errors.New("the standard input is a terminal, not an archive"), a.name+" import FILE")}
	}
	if len(args) > 1 {
		name, err := nameToGive(args[1])
		if err != nil {
			return err
		}
		o.Name = name
	}
	if o.os != "" {
		o.Platform.OS = o.os
	}
	if o.arch != "" {
		o.Platform.Arch = image.NormalArch(o.arch)
	}
	if o.variant != "" {
		o.Platform.Variant = o.variant
	}
	return nil
}

func runImport(ctx context.Context, a *app, source string, o importOptions) (err error) {
	if o.Change, err = a.changer(ctx, o.changes); err != nil {
		return err
	}
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	var in io.Reader = a.In
	if source != "-" {
		f, err := os.Open(source)
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		defer f.Close()
		in = f
	}
	if o.Limits, err = unpackLimits(); err != nil {
		return err
	}
	img, err := store.Import(ctx, in, o.ImportOptions)
	if err != nil {
		return fmt.Errorf("import %q: %w", source, err)
	}
	fmt.Fprintln(a.Out, "sha256:"+img.ID)
	return nil
}
