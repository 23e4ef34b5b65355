package provenance

import (
	"time"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Build types say by what rules the rest is read; these are BuildKit's, since the rest is.
const (
	buildType1  = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"
	buildType02 = "https://mobyproject.org/buildkit@v1"
)

// predicateV1 is SLSA v1 with BuildKit's extensions.
type predicateV1 struct {
	Definition definition `json:"buildDefinition"`
	Run        runDetails `json:"runDetails"`
}

type definition struct {
	BuildType    string     `json:"buildType"`
	External     external   `json:"externalParameters"`
	Internal     internal   `json:"internalParameters"`
	Dependencies []Material `json:"resolvedDependencies,omitempty"`
}

type external struct {
	Config  configV1   `json:"configSource"`
	Request parameters `json:"request"`
}

type configV1 struct {
	URI    string    `json:"uri,omitempty"`
	Digest DigestSet `json:"digest,omitempty"`
	Path   string    `json:"path,omitempty"`
}

type parameters struct {
	Frontend  string            `json:"frontend,omitempty"`
	Arguments map[string]string `json:"args,omitempty"`
	Secrets   []Input           `json:"secrets,omitempty"`
	SSH       []Input           `json:"ssh,omitempty"`
	Locals    []local           `json:"locals,omitempty"`
}

type local struct {
	Name string `json:"name"`
}

type internal struct {
	Config   *buildConfig `json:"buildConfig,omitempty"`
	Platform string       `json:"builderPlatform"`
	Target   string       `json:"targetPlatform,omitempty"`
}

type buildConfig struct {
	Steps []Step `json:"llbDefinition,omitempty"`
}

type runDetails struct {
	Builder  builder    `json:"builder"`
	Metadata metadataV1 `json:"metadata"`
}

type builder struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version,omitempty"`
}

type metadataV1 struct {
	Invocation   string       `json:"invocationId,omitempty"`
	Started      *time.Time   `json:"startedOn,omitempty"`
	Finished     *time.Time   `json:"finishedOn,omitempty"`
	More         extension    `json:"buildkit_metadata"`
	Hermetic     bool         `json:"buildkit_hermetic,omitempty"`
	Completeness completeness `json:"buildkit_completeness"`
	Reproducible bool         `json:"buildkit_reproducible,omitempty"`
}

type completeness struct {
	Request      bool `json:"request"`
	Dependencies bool `json:"resolvedDependencies"`
}

// extension is what BuildKit says beyond SLSA.
type extension struct {
	VCS    map[string]string               `json:"vcs,omitempty"`
	Source *source                         `json:"source,omitempty"`
	Layers map[string][][]specs.Descriptor `json:"layers,omitempty"`
}

type source struct {
	Locations map[string]locations `json:"locations,omitempty"`
	Infos     []sourceInfo         `json:"infos,omitempty"`
}

type sourceInfo struct {
	Filename string `json:"filename,omitempty"`
	Language string `json:"language,omitempty"`
	Data     []byte `json:"data,omitempty"`
}

type locations struct {
	Locations []location `json:"locations"`
}

type location struct {
	Ranges []lines `json:"ranges"`
}

type lines struct {
	Start line `json:"start"`
	End   line `json:"end"`
}

type line struct {
	Line int `json:"line"`
}

func (b Build) v1(o Options) predicateV1 {
	request, complete := b.request(o.Mode)
	p := predicateV1{
		Definition: definition{
			BuildType:    buildType1,
			External:     external{Config: configV1(b.Config), Request: request},
			Internal:     internal{Platform: b.BuildPlatform.String(), Target: b.TargetPlatform.String()},
			Dependencies: b.materials(),
		},
		Run: runDetails{
			Builder: builder{ID: o.BuilderID},
			Metadata: metadataV1{
				Invocation: b.Invocation, Started: moment(b.Started), Finished: moment(b.Finished), More: extension{VCS: b.VCS},
				Hermetic: len(b.Locals) == 0 && !b.Network, Reproducible: o.Reproducible,
				Completeness: completeness{Request: complete, Dependencies: len(b.Locals) == 0},
			},
		},
	}
	if b.Builder != "" {
		p.Run.Builder.Version = map[string]string{"pod": b.Builder}
	}
	if o.Mode == Max {
		p.Definition.Internal.Config = &buildConfig{b.Steps}
		p.Run.Metadata.More.Source, p.Run.Metadata.More.Layers = b.source(), b.chains()
	}
	return p
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// source is the Dockerfile with the lines of its steps.
func (b Build) source() *source {
	if b.Dockerfile == nil {
		return nil
	}
	s := &source{Infos: []sourceInfo{{b.Config.Path, "Dockerfile", b.Dockerfile}}, Locations: map[string]locations{}}
	for id, at := range b.Lines {
		s.Locations[id] = locations{[]location{{[]lines{{line{at[0]}, line{at[1]}}}}}}
	}
	return s
}

// chains are the layers of each step that has any, as BuildKit has them: for each output all ways to make it, of which there is one.
func (b Build) chains() map[string][][]specs.Descriptor {
	if len(b.Layers) == 0 {
		return nil
	}
	out := map[string][][]specs.Descriptor{}
	for id, layers := range b.Layers {
		out[id+":0"] = [][]specs.Descriptor{layers}
	}
	return out
}

// predicateV02 is SLSA v0.2 with BuildKit's extensions.
type predicateV02 struct {
	Builder    builder      `json:"builder"`
	BuildType  string       `json:"buildType"`
	Materials  []Material   `json:"materials,omitempty"`
	Invocation invocation   `json:"invocation"`
	Config     *buildConfig `json:"buildConfig,omitempty"`
	Metadata   *metadataV02 `json:"metadata,omitempty"`
}

type invocation struct {
	Config      configV02   `json:"configSource"`
	Parameters  parameters  `json:"parameters"`
	Environment environment `json:"environment"`
}

type configV02 struct {
	URI    string    `json:"uri,omitempty"`
	Digest DigestSet `json:"digest,omitempty"`
	Path   string    `json:"entryPoint,omitempty"`
}

type environment struct {
	Platform string `json:"platform"`
}

type metadataV02 struct {
	Invocation   string          `json:"buildInvocationID,omitempty"`
	Started      *time.Time      `json:"buildStartedOn,omitempty"`
	Finished     *time.Time      `json:"buildFinishedOn,omitempty"`
	Completeness completenessV02 `json:"completeness"`
	Reproducible bool            `json:"reproducible"`
	More         extension       `json:"https://mobyproject.org/buildkit@v1#metadata"`
	Hermetic     bool            `json:"https://mobyproject.org/buildkit@v1#hermetic,omitempty"`
}

type completenessV02 struct {
	Parameters  bool `json:"parameters"`
	Environment bool `json:"environment"`
	Materials   bool `json:"materials"`
}

// v02 says the same in the older version, which has no place for the version of the builder and for the target's platform.
func (p predicateV1) v02() predicateV02 {
	d, m := p.Definition, p.Run.Metadata
	return predicateV02{
		Builder: builder{ID: p.Run.Builder.ID}, BuildType: buildType02, Materials: d.Dependencies,
		Invocation: invocation{configV02(d.External.Config), d.External.Request, environment{d.Internal.Platform}},
		Config:     d.Internal.Config,
		Metadata: &metadataV02{
			Invocation: m.Invocation, Started: m.Started, Finished: m.Finished, Reproducible: m.Reproducible, More: m.More, Hermetic: m.Hermetic,
			Completeness: completenessV02{m.Completeness.Request, true, m.Completeness.Dependencies},
		},
	}
}
