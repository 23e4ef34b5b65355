package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/pod-engine/pod/internal/containersconf"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// pushOptions are the flags that push, manifest push and artifact push share.
type pushOptions struct {
	image.PushOptions
	access     accessFlags
	sign       signFlags
	level      int
	quiet      bool
	digestFile string
}

// addFlags binds what every push has.
func (o *pushOptions) addFlags(f *pflag.FlagSet) {
	o.access.add(f, &o.Access)
	o.access.addCreds(f, &o.Access)
	o.sign.add(f, &o.Signing)
	f.StringVar(&o.digestFile, "digestfile", "", "write the digest of the pushed manifest to this `file`")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "show no progress")
}

// addForm binds what says how manifest and layers are written.
func (o *pushOptions) addForm(f *pflag.FlagSet) {
	f.Var(into("type", &o.Type, image.ParseManifestType), "format", "type of manifest: oci, v2s2 or v2s1 (default: as it is)")
	f.Lookup("format").Shorthand = "f"
	f.Var(into("algorithm", &o.Compression, image.ParseCompression), "compression-format", "how to compress layers: gzip, zstd or zstd:chunked")
	f.IntVar(&o.level, "compression-level", 0, "level of the compression, in the algorithm's own scale")
	f.BoolVar(&o.Force, "force-compression", false, "use the chosen compression also for layers that the registry has in another")
}

// complete puts those flags that were given into the options.
func (o *pushOptions) complete(f *pflag.FlagSet, a *app) error {
	if err := o.access.complete(f, a, &o.Access, o.quiet); err != nil {
		return err
	}
	if f.Changed("compression-level") {
		o.Level = &o.level
	}
	if err := o.configure(f); err != nil {
		return fmt.Errorf("read containers.conf: %w", err)
	}
	return o.sign.complete(f, a, &o.Signing)
}

// configure lets containers.conf say how layers are written, unless flags do.
func (o *pushOptions) configure(f *pflag.FlagSet) error {
	conf, err := containersconf.Read(containersconf.Paths(os.Getenv), nil)
	if err != nil {
		return err
	}
	if !f.Changed("compression-format") && conf.CompressionFormat != "" {
		if o.Compression, err = image.ParseCompression(conf.CompressionFormat); err != nil {
			return err
		}
	}
	if o.Level == nil && !f.Changed("compression-format") {
		o.Level = conf.CompressionLevel
	}
	if !f.Changed("format") {
		o.Type, err = image.ParseManifestType(conf.ImageDefaultFormat)
	}
	return err
}

func newPushCommand(a *app) *cobra.Command {
	var opts pushOptions
	cmd := &cobra.Command{
		Use:   "push [flags] IMAGE [DESTINATION]",
		Short: "Copy an image to a registry, an archive or a directory",
		Long: "Copy an image to a registry, or to docker-archive:FILE[:NAME], oci-archive:FILE, oci:DIR[:NAME], dir:DIR or docker-daemon:NAME.\n" +
			"Without a destination it goes to the registry that its name says. A manifest list goes with all its images.",
		Example: a.example("push quay.io/team/app:1", "push app quay.io/team/app:1", "push --compression-format zstd:chunked app registry:5000/app",
			"push app oci-archive:app.tar"),
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			to := strings.Join(args[1:], "")
			if opts.AllTags && to != "" {
				return usageError{errors.New("--all-tags pushes every name to where it says: leave out the destination")}
			}
			if err := opts.complete(cmd.Flags(), a); err != nil {
				return err
			}
			return runPush(cmd.Context(), a, args[0], to, opts)
		},
	}
	f := cmd.Flags()
	opts.addFlags(f)
	opts.addForm(f)
	opts.access.addRetry(f, &opts.Access)
	f.BoolVarP(&opts.AllTags, "all-tags", "a", false, "push every tag of the repository")
	addContentTrust(f)
	f.BoolVar(&opts.Compress, "compress", false, "compress the layers of a dir: destination")
	f.StringArrayVar(&opts.EncryptionKeys, "encryption-key", nil, "encrypt layers for the holder of a key, `PROTOCOL:KEY` (jwe, pgp, pkcs7, provider)")
	f.IntSliceVar(&opts.EncryptLayers, "encrypt-layer", nil, "encrypt only this layer, counted from 0, or from the last with -1")
	return cmd
}

func runPush(ctx context.Context, a *app, name, to string, o pushOptions) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	pushed, err := a.courier().Push(ctx, store, name, to, o.PushOptions)
	return errors.Join(a.tellPushed(pushed, o), err)
}

// tellPushed says what is at the destination now: as podman nothing on standard output, as docker the digest of each, or with
// --quiet its name.
func (a *app) tellPushed(pushed []image.Pushed, o pushOptions) error {
	for _, p := range pushed {
		if o.digestFile != "" {
			if err := os.WriteFile(o.digestFile, []byte(p.Digest), 0o644); err != nil {
				return fmt.Errorf("write the digest: %w", err)
			}
		}
		switch n, _ := image.ParseName(p.Name); {
		case a.style() != report.Docker:
			if !o.quiet {
				fmt.Fprintf(a.Err, "Pushed %s with digest %s\n", report.Escape(p.Name), p.Digest)
			}
		case o.quiet:
			fmt.Fprintln(a.Out, p.Name)
		default:
			fmt.Fprintf(a.Out, "%s: digest: %s size: %d\n", n.Tagged().Tag, p.Digest, p.Size)
		}
	}
	return nil
}
