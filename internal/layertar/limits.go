package layertar

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/pod-engine/pod/internal/hint"
)

// Limits bound what the layers of one image, or another archive, may become.
type Limits struct {
	// Bytes is how much it may unpack to, all layers together, holes of sparse files included. Zero: no limit.
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
	archive           bool // of an archive that is no image
	streamed, logical atomic.Int64
}

// NewBudget gives the budget of one image.
func NewBudget(l Limits) *Budget { return &Budget{limits: l} }

// Mark is how much of a budget was used.
type Mark struct{ streamed, logical int64 }

// Mark gives it.
func (b *Budget) Mark() Mark { return Mark{b.streamed.Load(), b.logical.Load()} }

// Reset gives back what was used since the mark, for a layer that is read once more.
func (b *Budget) Reset(m Mark) {
	b.streamed.Store(m.streamed)
	b.logical.Store(m.logical)
}

// stream counts n more bytes of a layer of which packed bytes have been read and unpacked come out so far.
func (b *Budget) stream(n, packed, unpacked int64) error {
	if b.limits.Ratio > 0 && unpacked > ratioFloor && unpacked/b.limits.Ratio > packed {
		return b.tooMuch(fmt.Errorf("%d bytes unpack to more than %d times as much", packed, b.limits.Ratio))
	}
	return b.within(b.streamed.Add(n))
}

// NewArchiveBudget gives the budget of one archive that is no image.
func NewArchiveBudget(l Limits) *Budget { return &Budget{limits: l, archive: true} }

// File counts a file by the size that it will have.
func (b *Budget) File(size int64) error { return b.within(b.logical.Add(size)) }

func (b *Budget) within(total int64) error {
	if b.limits.Bytes > 0 && total > b.limits.Bytes {
		if b.archive {
			return b.tooMuch(fmt.Errorf("the archive unpacks to more than %d bytes", b.limits.Bytes))
		}
		return b.tooMuch(fmt.Errorf("the image unpacks to more than %d bytes", b.limits.Bytes))
	}
	return nil
}

func (b *Budget) tooMuch(err error) error {
	flag := "--unpack-limit SIZE"
	if b.archive {
		flag = "POD_UNPACK_LIMIT=SIZE"
	}
	return hint.Wrap(err, "if that is meant: "+flag+", or image_unpack_limit in containers.conf")
}

// Measure unpacks r, which may be compressed or not, and refuses what does not fit into the budget. Nothing of it is kept.
func (b *Budget) Measure(r io.Reader) error {
	source := &counted{r: r, n: new(atomic.Int64), word: "layer"}
	plain, err := Decompress(source)
	if err != nil {
		return source.blame(err)
	}
	defer plain.Close()
	buf := make([]byte, chunkSize)
	for total := int64(0); ; {
		n, err := plain.Read(buf)
		total += int64(n)
		if err := b.stream(int64(n), source.n.Load(), total); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return source.blame(err)
		}
	}
}
