package transfer

import (
	"io"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"go.podman.io/image/v5/types"
)

// bars are the bars of one copy: one for each blob that is on its way, by digest, and below them the sum of them all.
type bars struct {
	pool  *mpb.Progress
	of    map[string]*bar
	total *bar
}

// bar is a bar, and when it moved last, which its speed is computed from.
type bar struct {
	*mpb.Bar
	at, size int64
	moved    time.Time
}

// The columns beside a bar.
const (
	counters = "%.1f / %.1f"
	speed    = "% .1f"
	// smoothing is for how many updates, of a tenth of a second, the speed is averaged.
	smoothing = 30
	// last is the priority of the sum: mpb draws the highest at the bottom.
	last = 1 << 20
)

func newBars(out io.Writer) *bars {
	return &bars{pool: mpb.New(mpb.WithOutput(out), mpb.WithWidth(40)), of: map[string]*bar{}}
}

func (b *bars) show(e types.ProgressProperties) {
	key := e.Artifact.Digest.String()
	one := b.of[key]
	if one == nil {
		one = b.begin(e)
		b.of[key] = one
	}
	switch e.Event {
	case types.ProgressEventRead:
		b.advance(one, int64(e.Offset))
	case types.ProgressEventDone, types.ProgressEventSkipped:
		one.size = max(one.size, int64(e.Offset), 1)
		b.advance(one, one.size)
		one.SetTotal(one.size, true)
	}
}

// begin adds the bar of a blob. What is here already needs no transfer, so it counts nothing in the sum.
func (b *bars) begin(e types.ProgressProperties) *bar {
	done := "done"
	one := &bar{size: max(e.Artifact.Size, 0), moved: time.Now()}
	if e.Event == types.ProgressEventSkipped {
		done = "already here"
	} else {
		b.grow(one.size)
	}
	one.Bar = b.pool.AddBar(one.size,
		mpb.PrependDecorators(decor.Name(short(e), decor.WC{C: decor.DSyncSpaceR})),
		mpb.AppendDecorators(
			decor.OnComplete(decor.CountersKibiByte(counters), done),
			decor.OnComplete(decor.Name("  "), ""),
			decor.OnComplete(decor.EwmaSpeed(decor.SizeB1024(0), speed, smoothing), ""),
		),
		mpb.BarFillerClearOnComplete(),
	)
	return one
}

// grow makes the sum larger by a blob; the first makes it.
func (b *bars) grow(size int64) {
	if b.total == nil {
		b.total = &bar{moved: time.Now()}
		b.total.Bar = b.pool.AddBar(0,
			mpb.BarPriority(last),
			mpb.PrependDecorators(decor.Name("total", decor.WC{C: decor.DSyncSpaceR})),
			mpb.AppendDecorators(decor.CountersKibiByte(counters), decor.Name("  "), decor.EwmaSpeed(decor.SizeB1024(0), speed, smoothing)),
		)
	}
	b.total.size += size
	b.total.SetTotal(b.total.size, false)
}

func (b *bars) advance(one *bar, to int64) {
	if b.total != nil && to > one.at {
		b.total.move(b.total.at + to - one.at)
	}
	one.move(to)
}

func (b *bar) move(to int64) {
	now := time.Now()
	b.EwmaSetCurrent(to, now.Sub(b.moved))
	b.at, b.moved = to, now
}

func (b *bars) finish() {
	for _, one := range b.of {
		one.Abort(false)
	}
	if b.total != nil {
		b.total.Abort(false)
	}
	b.pool.Wait()
}
