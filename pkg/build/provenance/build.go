package provenance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pod-engine/pod/pkg/build/plan"
)

// Build is what is known of a build for one platform.
type Build struct {
	Config    ConfigSource
	Arguments map[string]string // what was asked for, by BuildKit's names: build-arg:NAME, label:NAME, context:NAME, target, ...
	Secrets   []Input
	SSH       []Input
	Locals    []string // directories of the caller's that were read, whose content has no digest
	Materials []Material
	// Network says that a step could reach a network.
	Network bool
	// VCS is what git says of the directory that was built from, "source" and "revision"; a hint that nobody has checked.
	VCS map[string]string

	BuildPlatform, TargetPlatform plan.Platform

	Dockerfile []byte
	Steps      []Step
	Lines      map[string][2]int // of steps in the Dockerfile, the first and the last
	Layers     map[string][]specs.Descriptor

	Invocation        string
	Started, Finished time.Time
	// Builder is the version of the program that has built.
	Builder string
}

// ConfigSource is where the Dockerfile is.
type ConfigSource struct {
	URI    string    // of a context that was fetched, without credentials
	Digest DigestSet // of that
	Path   string
}

// DigestSet is digests by their algorithms.
type DigestSet map[string]string

// Input is a secret or an agent that a step asks for.
type Input struct {
	ID       string `json:"id"`
	Optional bool   `json:"optional,omitempty"`
}

// Material is what a build was made of.
type Material struct {
	URI    string    `json:"uri"`
	Digest DigestSet `json:"digest,omitempty"`
}

// Predicate is a rendering of a build.
type Predicate struct {
	Type string // of the predicate
	Body any    // as JSON
}

// Predicate says what the options want to have said.
func (b Build) Predicate(o Options) (Predicate, error) {
	if o.Complete && len(b.Locals) > 0 {
		return Predicate{}, fmt.Errorf("complete-materials=true: the content of %s has no digest that would say what it was; build from an address of git", strings.Join(b.Locals, ", "))
	}
	v1 := b.v1(o)
	if o.Version == V02 {
		return Predicate{"https://slsa.dev/provenance/v0.2", v1.v02()}, nil
	}
	return Predicate{"https://slsa.dev/provenance/v1", v1}, nil
}

// Record says everything, in version 0.2, and with brief without steps and times: what buildx puts into its metadata file.
func (b Build) Record(brief bool) any {
	v := b.v1(Options{Mode: Max}).v02()
	if brief {
		v.Config, v.Metadata = nil, nil
	}
	return v
}

// request is what was asked for, as far as the mode lets it be told. complete says that this is all of it.
func (b Build) request(mode Mode) (r parameters, complete bool) {
	r.Frontend, complete = "dockerfile.v0", true
	r.Arguments = map[string]string{}
	for name, value := range b.Arguments {
		if mode == Min && (strings.HasPrefix(name, "build-arg:") || strings.HasPrefix(name, "label:")) {
			complete = false
			continue
		}
		r.Arguments[name] = value
	}
	if mode == Max {
		r.Secrets, r.SSH = sorted(b.Secrets), sorted(b.SSH)
	}
	for _, name := range slices.Sorted(slices.Values(b.Locals)) {
		r.Locals = append(r.Locals, local{name})
	}
	return r, complete
}

// sorted has each input once, and only optional when it is so everywhere.
func sorted(inputs []Input) []Input {
	byID := map[string]Input{}
	for _, in := range inputs {
		if before, ok := byID[in.ID]; ok {
			in.Optional = in.Optional && before.Optional
		}
		byID[in.ID] = in
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b Input) int { return strings.Compare(a.ID, b.ID) })
}

// materials are in the order of their addresses, each once.
func (b Build) materials() []Material {
	out := slices.Clone(b.Materials)
	slices.SortStableFunc(out, func(a, b Material) int { return strings.Compare(a.URI, b.URI) })
	return slices.CompactFunc(out, func(a, b Material) bool { return a.URI == b.URI })
}
