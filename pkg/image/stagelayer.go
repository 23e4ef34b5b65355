package image

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.podman.io/storage"
	drivers "go.podman.io/storage/drivers"
	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/chrootarchive"
	"golang.org/x/sys/unix"
)

// stager prepares the files of a layer in a directory, which the description that it gives names as Target.
type stager interface {
	stage(how *archive.TarOptions) (drivers.DriverWithDifferOutput, error)
}

// movedDir is a directory as it is.
type movedDir struct {
	from      string
	described *describedLayer
}

func (m *movedDir) stage(*archive.TarOptions) (out drivers.DriverWithDifferOutput, err error) {
	info, err := os.Lstat(m.from)
	if err != nil {
		return out, err
	}
	mode := info.Mode()
	out = m.described.output(&mode)
	out.Target = m.from
	return out, nil
}

// unpackedTar is what a tar stream holds, in the new directory dir.
type unpackedTar struct {
	stream    io.Reader
	dir       string
	described *describedLayer
}

func (u *unpackedTar) stage(how *archive.TarOptions) (out drivers.DriverWithDifferOutput, err error) {
	if err := os.Mkdir(u.dir, 0o555); err != nil { // as the library has it
		return out, err
	}
	pipe, w := io.Pipe()
	unpacked := make(chan error, 1)
	go func() {
		err := chrootarchive.UntarUncompressed(pipe, u.dir, how)
		if err == nil {
			_, err = io.Copy(io.Discard, pipe) // what follows the end of the archive belongs to the digest
		}
		pipe.CloseWithError(err)
		unpacked <- err
	}()
	err = u.described.read(u.stream, w)
	w.CloseWithError(err)
	// If unpacking failed first, reading has failed with that error.
	if unpackErr := <-unpacked; err == nil {
		err = unpackErr
	}
	if err != nil {
		return out, unpackError(err)
	}
	out = u.described.output(nil)
	out.Target = u.dir
	return out, nil
}

// unpackError gives what the unpacking process said, without how that was found out.
func unpackError(err error) error {
	_, said, ok := strings.Cut(err.Error(), "; output: ")
	if !ok {
		return err
	}
	said, _, _ = strings.Cut(said, "\n")
	if strings.Trim(said, ")") == "" {
		return err // it was killed
	}
	return errors.New(strings.TrimSuffix(said, ")"))
}

// asked learns how the driver wants layers to be unpacked, which the library tells only to who stages one with it.
type asked struct {
	how    archive.TarOptions
	format drivers.DifferOutputFormat
	probe  string // a directory that is tried to be moved to the driver's
	apart  bool   // it cannot be
}

// ApplyDiff is of drivers.Differ.
func (a *asked) ApplyDiff(target string, how *archive.TarOptions, opts *drivers.DifferOptions) (drivers.DriverWithDifferOutput, error) {
	a.how, a.format = *how, opts.Format
	a.apart = errors.Is(os.Rename(a.probe, filepath.Join(target, "probe")), unix.EXDEV)
	return drivers.DriverWithDifferOutput{}, nil
}

// Close is of drivers.Differ.
func (a *asked) Close() error { return nil }

// askUnpacking is Store.unpacking.
func (s *Store) askUnpacking() (archive.TarOptions, error) {
	var a asked
	if !s.stages() {
		return a.how, errCannotMove
	}
	lib, err := s.Library()
	if err != nil {
		return a.how, err
	}
	work, err := s.NewWorkDir(context.Background(), "make a layer")
	if err != nil {
		return a.how, err
	}
	defer work.Remove()
	a.probe = filepath.Join(work.Dir, "probe")
	if err := os.Mkdir(a.probe, 0o700); err != nil {
		return a.how, err
	}
	// podman may remove what was staged, see addlayer.go; here nothing is lost by that.
	for range 10 {
		var out *drivers.DriverWithDifferOutput
		out, err = lib.PrepareStagedLayer(&drivers.ApplyDiffWithDifferOpts{}, &a)
		if out != nil && out.Target != "" {
			err = errors.Join(err, lib.CleanupStagedLayer(out))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if errors.Is(err, storage.ErrNotSupported) || err == nil && (a.apart || a.format != drivers.DifferOutputFormatDir) {
		err = errCannotMove
	}
	return a.how, err
}
