package image

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/pod-engine/pod/internal/filetree"
	"github.com/vbatts/tar-split/tar/asm"
	splitstorage "github.com/vbatts/tar-split/tar/storage"
	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

// lookAtFiles compares the names and sizes in the record of a layer's stream with the files there are, and says what is wrong.
func lookAtFiles(ctx context.Context, dir *os.File, split io.Reader) (string, error) {
	unpacked, err := gzip.NewReader(split)
	if err != nil {
		return "the record of its stream is damaged: " + err.Error(), nil
	}
	sizes := map[string]int64{} // of a name that comes twice the last counts
	for entries := splitstorage.NewJSONUnpacker(unpacked); ; {
		e, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "the record of its stream is damaged: " + err.Error(), nil
		}
		name := path.Clean("/" + e.GetName())[1:]
		if e.Type == splitstorage.FileType && name != "" && !strings.HasPrefix(path.Base(name), archive.WhiteoutPrefix) {
			sizes[name] = e.Size
		}
	}
	for name, size := range sizes {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if problem := lookAt(dir, name, size); problem != "" {
			return problem, nil
		}
	}
	return "", nil
}

// lookAt says what is wrong with one file. The size of what is no file with content is zero in the record.
func lookAt(dir *os.File, name string, size int64) string {
	var st unix.Stat_t
	err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		// A link of the layer itself may be on the way.
		if f, err := filetree.Open(dir, name, unix.O_PATH|unix.O_NOFOLLOW, 0); err == nil {
			err = unix.Fstat(int(f.Fd()), &st)
			f.Close()
			if err != nil {
				return err.Error()
			}
		} else {
			return fmt.Sprintf("its file %q is missing", name)
		}
	} else if err != nil {
		return fmt.Sprintf("its file %q cannot be read: %v", name, err)
	}
	if size > 0 && (st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size != size) {
		return fmt.Sprintf("its file %q should have %d bytes and has %d", name, size, st.Size)
	}
	return ""
}

// streamDigest puts the tar stream of a layer together again and gives its digest. The record has a checksum of each file: the error names the one that has
// changed.
func streamDigest(ctx context.Context, dir *os.File, split io.Reader) (digest.Digest, error) {
	unpacked, err := gzip.NewReader(split)
	if err != nil {
		return "", fmt.Errorf("the record of its stream is damaged: %w", err)
	}
	stream := asm.NewOutputTarStream(layerFiles{dir}, splitstorage.NewJSONUnpacker(unpacked))
	defer stream.Close()
	sum := digest.Canonical.Digester()
	if _, err := io.CopyBuffer(sum.Hash(), withContext(ctx, stream), make([]byte, 1<<18)); err != nil {
		return "", fmt.Errorf("its content has changed: %w", err)
	}
	return sum.Digest(), nil
}

// layerFiles opens the files of a layer, none outside it.
type layerFiles struct{ dir *os.File }

func (l layerFiles) Get(name string) (io.ReadCloser, error) {
	return filetree.Open(l.dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}
