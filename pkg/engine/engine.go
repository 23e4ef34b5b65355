// Package engine runs containers: it owns their life cycle and their state on disk.
//
// Every method does its whole job before it returns, under the locks it needs; there is no process behind it. What
// crashed commands left unfinished is finished by the next one that meets it.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/pod-engine/pod/internal/cgroup"
	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/netns/helper"
	"github.com/pod-engine/pod/pkg/rootless"
)

// Sentinels by which callers decide. Their text is never the whole message.
var (
	ErrNotFound  = errors.New("no such container")
	ErrAmbiguous = errors.New("more than one container matches")
	ErrInUse     = errors.New("in use")
	ErrState     = errors.New("wrong state")
)

// StartErrorKind says which part of a start failed.
type StartErrorKind string

const (
	StartRuntime       StartErrorKind = "runtime"
	StartNotFound      StartErrorKind = "not-found"      // the command does not exist in the container
	StartNotExecutable StartErrorKind = "not-executable" // it exists but cannot be executed
	StartMount         StartErrorKind = "mount"
	StartNetwork       StartErrorKind = "network"
	StartInternal      StartErrorKind = "internal"
)

// StartError is a failed start; everything it did has been undone.
type StartError struct {
	Kind StartErrorKind
	Text string
}

func (e *StartError) Error() string { return e.Text }

// Options say where an engine works and with what.
type Options struct {
	DataDir string // durable state
	RunDir  string // volatile state
	User    rootless.Info
	Runtime Runtime
	Cgroup  cgroup.Setup
	// Network speaks with the network helper.
	Network helper.Client
	// CDIDirs are where specifications of devices by name are; none: cdi.DefaultDirs.
	CDIDirs []string
	// Images opens the image store; it is called by the first operation that needs it.
	Images func(context.Context) (*image.Store, error)
	// Executable is this program, which the monitor starts for "container cleanup".
	Executable string
	GlobalArgs []string // the global flags this command was given
	// Warn is given sentences a person should know about an operation that goes on.
	Warn func(string)
	Log  *slog.Logger
}

// Engine is one command's view of the user's containers. Its methods may be called from several goroutines.
type Engine struct {
	Options
	boot   string
	images func() (*image.Store, error)
	swept  sync.Once
}

// Container is one container as found: its immutable configuration and its state at that moment. Config has only
// ID and Name when State.Status is damaged.
type Container struct {
	Config *container.Config
	State  container.State
}

// Open gives an engine over the state in opts, whose directories it makes.
func Open(ctx context.Context, opts Options) (*Engine, error) {
	boot, err := process.BootID()
	if err != nil {
		return nil, fmt.Errorf("read the boot id: %w", err)
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if opts.Warn == nil {
		opts.Warn = func(string) {}
	}
	e := &Engine{Options: opts, boot: boot}
	e.images = sync.OnceValues(func() (*image.Store, error) { return opts.Images(ctx) })
	return e, e.makeDirs()
}

// The directories below DataDir and RunDir; docs/files.md describes each.
const (
	dirContainers = "containers"
	dirCreating   = "creating"
	dirRemoving   = "removing"
	dirNames      = "names"
	dirLeases     = "leases"
)

// Files of one container. In its run directory the monitor's names apply (package monitor), with its lock beside them.
const (
	lockFile = "lock" // in both directories
	exitFile = "exit"
	// portsFile in the run directory holds the published ports of this start, as JSON.
	portsFile = "ports.json"
)

func (e *Engine) makeDirs() error {
	dirs := []string{
		filepath.Join(e.DataDir, dirContainers), filepath.Join(e.DataDir, dirCreating),
		filepath.Join(e.DataDir, dirRemoving), filepath.Join(e.DataDir, dirNames),
		filepath.Join(e.DataDir, dirLeases), filepath.Join(e.RunDir, dirContainers),
	}
	for _, dir := range dirs {
		// On a read-only file system the reading commands still work.
		if err := os.MkdirAll(dir, 0o700); err != nil && !isReadOnly(err) {
			return fmt.Errorf("make pod's state directory: %w", err)
		}
	}
	return nil
}

// warnOnce says what is wrong with this machine once in a boot, and not at every start.
func (e *Engine) warnOnce(subject, text string) {
	said := filepath.Join(e.RunDir, "cache", "said-"+subject)
	if text == "" || exists(said) || os.MkdirAll(filepath.Dir(said), 0o700) != nil {
		return
	}
	if f, err := os.OpenFile(said, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
		f.Close()
		e.Warn(text)
	}
}

// Dir is the durable directory of a container: config.json, state.json, exit, log.
func (e *Engine) Dir(id string) string { return filepath.Join(e.DataDir, dirContainers, id) }

// RunDir is its volatile directory.
func (e *Engine) ContainerRunDir(id string) string { return filepath.Join(e.RunDir, dirContainers, id) }

func (e *Engine) creatingDir(id string) string { return filepath.Join(e.DataDir, dirCreating, id) }
func (e *Engine) creatingLock() string         { return filepath.Join(e.DataDir, dirCreating+".lock") }
func (e *Engine) removingDir(id string) string { return filepath.Join(e.DataDir, dirRemoving, id) }

// LogPath is the file that a container's output is kept in by the drivers that keep a file.
func (e *Engine) LogPath(cfg *container.Config) string {
	if cfg.Log.Path != "" {
		return cfg.Log.Path
	}
	return filepath.Join(e.Dir(cfg.ID), "log")
}

// EventsPath is the journal of events.
func (e *Engine) EventsPath() string { return filepath.Join(e.DataDir, "events") }
