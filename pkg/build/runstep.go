package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/build/progress"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/step"
	"github.com/pod-engine/pod/pkg/image"
)

// ExitError says that the command of a RUN ended with a code.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("the command ended with exit code %d", e.Code) }

// hostname is that of every RUN, unless the argument says otherwise: one that changed would be a reason for other results.
const (
	hostname    = "buildkitsandbox"
	hostnameArg = "BUILDKIT_SANDBOX_HOSTNAME"
)

func (s *solve) prepareRun(ctx context.Context, stage plan.Stage, run plan.Run, at made) (action, error) {
	if run.Insecure && !s.job.AllowInsecure { // whether or not it is in the cache
		return action{}, hint.Wrap(errors.New("RUN --security=insecure is not allowed in this build"), "--allow security.insecure")
	}
	devices, err := s.devices(run)
	if err != nil {
		return action{}, err
	}
	mounts := &mounts{solve: s, run: run}
	contents, err := mounts.contents(ctx)
	if err != nil {
		mounts.close()
		return action{}, err
	}
	contents = append(contents, stage.Platform.String(), s.job.Request.Args[hostnameArg])
	key := runKey(at.top(), run, s.job.Run, append(contents, devices...))
	return action{
		keys: oneKey(key),
		do: func(ctx context.Context, layers image.Layers, u upper, v progress.Vertex) error {
			if err := s.canRun(ctx, stage.Platform); err != nil {
				return err
			}
			return s.run(ctx, mounts, devices, layers, u, v)
		},
		changed: mounts.changed,
		close:   mounts.close,
	}, nil
}

// run runs a RUN; what it changes is in u.
func (s *solve) run(ctx context.Context, m *mounts, devices []string, layers image.Layers, u upper, v progress.Vertex) error {
	cfg, err := s.config(m.run, devices)
	if err != nil {
		return err
	}
	out, wait, err := output(v)
	if err != nil {
		return err
	}
	dir := filepath.Join(u.dir, bundleDir)
	err = os.Mkdir(dir, 0o700)
	var done func() error
	if err == nil {
		done, err = m.mount(ctx, cfg, u)
	}
	code := 0
	if err == nil {
		code, err = s.Runner.RunStep(ctx, step.Step{
			Config: cfg, Layers: layers, Dir: dir, Upper: u.upper, Work: u.work, Trees: m.trees, Stdout: out, Stderr: out,
		})
		err = errors.Join(err, done())
	}
	out.Close()
	wait()
	if err == nil && code != 0 {
		err = &ExitError{code}
		if len(m.missing) > 0 {
			err = hint.Wrap(err, "the build was not given "+strings.Join(m.missing, " "))
		}
	}
	return s.Images.FullFor(err)
}

// canRun says why programs for a platform cannot run here.
func (s *solve) canRun(ctx context.Context, platform plan.Platform) error {
	host := s.job.Request.BuildPlatform
	if platform.OS != host.OS {
		return fmt.Errorf("RUN for %s cannot run on %s", platform, host)
	}
	if platform.Arch == host.Arch {
		return nil
	}
	err := s.Runner.Emulate(ctx, platform.Arch)
	if err == nil {
		return nil
	}
	return hint.Wrap(fmt.Errorf("RUN for %s cannot run on this machine, which is %s: %w", platform, host, err),
		hint.Of(err)+"; or let the stage run natively: FROM --platform=$BUILDPLATFORM")
}

// output is a pipe whose other end writes to w until all who have it are gone. An error of w takes the output from whoever reads it, and
// not the pipe from the step.
func output(w io.Writer) (end *os.File, wait func(), err error) {
	read, end, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer read.Close()
		io.Copy(w, read)
		io.Copy(io.Discard, read)
	}()
	return end, func() { <-done }, nil
}

// config is the container of a RUN: what the flags say of all of them, and what this one says.
func (s *solve) config(run plan.Run, devices []string) (*container.Config, error) {
	cfg := *s.job.Run
	cfg.Devices, cfg.Mounts = slices.Clone(cfg.Devices), slices.Clone(cfg.Mounts) // which each RUN adds its own to
	for _, name := range devices {
		cfg.Devices = append(cfg.Devices, container.Device{CDI: name})
	}
	cfg.Image.Name = "build"
	if cfg.Namespace.UTS != "host" {
		cfg.Hostname = cmp.Or(s.job.Request.Args[hostnameArg], hostname)
	}
	cfg.Network.NoHostname = true // as BuildKit: what a step writes to /etc/hostname is the image's
	p := &cfg.Process
	p.Entrypoint, p.Args = []string{}, run.Args
	p.Env, p.UnsetEnvAll = container.MergeEnv(run.Proxy, run.Env), true
	p.User, p.Workdir = run.User, run.Workdir
	if run.Network != "" {
		cfg.Network.Mode, cfg.Network.Options, cfg.Network.Networks = run.Network, nil, nil
	}
	cfg.Security.Privileged = run.Insecure
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &cfg, cfg.ApplyImage(container.ImageConfig{})
}

// scriptFile puts a here-document that is a program where it can be mounted from.
func scriptFile(u upper, script plan.File) (string, error) {
	dir := filepath.Join(u.dir, "script")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, filepath.Base(filepath.Clean("/"+script.Path)))
	if err := os.WriteFile(path, []byte(script.Data), 0o755); err != nil {
		return "", err
	}
	return dir, errors.Join(os.Chmod(dir, 0o755), os.Chmod(path, 0o755))
}

// secretEnv adds a variable that no key and no history knows.
func secretEnv(cfg *container.Config, name, value string) error {
	if strings.ContainsRune(value, 0) {
		return fmt.Errorf("the secret for %s has a NUL byte, which no variable can hold", name)
	}
	cfg.Process.Env = container.MergeEnv(cfg.Process.Env, []string{name + "=" + value})
	return nil
}
