package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// creation is what create and run share beside the configuration: where the image comes from, and what happens to a
// container that has the name already.
type creation struct {
	pull    image.PullOptions
	replace bool
	quiet   bool
	attach  []string
	given   func(flag string) bool
}

func (c *creation) add(f *pflag.FlagSet) {
	c.given = f.Changed
	f.Var(into("policy", &c.pull.Policy, image.ParsePolicy).withDefault("missing"), "pull", "pull the image: always, missing, never or newer")
	f.BoolVarP(&c.quiet, "quiet", "q", false, "show no progress of a pull")
	f.Var(into("os/arch[/variant]", &c.pull.Platform, image.ParsePlatform), "platform", "platform of the image")
	f.StringVar(&c.pull.AuthFile, "authfile", "", "file with registry credentials")
	f.BoolVar(&c.replace, "replace", false, "remove a container that has the name first")
	f.StringSliceVarP(&c.attach, "attach", "a", nil, "attach only these: stdin, stdout, stderr")
}

func newCreateCommand(a *app) *cobra.Command {
	var make creation
	cfg := container.NewConfig()
	cmd := &cobra.Command{
		Use:     "create [flags] IMAGE [COMMAND [ARG...]]",
		Short:   "Create a container without starting it",
		Example: a.example("create --name web -p 8080:80 nginx", "create -it alpine sh"),
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg.Image.Name, cfg.Process.Args = args[0], args[1:]
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.create(cmd.Context(), e, cfg, &make); err != nil {
				return err
			}
			fmt.Fprintln(a.Out, cfg.ID)
			return nil
		},
	}
	cmd.Flags().SetInterspersed(false)
	a.addConfigFlags(cmd.Flags(), cfg)
	make.add(cmd.Flags())
	return cmd
}

// warnForeign says that an image that nobody wanted for another machine is for one.
func (a *app) warnForeign(p specs.Platform) {
	if p.OS != "" && p.OS != runtime.GOOS || p.Architecture != "" && p.Architecture != runtime.GOARCH {
		a.warn(fmt.Sprintf("the image is for %q on %q, and this machine is %s on %s", p.OS, p.Architecture, runtime.GOOS, runtime.GOARCH))
	}
}

// create makes the container cfg describes: it checks it, finds its image, completes it from that and stores it.
func (a *app) create(ctx context.Context, e *engine.Engine, cfg *container.Config, c *creation) error {
	if err := a.orDefaultPlatform(&c.pull.Platform); err != nil {
		return err
	}
	if err := attachStreams(cfg, c.attach); err != nil {
		return usageError{err}
	}
	if err := a.applyDefaults(cfg, c.given); err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return usageError{err}
	}
	if err := e.ResolveNames(ctx, cfg); err != nil {
		return err
	}
	if cfg.Name != "" && !c.replace {
		// Checked again, under the lock, when it is reserved; but nobody should wait for a pull to learn this.
		if err := e.CheckFree(cfg.Name); err != nil {
			return err
		}
	}
	if !c.quiet {
		c.pull.Progress, c.pull.Terminal = a.Err, terminal.IsTerminal(a.Err)
	}
	if err := a.configurePull(&c.pull); err != nil {
		return err
	}
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	img, err := store.Resolve(ctx, cfg.Image.Name, c.pull)
	if err != nil {
		return err
	}
	if c.pull.Platform == (image.Platform{}) {
		a.warnForeign(img.Config.Platform)
	}
	cfg.Command = a.args
	cfg.Image.ID, cfg.Image.Digest = img.ID, img.Digest
	if arch := img.Config.Architecture; arch != runtime.GOARCH {
		cfg.Image.Arch = arch
	}
	if err := cfg.ApplyImage(img.Config.Image.Config); err != nil {
		return err
	}
	if c.replace && cfg.Name != "" {
		if err := e.RemoveNamed(ctx, cfg.Name); err != nil {
			return err
		}
	}
	return e.Create(ctx, cfg, img)
}

// attachStreams checks --attach; attaching stdin keeps it open.
func attachStreams(cfg *container.Config, attach []string) error {
	for _, stream := range attach {
		switch strings.ToLower(stream) {
		case "stdin":
			cfg.Process.Interactive = true
		case "stdout", "stderr":
		default:
			return fmt.Errorf("--attach %q is no stream: use stdin, stdout or stderr", stream)
		}
	}
	return nil
}

// wants reports whether a stream is to be attached: all are when none is named.
func (c *creation) wants(stream string) bool {
	return len(c.attach) == 0 || slices.ContainsFunc(c.attach, func(s string) bool { return strings.EqualFold(s, stream) })
}

// addConfigFlags binds the flags that describe a container to cfg, with the caller's environment and directory.
func (a *app) addConfigFlags(f *pflag.FlagSet, cfg *container.Config) {
	addConfigFlags(f, cfg, callersSurroundings())
	f.SetNormalizeFunc(normalizeConfigFlag)
}

func callersSurroundings() caller {
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	return caller{environ: os.Environ(), dir: dir}
}
