package files

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"

	"github.com/pod-engine/pod/internal/layertar"
	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/chrootarchive"
	"golang.org/x/sys/unix"
)

// Archive is what an archive holds.
type Archive struct {
	*Listing
	named map[string]bool // the directories that it names; of others it has files only
}

// Unpack unpacks the file of the listing below dir if it is a tar archive, compressed or not, by what is in it; else the result
// is nil.
func (l *Listing) Unpack(ctx context.Context, dir string, limits layertar.Limits) (*Archive, error) {
	if len(l.entries) == 0 || l.entries[0].kind() != unix.S_IFREG {
		return nil, nil
	}
	f, err := l.open("", unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !IsArchive(f) {
		return nil, nil
	}
	into, err := os.MkdirTemp(dir, "unpacked")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(into, 0o755); err != nil {
		return nil, err
	}
	named, err := Unpack(ctx, f, into, &archive.TarOptions{}, limits)
	if err != nil {
		return nil, err
	}
	var after unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &after); err != nil {
		return nil, err
	}
	if !sameFile(after, l.entries[0].stat) {
		return nil, errors.New("the file changes while it is unpacked")
	}
	root, err := os.OpenFile(into, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	all, err := (&Tree{Root: root}).Walk(ctx, "", nil, "") // what the files hold is not asked for
	if err != nil {
		return nil, err
	}
	return &Archive{all, named}, nil
}

// Unpack unpacks an archive below the directory into, within the limits. It is read through before it is written, piece by piece, so that what is refused
// is not there; and written by a process that has changed its root to that directory, so that nothing in it leads out. The result are the directories
// that it names.
func Unpack(ctx context.Context, f *os.File, into string, how *archive.TarOptions, limits layertar.Limits) (map[string]bool, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	plain := layertar.OpenArchive(ctx, f, limits)
	defer plain.Close()
	dirs := newDirectories(plain)
	err := chrootarchive.UntarUncompressed(dirs, into, how)
	named := dirs.all()
	if err == nil {
		_, err = io.Copy(io.Discard, plain) // what follows the archive's end
	}
	if refused := plain.Err(); refused != nil {
		err = refused
	}
	return named, err
}

// IsArchive looks for a tar header, behind whatever compression.
func IsArchive(f *os.File) bool {
	plain, err := layertar.Decompress(f)
	if err != nil {
		return false
	}
	defer plain.Close()
	_, err = tar.NewReader(plain).Next()
	return err == nil
}
