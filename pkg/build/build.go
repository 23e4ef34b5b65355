// Package build makes images from Dockerfiles: it has a text read (package frontend, in a process of its own), carries out
// the plan that comes back, and records the image.
//
// A plan is a graph of steps. Each step has a key: what it does, the content of the files that it reads, and the layer
// below it. A step whose key leads to a layer is not done again. Stages run beside each other where they do not
// wait for each other's files.
//
// A Builder has the parts, a Session what builds beside each other share, and a Job is one build. Session.Build is where to begin: it has the plan made (Plan),
// carries it out (solve.target, and solve.step for each step), and records the image (record). docs/architecture.md, "Builds", has the whole way.
package build

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/layertar"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/build/progress"
	"github.com/pod-engine/pod/pkg/build/provenance"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/step"
	"github.com/pod-engine/pod/pkg/image"
)

// Runner runs steps and puts trees together; *engine.Engine is one.
type Runner interface {
	// RunStep runs a step to its end and gives its exit code. An error says that it could not be run.
	RunStep(ctx context.Context, s step.Step) (int, error)
	// ForgetStep takes back what a step whose Dir this was has left outside of it, when its command was killed.
	ForgetStep(dir string) error
	// Emulate makes sure that programs for an architecture, in the words of GOARCH, run in steps; its error says why they do not.
	Emulate(ctx context.Context, arch string) error
	// MountTree and MountOver give mounts that are attached nowhere: of layers to read, and of layers with a writable
	// directory over them; with a name, of that file or directory in them. at is an existing directory.
	MountTree(layers image.Layers, at, name string) (*os.File, error)
	MountOver(layers image.Layers, upper, work, at, name string) (*os.File, error)
}

// Builder makes images. Its fields are set once; its methods may be called from several goroutines and processes.
type Builder struct {
	Images *image.Store
	Runner Runner
	// Frontend answers what a Dockerfile means.
	Frontend func(context.Context, plan.Request) (plan.Answer, error)
	// Devices gives the devices by name of this machine.
	Devices func() (Devices, error)
	// Fetch writes the file at an address of HTTP to a path at which nothing is.
	Fetch func(ctx context.Context, url, path string) (Fetched, error)
	// Scan makes a bill of materials of layers: a document of SPDX as JSON.
	Scan func(context.Context, ScanSubject) ([]byte, error)
	// Dir is where the records of the cache are kept.
	Dir string
	// Version is that of the program, for what is said of a build.
	Version string
	// Limits bound what an archive of ADD, or one that is the context, unpacks to.
	Limits layertar.Limits
	// Warn is given sentences about a build that goes on.
	Warn func(string)
}

// Job is one build.
type Job struct {
	Dockerfile Dockerfile
	Request    plan.Request // but for Text, Name, Ignore, Images and Platform
	// Platforms are what is built for, each once; at least one.
	Platforms []plan.Platform
	// Several says that the names mean a manifest list even when there is one platform.
	Several bool
	// Context is the directory that COPY reads; nil: there is none.
	Context *Context
	// Contexts are further ones by name, as Request.Contexts has them.
	Contexts map[string]*Context
	Names    []string // full names for the result: of several platforms, for the manifest list of their images
	// List is the full name of a manifest list that the images are put into; it is made when it is not there.
	List string
	// Files is given the files of the target of each platform, one after the other, before anything is recorded, and what is stated of them;
	// nil: nobody wants them.
	Files func(context.Context, plan.Platform, *files.Tree, []files.Beside) error
	// NoImage says that the files are all that is wanted.
	NoImage bool
	Squash  Squash
	// Attest is what is stated of the image, and kept beside it.
	Attest Attest
	// BOM is a bill of materials that is a file; nil: there is none.
	BOM *BOMFile
	// CacheFrom are caches of others to look into, CacheTo where the cache of this build is written for others; InlineCache has the image
	// itself say which steps have made its layers.
	CacheFrom   []CacheSource
	CacheTo     []CacheTarget
	InlineCache bool
	OmitHistory bool
	Pull        image.PullOptions
	NoCache     bool
	Docker      bool // docker's manifest rather than OCI's
	// Epoch replaces every time in the image, and is the time of every file made later; nil: as it comes.
	Epoch *time.Time
	// KeepTimes has an epoch be the time of the image alone: files keep theirs, and layers of builds with other epochs are found again.
	KeepTimes bool
	// Annotations are those of the manifests of images, EntryAnnotations those of their entries in the manifest list, and ListAnnotations those of
	// the list itself.
	Annotations, EntryAnnotations Annotations
	ListAnnotations               map[string]string
	// Run is what holds for every RUN: a container's configuration without a process.
	Run *container.Config
	// AllowInsecure lets RUN --security=insecure have all privileges of the user.
	AllowInsecure bool
	// AllowDevices lets RUN --device have devices.
	AllowDevices DeviceLeave
	Secrets      map[string]Secret // by id
	Agents       map[string]string // sockets of SSH agents, by id
	Display      progress.Display
	// MaxOutput is how many bytes are kept of what a step writes, for its error; zero: DefaultMaxOutput, negative: all.
	MaxOutput int64
}

// Dockerfile is the text of a build.
type Dockerfile struct {
	Name string // for messages
	Text []byte
	// Path is where it is in its context, or its file name; for what is said of a build.
	Path string
	// Origin is where it was fetched from, alone or with the context.
	Origin Origin
}

// Result is what a build has made.
type Result struct {
	Images []*image.Image      // in the order of Job.Platforms; none when Job.NoImage says so
	List   *image.ManifestList // of several platforms, with attestations, or by name; else nil
	// Records are what is known of how each image was made, in the order of Job.Platforms, when Job.Attest asks for them.
	Records []provenance.Build
	// BOMs are the documents that Job.BOM asks for, in the same order.
	BOMs     []BOMDocument
	Warnings []plan.Warning
}

// Describe has the Dockerfile read for what can be asked of it, plan.DescribeTargets or plan.DescribeOutline; no image is needed for that.
func (b *Builder) Describe(ctx context.Context, job *Job, what string) (*plan.Description, error) {
	req := job.Request
	req.Name, req.Text, req.Platform, req.Describe = job.Dockerfile.Name, job.Dockerfile.Text, job.Platforms[0], what
	answer, err := b.Frontend(ctx, req)
	if err == nil && answer.Problem != nil {
		err = sourceError(job.Dockerfile, *answer.Problem)
	}
	return answer.Description, err
}

// Plan has the Dockerfile read for a platform, with the images it needs found or fetched.
func (s *Session) Plan(ctx context.Context, job *Job, platform plan.Platform) (*plan.Plan, map[string]*image.Image, []plan.Warning, error) {
	req := job.Request
	req.Platform = platform
	req.Name, req.Text = job.Dockerfile.Name, job.Dockerfile.Text
	if job.Context != nil {
		req.Ignore = job.Context.Ignore
	}
	req.Images = map[string]plan.Image{}
	images := map[string]*image.Image{}
	for {
		answer, err := s.Frontend(ctx, req)
		if err != nil {
			return nil, nil, nil, err
		}
		if answer.Problem != nil {
			return nil, nil, answer.Warnings, sourceError(job.Dockerfile, *answer.Problem)
		}
		if answer.Plan != nil {
			return answer.Plan, images, answer.Warnings, nil
		}
		for _, need := range answer.Needs {
			img, err := s.resolve(ctx, job, need)
			if err != nil {
				if need.Stage != "" {
					err = hint.Wrap(err, fmt.Sprintf("did you mean the stage %q?", need.Stage))
				}
				return nil, nil, answer.Warnings, &SourceError{
					Problem: plan.Problem{Text: err.Error(), Line: need.Line}, File: job.Dockerfile, Err: err,
				}
			}
			images[need.Key()] = img
			config, err := s.config(img)
			if err != nil {
				return nil, nil, nil, err
			}
			req.Images[need.Key()] = plan.Image{ID: img.ID, Config: config}
		}
	}
}

func (b *Builder) config(img *image.Image) (config plan.Config, err error) {
	raw, err := b.Images.RawConfig(img)
	if err == nil {
		err = json.Unmarshal(raw, &config)
	}
	if err != nil {
		err = fmt.Errorf("read the configuration of image %q: %w", img, err)
	}
	return config, err
}

func (b *Builder) cacheDir() string { return filepath.Join(b.Dir, "cache") }
