package build

import (
	"archive/tar"
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"

	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/chrootarchive"
	"golang.org/x/sys/unix"
)

// unpackListing unpacks the file of a listing below dir if it is a tar archive, compressed or not, by what is in it; else the result
// is nil. It is unpacked by a process that has changed its root to an empty directory, so that nothing in it leads out.
func unpackListing(ctx context.Context, l *listing, dir string) (*listing, error) {
	if len(l.entries) == 0 || l.entries[0].kind() != unix.S_IFREG {
		return nil, nil
	}
	f, err := l.open("", unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !isArchive(f) {
		return nil, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	into, err := os.MkdirTemp(dir, "unpacked")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(into, 0o755); err != nil {
		return nil, err
	}
	if err := chrootarchive.Untar(f, into, &archive.TarOptions{}); err != nil {
		return nil, err
	}
	root, err := os.OpenFile(filepath.Clean(into), os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return (&Tree{Root: root}).list(ctx, "", nil)
}

// isArchive looks for a tar header, behind whatever compression.
func isArchive(f *os.File) bool {
	plain, err := archive.DecompressStream(bufio.NewReader(f))
	if err != nil {
		return false
	}
	defer plain.Close()
	_, err = tar.NewReader(plain).Next()
	return err == nil
}
