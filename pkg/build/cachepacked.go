package build

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/pkg/image"
)

// packedKey is the name under which the store keeps, with a layer, what the layer is when it is compressed at a level. It goes with the layer.
func packedKey(level int) string { return fmt.Sprintf("pod-cache-zstd-%d", level) }

// packedLayer is a layer as caches have it.
type packedLayer struct {
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size"`
	DiffID digest.Digest `json:"diffID"`
}

// knownLayer takes a layer into the cache that has been compressed for a cache before. Its blob is in the directory already, or is left out: who the cache
// is sent to may have it.
func (w *cacheWriter) knownLayer(l madeLayer) (n int, ok bool) {
	lib, err := w.Images.Library()
	if err != nil || w.anew {
		return 0, false
	}
	f, err := lib.LayerBigData(l.ID, packedKey(w.Level))
	if err != nil {
		return 0, false
	}
	defer f.Close()
	var known packedLayer
	if json.NewDecoder(f).Decode(&known) != nil || known.DiffID != l.DiffID || known.Digest.Validate() != nil {
		return 0, false
	}
	if !w.hasBlob(known.Digest) {
		if w.Send == nil {
			return 0, false
		}
		w.leftOut = true
	}
	fmt.Fprintf(w.tell, "layer %s: %d bytes, compressed before\n", image.ShortID(l.ID), known.Size)
	return w.add(specs.Descriptor{Digest: known.Digest, Size: known.Size}, known.DiffID), true
}

// hasBlob reports whether a blob is in the directory, whole.
func (w *cacheWriter) hasBlob(want digest.Digest) bool {
	f, err := os.Open(filepath.Join(w.blobs(), want.Encoded()))
	if err != nil {
		return false
	}
	defer f.Close()
	have, err := want.Algorithm().FromReader(f)
	return err == nil && have == want
}

// noteLayer has the store remember what a layer is compressed. It saves work later, so that no error is worth a word.
func (w *cacheWriter) noteLayer(l madeLayer, blob specs.Descriptor) {
	text, err := json.Marshal(packedLayer{blob.Digest, blob.Size, l.DiffID})
	if err != nil {
		return
	}
	if lib, err := w.Images.Library(); err == nil {
		lib.SetLayerBigData(l.ID, packedKey(w.Level), bytes.NewReader(text))
	}
}

// add gives a blob the next number.
func (w *cacheWriter) add(blob specs.Descriptor, diffID digest.Digest) int {
	blob.MediaType = cacheLayerType
	n := len(w.layers)
	w.layers = append(w.layers, blob)
	w.config.RootFS.DiffIDs = append(w.config.RootFS.DiffIDs, diffID)
	w.numbers[diffID] = n
	return n
}
