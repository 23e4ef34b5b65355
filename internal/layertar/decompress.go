package layertar

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// maxWindow is the memory that a zstd frame may ask for; zstd(1) itself refuses more than 128 MiB unless told.
const maxWindow = 512 << 20

// Decompress gives what is packed in r, or r itself if it is not packed. Nothing of the machine's programs is started.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, 256<<10)
	start, err := buffered.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch packing(start) {
	case "gzip":
		plain, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return plain, nil
	case "zstd":
		plain, err := zstd.NewReader(buffered, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(2))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		return plain.IOReadCloser(), nil
	case "bzip2":
		return io.NopCloser(bzip2.NewReader(buffered)), nil
	case "xz":
		plain, err := xz.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("xz: %w", err)
		}
		return io.NopCloser(plain), nil
	}
	return io.NopCloser(buffered), nil
}

// Packed reports whether a file that begins so is compressed in a way that Decompress knows.
func Packed(start []byte) bool { return packing(start) != "" }

// packing names the compression that a stream begins with, as the storage library recognizes it.
func packing(start []byte) string {
	for _, p := range []struct{ name, magic string }{
		{"gzip", "\x1f\x8b\x08"}, {"zstd", "\x28\xb5\x2f\xfd"}, {"bzip2", "BZh"}, {"xz", "\xfd7zXZ\x00"},
	} {
		if bytes.HasPrefix(start, []byte(p.magic)) {
			return p.name
		}
	}
	return ""
}
