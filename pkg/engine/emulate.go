package engine

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/pod-engine/pod/internal/binfmt"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
)

// Emulate makes sure that programs for an architecture, in the words of GOARCH, run in containers. Where nobody has registered an emulator on
// this machine it is registered in the user's own namespace; a namespace that is the machine's is left alone.
func (e *Engine) Emulate(ctx context.Context, arch string) error {
	return e.emulation().Ensure(ctx, arch)
}

// Archs are the architectures, in the words of GOARCH, whose programs run in containers, with Emulate where it must be; this machine's is the first.
func (e *Engine) Archs() []string { return e.emulation().Archs() }

func (e *Engine) emulation() binfmt.Namespace {
	n := binfmt.Namespace{Arch: runtime.GOARCH, System: binfmt.SystemDir, Find: exec.LookPath}
	if e.User.Rootless {
		n.Own = filepath.Join(e.RunDir, "binfmt")
	}
	return n
}

// emulateFor has an emulator ready for the container, or says why there is none. It is started all the same: what an image says about itself is
// often wrong.
func (e *Engine) emulateFor(ctx context.Context, cfg *container.Config) {
	if cfg.Image.Arch == "" {
		return
	}
	if err := e.Emulate(ctx, cfg.Image.Arch); err != nil {
		e.Warn(fmt.Sprintf("the programs of a container for %s may not run: %s; %s", cfg.Image.Arch, err, hint.Of(err)))
	}
}
