package build

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/image"
)

// imageRecord is the file of a finished image in the cache: the same build gives the same image, with its time.
type imageRecord struct {
	Image   string    `json:"image"`
	Created time.Time `json:"created"`
}

// record makes the image of what the target has made. Jobs of a session that have made the same give one image its names, one after the other.
func (s *Session) record(ctx context.Context, job *Job, one *oneBuild) (*image.Image, error) {
	p, m := one.solve.plan, one.made
	target := p.Stages[len(p.Stages)-1]
	key := imageKey(job, one.platform, m.top(), target.Config)
	leave, err := s.enter(ctx, key)
	if err != nil {
		return nil, err
	}
	defer leave()
	created := time.Now().UTC()
	var known imageRecord
	raw, err := os.ReadFile(s.recordPath(key))
	if err == nil && json.Unmarshal(raw, &known) == nil && (!job.NoCache || s.has(key)) {
		created = known.Created
		if img, err := s.Images.Lookup(ctx, known.Image); err == nil && m.cached && hasNames(img, job.Names) {
			return img, nil
		}
	}
	if job.Epoch != nil {
		created = job.Epoch.UTC()
	}
	img, err := s.add(ctx, job, one, created)
	if err != nil {
		return nil, err
	}
	if err := s.writeRecord(key, imageRecord{img.ID, created}); err != nil {
		s.Warn(fmt.Sprintf("this image cannot be remembered for later builds: %s", err))
	}
	s.done([]string{key})
	return img, nil
}

// add records the image in the store.
func (s *Session) add(ctx context.Context, job *Job, one *oneBuild, created time.Time) (*image.Image, error) {
	p, m := one.solve.plan, one.made
	config, err := json.Marshal(s.complete(p.Stages[len(p.Stages)-1], m, created, job))
	if err == nil && job.InlineCache {
		config, err = inlineCache(config, m.layers, one.solve.notes.sorted(one.solve.chain()))
	}
	if err != nil {
		return nil, err
	}
	layers := make([]image.Layer, len(m.layers))
	for i, l := range m.layers {
		layers[i] = l.Layer
	}
	img, err := s.Images.AddImage(ctx, image.NewImage{
		Config: config, Layers: layers, Docker: job.Docker, Annotations: job.Annotations.For(one.platform), Names: job.Names,
	})
	return img, s.Images.Full(gone(err))
}

// imageKey is the key of the record of an image with the layer top. With an epoch the same layers make another image, and the time of that is no other
// build's.
func imageKey(job *Job, p plan.Platform, top string, config plan.Config) string {
	return sum("image", keyVersion, top, text(config), text(job.Annotations.For(p)), text(job.Epoch), fmt.Sprint(job.Docker, job.InlineCache, job.OmitHistory))
}

// hasNames reports whether the image has the names, so that there is nothing to write.
func hasNames(img *image.Image, names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(img.Names, n) })
}

// complete puts layers and times into the configuration that the plan has.
func (b *Builder) complete(target plan.Stage, m made, created time.Time, job *Job) plan.Config {
	config := target.Config
	config.Created = &created
	config.RootFS = specs.RootFS{Type: "layers", DiffIDs: nil}
	for _, l := range m.layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.DiffID)
	}
	if job.OmitHistory {
		config.History = nil
		return config
	}
	config.History = slices.Clone(config.History)
	// Layers are counted from the end: an image that was imported may have more of them than of history.
	next := len(m.layers) - 1
	for i := len(config.History) - 1; i >= 0; i-- {
		h := &config.History[i]
		when := created
		if !h.EmptyLayer && next >= 0 {
			when = m.layers[next].created
			next--
		}
		if job.Epoch != nil && h.Comment == plan.HistoryComment {
			when = job.Epoch.UTC()
		}
		if h.Created == nil && h.Comment == plan.HistoryComment {
			h.Created = &when
		}
	}
	return config
}
