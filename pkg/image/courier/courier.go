// Package courier has images brought in and out by pod-transfer, a program of its own: the registry client and the archive
// readers behind package transfer more than double the start-up time of a program that links them, and pod starts far more often
// than it transfers.
//
// Request and answer travel as package errand has it; progress goes to the program's standard error, an archive comes from its
// standard input or goes to its standard output.
package courier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/errand"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/image"
)

// Verb is what pod-transfer is asked for.
type Verb string

const (
	Pull   Verb = "pull"
	Push   Verb = "push"
	Load   Verb = "load"
	Save   Verb = "save"
	Login  Verb = "login"
	Who    Verb = "who"
	Logout Verb = "logout"
	Fetch  Verb = "fetch"
	Search Verb = "search"
	Sign   Verb = "sign"

	AddToList Verb = "manifest-add"
	PushList  Verb = "manifest-push"
	Manifest  Verb = "manifest"

	PullArtifact Verb = "artifact-pull"
	PushArtifact Verb = "artifact-push"

	PushLayout  Verb = "layout-push"
	ManifestFor Verb = "manifest-for"
	Blob        Verb = "blob"

	Look Verb = "look"
	Copy Verb = "copy"
)

// Request is all that pod-transfer is told.
type Request struct {
	Verb      Verb
	Store     image.Place
	UserAgent string
	Names     []string // what to pull or push, one name, or to save
	To        string   // where to push; empty: where the name says
	Path      string   // what to load; empty: the standard input
	Pull      image.PullOptions
	Push      image.PushOptions
	Save      image.SaveOptions
	Login     image.Login
	Fetch     FetchFile
	All       bool // log out everywhere
	List      string
	ListAdd   image.ListAdd
	Only      bool // push a manifest list without the images in it
	Access    image.Access
	Search    image.SearchOptions
	Sign      image.SignOptions
	Layout    Layout
	LookAt    image.LookAt
	Progress  bool // shown on standard error
	Bounds    Bounds
}

// Bounds keep registries and images from taking more than they should.
type Bounds struct {
	// UnpackLimit is how many bytes an image may unpack to, 0 any number; nil: what package layertar thinks sensible.
	UnpackLimit *int64
	// Patience is how long a registry may be silent; zero: a minute.
	Patience time.Duration
}

// Answer is what came of it. What was done before an error is given with it.
type Answer struct {
	Loaded   []Loaded
	Pushed   []image.Pushed
	LoggedIn image.LoggedIn
	Fetched  FetchedFile
	Manifest image.Manifest
	Looked   image.Looked
	Found    []image.Found
	Digest   string // of an artifact

	Error string // empty: none
	Hint  string
	Kind  string // names the sentinel of package image that the error is, see Kinds
}

// Loaded is an image that is in the store now.
type Loaded struct {
	ID    string
	Names []string
}

// Kinds are the errors by which callers decide, by the names they travel under.
func Kinds() map[string]error {
	return map[string]error{
		"not-found": image.ErrNotFound, "ambiguous": image.ErrAmbiguous, "in-use": image.ErrInUse, "read-only": image.ErrReadOnly,
		"not-logged-in": image.ErrNotLoggedIn, "cancelled": context.Canceled,
	}
}

// Courier starts pod-transfer. Its methods may be called from several goroutines.
type Courier struct {
	// Program finds pod-transfer.
	Program   func(context.Context) (string, error)
	UserAgent string
	// Bounds are asked for at each transfer; nil: none are set.
	Bounds func() (Bounds, error)
}

// Pull fetches the image called name; see transfer.Transfer.Pull.
func (c Courier) Pull(ctx context.Context, s *image.Store, name string, opts image.PullOptions) ([]*image.Image, error) {
	request := Request{Verb: Pull, Names: []string{name}, Pull: opts, Progress: opts.Progress != nil}
	answer, err := c.run(ctx, s, request, nil, nil)
	var images []*image.Image
	for _, l := range answer.Loaded {
		img, lookup := found(ctx, s, l)
		if lookup != nil {
			return images, errors.Join(err, lookup)
		}
		images = append(images, img)
	}
	return images, err
}

// found gives an image that was brought in. Another command may have removed it since; then it is only known which it was.
func found(ctx context.Context, s *image.Store, l Loaded) (*image.Image, error) {
	img, err := s.Lookup(ctx, l.ID)
	if errors.Is(err, image.ErrNotFound) {
		return &image.Image{ID: l.ID, Names: l.Names}, nil
	}
	return img, err
}

// foundWhole is found that does not choose among the images of a list.
func foundWhole(ctx context.Context, s *image.Store, l Loaded) (*image.Image, error) {
	if list, err := s.ManifestList(ctx, l.ID); err == nil {
		return list.Image, nil
	}
	return found(ctx, s, l)
}

// Load brings in the images of an archive or a directory; an empty path reads the archive from in. See
// transfer.Transfer.Load.
func (c Courier) Load(ctx context.Context, s *image.Store, path string, in *os.File, opts image.PullOptions) ([]image.Loaded, error) {
	request := Request{Verb: Load, Path: path, Pull: opts, Progress: opts.Progress != nil}
	if strings.HasPrefix(path, "/dev/") || strings.HasPrefix(path, "/proc/self/") {
		// A path such as /dev/fd/63 means this process's descriptors, so the file is opened here.
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("load images: %w", err)
		}
		defer f.Close()
		in, request.Path = f, ""
	}
	answer, err := c.run(ctx, s, request, in, nil)
	var loaded []image.Loaded
	for _, l := range answer.Loaded {
		img, lookup := foundWhole(ctx, s, l)
		if lookup != nil {
			return loaded, errors.Join(err, lookup)
		}
		loaded = append(loaded, image.Loaded{Image: img, Names: l.Names})
	}
	return loaded, err
}

// Save writes images to a file, a directory or opts.Out; see transfer.Transfer.Save.
func (c Courier) Save(ctx context.Context, s *image.Store, names []string, opts image.SaveOptions) error {
	_, err := c.run(ctx, s, Request{Verb: Save, Names: names, Save: opts, Progress: opts.Progress != nil}, nil, opts.Out)
	return err
}

func (c Courier) run(ctx context.Context, s *image.Store, request Request, in *os.File, out io.Writer) (Answer, error) {
	program, err := c.Program(ctx)
	if err != nil {
		return Answer{}, err
	}
	request.Store, request.UserAgent = s.Place(), c.UserAgent
	if c.Bounds != nil {
		if request.Bounds, err = c.Bounds(); err != nil {
			return Answer{}, err
		}
	}
	if own := request.Pull.UnpackLimit; own != nil {
		request.Bounds.UnpackLimit = own
	}
	var answer Answer
	streams := errand.Streams{In: in, Out: out, Err: os.Stderr}
	for _, progress := range []io.Writer{request.Pull.Progress, request.Push.Progress, request.Save.Progress} {
		if progress != nil {
			streams.Err = progress
		}
	}
	if err := errand.Run(ctx, program, request, &answer, streams); err != nil {
		return Answer{}, err
	}
	return answer, answer.err()
}

// failure is an error of pod-transfer in its own words, and of its kind.
type failure struct {
	text string
	kind error
}

func (f failure) Error() string { return f.text }
func (f failure) Unwrap() error { return f.kind }

func (a Answer) err() error {
	if a.Error == "" {
		return nil
	}
	return hint.Wrap(failure{a.Error, Kinds()[a.Kind]}, a.Hint)
}

// Fail words an error into the answer, for pod-transfer.
func (a *Answer) Fail(err error) {
	if err == nil {
		return
	}
	a.Error, a.Hint = err.Error(), hint.Of(err)
	for name, kind := range Kinds() {
		if errors.Is(err, kind) {
			a.Kind = name
		}
	}
}
