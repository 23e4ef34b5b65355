package image

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/vbatts/tar-split/archive/tar"
	"github.com/vbatts/tar-split/tar/asm"
	splitstorage "github.com/vbatts/tar-split/tar/storage"
	drivers "go.podman.io/storage/drivers"
	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

// describedLayer is what the store records about a layer, all of it found by reading its tar stream once.
type describedLayer struct {
	digest     digest.Digest
	size       int64
	uids, gids map[uint32]bool
	split      *os.File // headers and checksums (tar-split), from which the library makes the same stream again
}

// read takes in the stream and copies it to w.
func (d *describedLayer) read(stream io.Reader, w io.Writer) error {
	sum := digest.Canonical.Digester()
	buffered := bufio.NewWriterSize(d.split, 1<<16)
	owners := &ownerPacker{Packer: splitstorage.NewJSONPacker(buffered), uids: map[uint32]bool{}, gids: map[uint32]bool{}}
	in := io.TeeReader(stream, sum.Hash())
	parsed, packed, err := asm.NewInputTarStreamWithDone(in, owners, splitstorage.NewDiscardFilePutter())
	if err != nil {
		return err
	}
	d.size, err = io.CopyBuffer(w, parsed, make([]byte, 1<<18))
	parsed.Close()
	if splitErr := <-packed; err == nil {
		err = splitErr
	}
	if err == nil {
		err = buffered.Flush()
	}
	d.digest, d.uids, d.gids = sum.Digest(), owners.uids, owners.gids
	return err
}

// ownerPacker notes the owners in the headers that pass on their way into the record of the stream: to read the stream once more for them would cost
// as much as its digest.
type ownerPacker struct {
	splitstorage.Packer
	uids, gids map[uint32]bool
	header     []byte // what came since the last file: the end of its last block, and the next one's header
}

// AddEntry is of splitstorage.Packer.
func (o *ownerPacker) AddEntry(e splitstorage.Entry) (int, error) {
	const block = 512
	if e.Type == splitstorage.SegmentType {
		if len(o.header)+len(e.Payload) <= maxHeader {
			o.header = append(o.header, e.Payload...)
		}
		return o.Packer.AddEntry(e)
	}
	header := o.header[len(o.header)%block:]
	h, err := tar.NewReader(bytes.NewReader(header)).Next()
	if err != nil {
		return 0, fmt.Errorf("the header of %q: %w", e.GetName(), err)
	}
	o.header = o.header[:0]
	if !strings.HasPrefix(path.Base(h.Name), archive.WhiteoutPrefix) {
		o.uids[uint32(h.Uid)], o.gids[uint32(h.Gid)] = true, true
	}
	return o.Packer.AddEntry(e)
}

// maxHeader bounds what is kept of one header, in bytes; the library's own bound for a PAX header is less.
const maxHeader = 4 << 20

// output is the description in the library's words. mode is that of the layer's root; nil: that of the layer below.
func (d *describedLayer) output(mode *fs.FileMode) drivers.DriverWithDifferOutput {
	out := drivers.DriverWithDifferOutput{
		Size: d.size, UncompressedDigest: d.digest, CompressedDigest: d.digest, RootDirMode: mode, TarSplit: d.split,
		UIDs: slices.Sorted(maps.Keys(d.uids)), GIDs: slices.Sorted(maps.Keys(d.gids)),
	}
	d.split = nil // the library closes it
	return out
}

func (d *describedLayer) close() {
	if d.split != nil {
		d.split.Close()
	}
}

// scratch opens a file without a name on the file system of the store.
func (s *Store) scratch() (*os.File, error) {
	dir := filepath.Join(s.roots[0], s.driverFor()+"-layers")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), filepath.Join(dir, "scratch")), nil
	}
	// Not every file system has such files.
	f, err := os.CreateTemp(dir, ".scratch-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file in the store: %w", err)
	}
	return f, os.Remove(f.Name())
}

// withContext is a reader that ends with the context.
func withContext(ctx context.Context, r io.Reader) io.Reader { return contextReader{ctx, r} }

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
