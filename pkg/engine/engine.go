// Package engine runs containers: it owns their life cycle and their state on disk.
package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/pod-engine/pod/pkg/container"
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
}

// Engine is one command's view of the user's containers. Its methods may be called from several goroutines.
type Engine struct {
	opts Options
}

// Container is one container as found: its immutable configuration and its state at that moment. Config has only
// ID and Name when State.Status is damaged.
type Container struct {
	Config *container.Config
	State  container.State
}

// Open gives an engine over the state in opts; it creates nothing before something is created.
func Open(opts Options) (*Engine, error) { return &Engine{opts: opts}, nil }

// List gives all containers, in no order. It takes no locks.
func (e *Engine) List(ctx context.Context) ([]Container, error) { return nil, nil }

// Find gives the container with this name, full id, or unique id prefix.
// The error is ErrNotFound or ErrAmbiguous (wrapped) where it is about the name.
func (e *Engine) Find(ctx context.Context, nameOrID string) (Container, error) {
	return Container{}, fmt.Errorf("%w: %q", ErrNotFound, nameOrID)
}

// Dir is the durable directory of a container: config.json, state.json, exit, log.
func (e *Engine) Dir(id string) string { return "" }

// RunDir is its volatile directory.
func (e *Engine) RunDir(id string) string { return "" }
