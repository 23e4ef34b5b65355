package layertar

import (
	"fmt"
	"sync/atomic"

	"github.com/pod-engine/pod/internal/hint"
)

// Limits bound what the layers of one image may become.
type Limits struct {
	// Bytes is how much all layers together may unpack to, holes of sparse files included. Zero: no limit.
	Bytes int64
	// Ratio is how many bytes may come out of one packed byte of a layer, once more than a gibibyte has come out. Zero: any number.
	Ratio int64
}

// Default is what holds when the user says nothing. Images for machine learning have tens of gigabytes; what is packed tighter than
// the ratio is next to nothing but zeroes.
func Default() Limits { return Limits{Bytes: 128 << 30, Ratio: 250} }

// What no limit of the user's changes: an image beyond these is of no use, and costs far more than its size.
const (
	ratioFloor = 1 << 30
	maxEntries = 5_000_000 // of one layer; the unpacker keeps every directory in memory
	maxName    = 4096      // PATH_MAX
	maxDepth   = 512       // components of a path; each is looked up for every entry
)

// Budget is what is left of the limits of one image. It may be used for several layers at once.
type Budget struct {
	limits            Limits
	streamed, logical atomic.Int64
}

// NewBudget gives the budget of one image.
func NewBudget(l Limits) *Budget { return &Budget{limits: l} }

// stream counts n more bytes of a layer of which packed bytes have been read and unpacked come out so far.
func (b *Budget) stream(n, packed, unpacked int64) error {
	if b.limits.Ratio > 0 && unpacked > ratioFloor && unpacked/b.limits.Ratio > packed {
		return tooMuch(fmt.Errorf("%d bytes unpack to more than %d times as much", packed, b.limits.Ratio))
	}
	return b.within(b.streamed.Add(n))
}

// file counts a file by the size that it will have.
func (b *Budget) file(size int64) error { return b.within(b.logical.Add(size)) }

func (b *Budget) within(total int64) error {
	if b.limits.Bytes > 0 && total > b.limits.Bytes {
		return tooMuch(fmt.Errorf("the image unpacks to more than %d bytes", b.limits.Bytes))
	}
	return nil
}

func tooMuch(err error) error {
	return hint.Wrap(err, "if that is meant: --unpack-limit SIZE, or image_unpack_limit in containers.conf")
}
