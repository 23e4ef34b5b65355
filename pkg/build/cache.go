package build

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/image"
)

// made is a chain of layers, and when each was made.
type made struct {
	layers []madeLayer
	cached bool // all of it was there before
}

type madeLayer struct {
	image.Layer
	created time.Time
}

// top is the id of the newest layer, or empty.
func (m made) top() string {
	if len(m.layers) == 0 {
		return ""
	}
	return m.layers[len(m.layers)-1].ID
}

// with is m and one layer more; m stays as it is.
func (m made) with(l madeLayer, cached bool) made {
	return made{layers: append(m.layers[:len(m.layers):len(m.layers)], l), cached: m.cached && cached}
}

// stepRecord is the file of a step in the cache: the layer that it made. It is a hint: the layer may be gone.
type stepRecord struct {
	Layer   string        `json:"layer"`
	Parent  string        `json:"parent,omitempty"` // the layer below
	DiffID  digest.Digest `json:"diffID"`
	Size    int64         `json:"size"`
	Created time.Time     `json:"created"`
	Step    string        `json:"step"` // for people
}

// recordPath is where the record with this key is, in one of 256 directories.
func (b *Builder) recordPath(key string) string { return filepath.Join(b.cacheDir(), key[:2], key) }

// cached gives the layer over parent that an earlier step with this key made, if it is still there.
func (b *Builder) cached(parent made, key string) (madeLayer, bool) {
	r, ok := b.readRecord(key)
	if !ok {
		return madeLayer{}, false
	}
	// The id says what the chain below the layer is.
	if image.ChainID(parent.top(), r.DiffID) != r.Layer {
		return madeLayer{}, false
	}
	if !touch(b.recordPath(key)) || !b.hasLayer(r.Layer, len(parent.layers)+1) {
		return madeLayer{}, false
	}
	return madeLayer{image.Layer{ID: r.Layer, DiffID: r.DiffID, Size: r.Size, Found: true}, r.Created}, true
}

func (b *Builder) readRecord(key string) (r stepRecord, ok bool) {
	text, err := os.ReadFile(b.recordPath(key))
	return r, err == nil && json.Unmarshal(text, &r) == nil && r.DiffID.Validate() == nil
}

// touch notes that the record at path is used now. It is false when the record is being pruned: prune moves a record away, and puts it
// back when it has been touched since it was chosen; so either prune sees the new time, or this sees that the record has gone.
func touch(path string) bool {
	now := time.Now()
	if os.Chtimes(path, now, now) != nil {
		return false
	}
	_, err := os.Lstat(path)
	return err == nil
}

// hasLayer reports whether a layer is there with those below it, n in all. The record is written before the layer is, so another build may be at that still.
func (b *Builder) hasLayer(id string, n int) bool {
	_, err := b.chainOf(id, n)
	return err == nil && id != "" && b.Images.HasLayer(id)
}

// remember writes the record of a step that was done. A cache that cannot be written costs time later and nothing now.
func (b *Builder) remember(key, parent string, l madeLayer, text string) error {
	b.keepFindable(key, l.ID)
	if err := b.writeRecord(key, stepRecord{Layer: l.ID, Parent: parent, DiffID: l.DiffID, Size: l.Size, Created: l.created, Step: text}); err != nil {
		b.Warn(fmt.Sprintf("this step cannot be remembered for later builds: %s", err))
	}
	return failpoint.Hit("build.remembered")
}

// keepFindable gives a record that is about to be replaced another name: of the layer that it leads to nobody else may know, and then
// prune could not find it.
func (b *Builder) keepFindable(key, layer string) {
	var old stepRecord
	record, err := os.ReadFile(b.recordPath(key))
	if err != nil || json.Unmarshal(record, &old) != nil || old.Layer == layer {
		return
	}
	if err := b.writeRecord(sum("replaced", old.Layer), old); err != nil {
		b.Warn(fmt.Sprintf("layer %s of an earlier build may stay behind: %s", image.ShortID(old.Layer), err))
	}
}

func (b *Builder) writeRecord(key string, record any) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	path := b.recordPath(key)
	err = atomicfile.WriteVolatile(path, text)
	if errors.Is(err, os.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = atomicfile.WriteVolatile(path, text)
		}
	}
	return err
}
