package build

import (
	"fmt"
	"strings"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/build/provenance"
	"github.com/pod-engine/pod/pkg/image"
)

// provenance is what is known of how the target was made.
func (s *solve) provenance() provenance.Build {
	b := provenance.Build{
		Config:    provenance.ConfigSource{URI: s.job.Dockerfile.Origin.URI, Digest: s.job.Dockerfile.Origin.Digest, Path: s.job.Dockerfile.Path},
		Arguments: s.job.arguments(), VCS: s.job.Attest.VCS,
		BuildPlatform: s.job.Request.BuildPlatform, TargetPlatform: s.platform, Dockerfile: s.job.Dockerfile.Text,
	}
	locals := map[string]bool{}
	if s.job.Dockerfile.Origin.URI == "" {
		locals["dockerfile"] = true
	}
	for key := range s.images {
		b.Materials = append(b.Materials, s.imageMaterial(key))
	}
	if from := s.job.Dockerfile.Origin; from.URI != "" {
		b.Materials = append(b.Materials, from.material())
	}
	for _, stage := range s.plan.Stages {
		s.contextProvenance(&b, stage.Base, locals)
		for _, step := range stage.Steps {
			s.stepProvenance(&b, step, locals)
		}
	}
	for name := range locals {
		b.Locals = append(b.Locals, name)
	}
	var layered map[string]string
	b.Steps, b.Lines, layered = provenance.Describe(s.plan, s.identifier)
	b.Layers = s.chains(layered)
	return b
}

// contextProvenance adds a context that is read.
func (s *solve) contextProvenance(b *provenance.Build, from plan.Source, locals map[string]bool) {
	if from.Context == "" {
		return
	}
	if tree, err := s.contextTree(from.Context); err == nil && tree.Origin.URI != "" {
		b.Materials = append(b.Materials, tree.Origin.material())
		return
	}
	locals[localName(from.Context)] = true
}

// stepProvenance adds what a step reads.
func (s *solve) stepProvenance(b *provenance.Build, step plan.Step, locals map[string]bool) {
	read := func(from plan.Source) { s.contextProvenance(b, from, locals) }
	if c := step.Copy; c != nil {
		if len(c.Paths) > 0 {
			read(c.From)
		}
		for _, word := range c.URLs {
			b.Materials = append(b.Materials, s.origins.of(word, c.Checksum).material())
		}
	}
	if r := step.Run; r != nil {
		network := r.Network
		if network == "" {
			network = s.job.Run.Network.Mode
		}
		b.Network = b.Network || network != "none"
		for _, m := range r.Mounts {
			if m.From != nil {
				read(*m.From)
			}
			switch m.Type {
			case plan.MountSecret:
				b.Secrets = append(b.Secrets, provenance.Input{ID: m.ID, Optional: !m.Required})
			case plan.MountSSH:
				b.SSH = append(b.SSH, provenance.Input{ID: m.ID, Optional: !m.Required})
			}
		}
	}
}

// localName is what BuildKit calls a directory of the caller's.
func localName(context string) string {
	if context == plan.MainContext {
		return "context"
	}
	return context
}

// identifier names a source as BuildKit's LLB does.
func (s *solve) identifier(from plan.Source) string {
	if from.Context != "" {
		if tree, err := s.contextTree(from.Context); err == nil && tree.Origin.URI != "" {
			return tree.Origin.URI
		}
		return "local://" + localName(from.Context)
	}
	name, sum := s.imageName(from.Image)
	if name == "" {
		return "oci-layout://" + s.contextOf(plan.NeedOf(from.Image).Name) + "@" + sum
	}
	return "docker-image://" + strings.TrimSuffix(name+"@"+sum, "@")
}

// imageName is the full name of an image as it was asked for, and the digest of its manifest. An image that was asked for by its id may have none.
func (s *solve) imageName(key string) (name, sum string) {
	need, img := plan.NeedOf(key), s.images[key]
	name, sum, byDigest := strings.Cut(need.Name, "@")
	if byDigest {
		return name, sum
	}
	if full := img.NameFor(name); full != "" {
		name = full
	} else if n, err := image.ParseName(name); err == nil {
		name = n.Tagged().String()
	} else if tags := img.Tags(); len(tags) > 0 {
		name = tags[0]
	} else {
		name = ""
	}
	sum = img.Digest
	if entry, err := s.Images.EntryOf(img); sum == "" && err == nil {
		sum = entry.Digest.String()
	}
	return name, sum
}

func (s *solve) imageMaterial(key string) provenance.Material {
	need := plan.NeedOf(key)
	name, sum := s.imageName(key)
	var m provenance.Material
	switch {
	case name == "": // it came out of a layout
		m.URI = provenance.LocalImageURL(s.contextOf(need.Name), sum, need.Platform)
	case strings.Contains(need.Name, "@"):
		m.URI = provenance.ImageURL(name+"@"+sum, need.Platform)
	default:
		m.URI = provenance.ImageURL(name, need.Platform)
	}
	if algorithm, hex, ok := strings.Cut(sum, ":"); ok {
		m.Digest = provenance.DigestSet{algorithm: hex}
	}
	return m
}

// contextOf is the context by whose name an image is called.
func (s *solve) contextOf(id string) string {
	for name, value := range s.job.Request.Contexts {
		if value == "image:"+id {
			return name
		}
	}
	return id
}

// arguments are what was asked for, in the words in which docker asks BuildKit.
func (j *Job) arguments() map[string]string {
	out := map[string]string{}
	for name, value := range j.Request.Args {
		if strings.HasSuffix(strings.ToLower(name), "_proxy") {
			value = provenance.Redact(value) // the caller's, and nobody's to read
		}
		out["build-arg:"+name] = value
	}
	for name, value := range j.Request.Labels {
		out["label:"+name] = value
	}
	for name, value := range j.Request.Contexts {
		what := "local:" + name
		if img, ok := strings.CutPrefix(value, "image:"); ok {
			what = "docker-image://" + img
		} else if tree := j.Contexts[name]; tree != nil && tree.Origin.URI != "" {
			what = tree.Origin.URI
		}
		out["context:"+name] = what
	}
	if j.Request.Target != "" {
		out["target"] = j.Request.Target
	}
	if j.NoCache || len(j.Request.NoCacheFilter) > 0 {
		out["no-cache"] = strings.Join(j.Request.NoCacheFilter, ",")
	}
	if mode := j.Run.Network.Mode; mode == "host" || mode == "none" {
		out["force-network-mode"] = mode
	}
	if len(j.Run.Network.AddHosts) > 0 {
		out["add-hosts"] = strings.Join(j.Run.Network.AddHosts, ",")
	}
	return out
}

// chains are the layers that each step ends with, unpacked ones, by the steps that provenance tells of.
func (s *solve) chains(layered map[string]string) map[string][]specs.Descriptor {
	out := map[string][]specs.Descriptor{}
	for _, stage := range s.plan.Stages {
		layers := s.stages[stage.Index].made.layers
		var steps []int
		for i, step := range stage.Steps {
			if step.Layered() {
				steps = append(steps, i)
			}
		}
		// Each makes one layer; what is below is the base's.
		for n, i := range steps {
			id := layered[fmt.Sprintf("%d.%d", stage.Index, i)]
			for _, l := range layers[:max(0, len(layers)-len(steps)+n+1)] {
				out[id] = append(out[id], specs.Descriptor{MediaType: specs.MediaTypeImageLayer, Digest: l.DiffID, Size: l.Size})
			}
		}
	}
	return out
}
