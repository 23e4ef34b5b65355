package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/image"
)

// CommitOptions say what image is made of a container.
type CommitOptions struct {
	Name            string // full name of the image; empty: none
	Author, Message string
	// Change is applied to the configuration last; nil: nothing is.
	Change func(image.Config) (image.Config, error)
	Docker bool // docker's format, not OCI's
	Pause  bool // freeze the container, if it runs, while its files are read
	Squash bool // one layer, not one above those of the image
	// IncludeVolumes makes volumes of the image of what is mounted in the container.
	IncludeVolumes bool
}

// Commit makes an image of a container: the layers of its image, what the container has changed, and its configuration.
func (e *Engine) Commit(ctx context.Context, c Container, opts CommitOptions) (img *image.Image, err error) {
	store, err := e.images()
	if err != nil {
		return nil, err
	}
	pin, err := store.Pin(ctx, c.Config.Image.ID, "commit of container "+c.Config.Name)
	if err != nil {
		return nil, err
	}
	defer pin.Release()
	base, err := store.Lookup(ctx, c.Config.Image.ID)
	if err != nil {
		return nil, err
	}
	conf, err := committedConfig(c.Config, base.Config, opts)
	if err != nil {
		return nil, err
	}
	layers, err := e.commitLayers(ctx, store, c, base, opts)
	if err != nil {
		return nil, fmt.Errorf("commit container %q: %w", c.Config.Name, err)
	}
	if err := failpoint.Hit("commit.layer"); err != nil {
		return nil, err
	}
	conf.RootFS = specs.RootFS{Type: "layers", DiffIDs: diffIDs(layers)}
	text, err := conf.Encode()
	if err != nil {
		return nil, err
	}
	made := image.NewImage{Config: text, Layers: layers, Docker: opts.Docker}
	if opts.Name != "" {
		made.Names = []string{opts.Name}
	}
	if img, err = store.AddImage(ctx, made); err != nil {
		return nil, err
	}
	e.event(c.Config, "commit", map[string]string{"imageID": img.ID})
	return img, nil
}

func diffIDs(layers []image.Layer) []digest.Digest {
	ids := make([]digest.Digest, 0, len(layers))
	for _, l := range layers {
		ids = append(ids, l.DiffID)
	}
	return ids
}

// commitLayers stores what the container has changed, and gives all layers of the new image. A container that was told to go on
// is frozen for this only.
func (e *Engine) commitLayers(ctx context.Context, store *image.Store, c Container, base *image.Image, opts CommitOptions) (_ []image.Layer, err error) {
	if opts.Pause && c.State.Status == container.StatusRunning {
		switch err := e.Pause(ctx, c.Config.ID); {
		case errors.Is(err, ErrState): // it has ended
		case err != nil:
			return nil, err
		default:
			defer func() { err = errors.Join(err, e.thaw(ctx, c.Config.ID)) }()
		}
		if err := failpoint.Hit("commit.paused"); err != nil {
			return nil, err
		}
	}
	if opts.Squash {
		l, err := e.squashed(ctx, store, c)
		return []image.Layer{l}, err
	}
	layers, err := store.ImageLayers(base)
	if err != nil {
		return nil, err
	}
	stream, err := store.LayerTar(e.upperDir(c.Config.ID), base.TopLayer)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	l, err := store.AddLayerTar(ctx, base.TopLayer, stream, nil)
	return append(layers, l), err
}

// thaw ends the pause of a commit, unless the container has ended meanwhile.
func (e *Engine) thaw(ctx context.Context, id string) error {
	err := e.Unpause(context.WithoutCancel(ctx), id)
	if errors.Is(err, ErrState) || errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// squashed makes one layer of the whole root file system.
func (e *Engine) squashed(ctx context.Context, store *image.Store, c Container) (image.Layer, error) {
	root, err := e.readRoot(ctx, c.Config)
	if err != nil {
		return image.Layer{}, err
	}
	defer root.Close()
	r, w := io.Pipe()
	go func() { w.CloseWithError(writeTree(ctx, root, w, c.State.Alive())) }()
	defer r.Close()
	return store.AddLayerTar(ctx, "", r, nil)
}

// committedConfig is the configuration of the new image: what the container was made with, then the changes.
func committedConfig(cfg *container.Config, base image.Config, opts CommitOptions) (image.Config, error) {
	conf := base
	now := time.Now().UTC()
	conf.Created, conf.Author = &now, opts.Author
	conf.Docker.Parent, conf.Docker.Comment = "", ""
	if conf.OS == "" || conf.Architecture == "" {
		conf.OS, conf.Architecture = runtime.GOOS, runtime.GOARCH
	}
	p := cfg.Process
	conf.Config.Entrypoint, conf.Config.Cmd = none0(p.Entrypoint), none0(p.Args)
	conf.Config.Env = committedEnv(p, base)
	conf.Config.User, conf.Config.WorkingDir = p.User, p.Workdir
	conf.Config.Labels, conf.Config.StopSignal = cfg.Labels, cfg.Stop.Signal
	if base.Config.StopSignal == "" && conf.Config.StopSignal == "SIGTERM" {
		conf.Config.StopSignal = "" // the default of every engine
	}
	conf.Config.ExposedPorts = exposed(cfg)
	if opts.IncludeVolumes {
		conf.Config.Volumes = mountedVolumes(cfg, base)
	}
	if opts.Change != nil {
		var err error
		if conf, err = opts.Change(conf); err != nil {
			return conf, err
		}
	}
	step := specs.History{Created: &now, CreatedBy: strings.Join(p.Argv(), " "), Author: opts.Author, Comment: opts.Message}
	conf.History = append(slices.Clone(base.History), step)
	if opts.Squash {
		conf.History = []specs.History{step}
	}
	if opts.Docker {
		conf.Docker.Comment, conf.Docker.Parent = opts.Message, cfg.Image.ID
	}
	return conf, nil
}

func none0(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

// committedEnv leaves out what pod itself puts into every container.
func committedEnv(p container.Process, base image.Config) []string {
	return slices.DeleteFunc(slices.Clone(p.Env), func(v string) bool {
		if slices.Contains(base.Config.Env, v) {
			return false
		}
		return v == "container=pod" || v == "TERM=xterm" && p.Terminal
	})
}

func exposed(cfg *container.Config) map[string]struct{} {
	ports := map[string]struct{}{}
	for _, p := range slices.Concat(cfg.Image.ExposedPorts, cfg.Network.Expose) {
		ports[p] = struct{}{}
	}
	for _, p := range cfg.Network.Ports {
		for i := range max(p.Count, 1) {
			ports[fmt.Sprintf("%d/%s", p.ContainerPort+i, p.Protocol)] = struct{}{}
		}
	}
	if len(ports) == 0 {
		return nil
	}
	return ports
}

func mountedVolumes(cfg *container.Config, base image.Config) map[string]struct{} {
	volumes := map[string]struct{}{}
	for v := range base.Config.Volumes {
		volumes[v] = struct{}{}
	}
	for _, m := range cfg.Mounts {
		volumes[m.Destination] = struct{}{}
	}
	if len(volumes) == 0 {
		return nil
	}
	return volumes
}
