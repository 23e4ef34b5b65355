package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/cgroup"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/process"
)

// Runtime is the OCI runtime's command: containers are made, started, signalled and deleted by running it.
type Runtime struct {
	Path  string
	Flags []string // global ones the user gave, each with its dashes
}

// FindRuntime gives the runtime called name, a path or a name on PATH; for an empty name the first of crun and runc
// that is there, where cgroups are such that crun works at all.
func FindRuntime(name string, flags []string, groups cgroup.Setup) (Runtime, error) {
	candidates := []string{name}
	switch {
	case name == "" && groups.Mixed:
		candidates = []string{"runc", "crun"}
	case name == "":
		candidates = []string{"crun", "runc"}
	}
	for _, candidate := range candidates {
		path, err := exec.LookPath(candidate)
		if err == nil {
			if path, err = filepath.Abs(path); err == nil {
				return Runtime{Path: path, Flags: flags}, nil
			}
		}
	}
	if name != "" {
		return Runtime{}, fmt.Errorf("the OCI runtime %q is not installed", name)
	}
	return Runtime{}, hint.Wrap(errors.New("no OCI runtime is installed: neither crun nor runc is on PATH"), "sudo apt install crun")
}

// Name is "crun", "runc", or the name of whatever else is used.
func (r Runtime) Name() string { return filepath.Base(r.Path) }

// explainStart adds what to do about a failed start where the machine is the reason: crun wants cgroups of one version alone, runc does not.
func (e *Engine) explainStart(err *StartError) error {
	if err.Kind == StartRuntime && e.Cgroup.Mixed && e.Runtime.Name() == "crun" {
		return hint.Wrap(err, "sudo apt install runc, and give --runtime runc if crun was asked for; or "+cgroup.UnifiedHint)
	}
	return err
}

// runtimeRoot is where the runtime keeps its state.
func (e *Engine) runtimeRoot() string { return filepath.Join(e.RunDir, "runtime", e.Runtime.Name()) }

// runtimeArgs are the arguments before the verb.
func (e *Engine) runtimeArgs() []string {
	args := []string{"--root", e.runtimeRoot()}
	return append(append(args, e.Cgroup.RuntimeArgs(e.Runtime.Name())...), e.Runtime.Flags...)
}

// runtime runs one short verb of the OCI runtime and gives its error output as the error.
func (e *Engine) runtime(ctx context.Context, verb string, args ...string) error {
	argv := append(append(e.runtimeArgs(), verb), args...)
	cmd := exec.CommandContext(ctx, e.Runtime.Path, argv...)
	cmd.Dir = "/"
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(stderr.String())
		if text == "" {
			text = err.Error()
		}
		return fmt.Errorf("%s %s: %s", e.Runtime.Name(), verb, lastLine(text))
	}
	return nil
}

// deleteRuntimeState removes what the runtime keeps of a container whose monitor is gone, and its processes. When somebody
// else, such as a monitor that still ends, was faster, it is done all the same.
func (e *Engine) deleteRuntimeState(ctx context.Context, id string) error {
	state := filepath.Join(e.runtimeRoot(), id)
	if !exists(state) {
		return nil
	}
	err := e.runtime(ctx, "delete", "--force", id)
	if err != nil && !exists(state) {
		return nil // somebody else was faster
	}
	return err
}

// changed gives, as an ErrNotFound or ErrState, why a runtime may have refused to act on the process that the container was seen
// with: it does not run any more. Nil: it does, and the runtime's own words are the reason.
func (e *Engine) changed(was Container) error {
	now, err := e.load(was.Config.ID)
	if err != nil {
		return err
	}
	if now.State.Status != was.State.Status {
		return fmt.Errorf("it is %s meanwhile: %w", now.State.Status, ErrState)
	}
	if now.State.PID != was.State.PID {
		return fmt.Errorf("it has been started again meanwhile: %w", ErrState)
	}
	root, err := e.containerRoot(now)
	if errors.Is(err, process.ErrGone) {
		return fmt.Errorf("it is on its way out: %w", ErrState)
	}
	if err == nil {
		root.Close()
	}
	return nil
}

// lastComplaint is the last line of a monitor's log, without its time; of a monitor that crashed, why it did.
func lastComplaint(log []byte) string {
	for line := range strings.Lines(string(log)) {
		// Then come the stacks of all goroutines.
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return strings.TrimSpace(line)
		}
	}
	line := lastLine(string(log))
	if when, text, ok := strings.Cut(line, " "); ok {
		if _, err := time.Parse(time.RFC3339, when); err == nil {
			return text
		}
	}
	return line
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return text
}
