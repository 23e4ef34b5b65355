package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pod-engine/pod/pkg/image"
)

// saveList writes a manifest list, with all its images and what attests to them, as an OCI layout.
func (t Transfer) saveList(ctx context.Context, s *image.Store, l *image.ManifestList, name string, opts image.SaveOptions) (err error) {
	if len(l.Index.Manifests) == 0 {
		return fmt.Errorf("save manifest list %q: there is no image in it", name)
	}
	j, err := t.begin(s, image.Access{Progress: opts.Progress, Terminal: opts.Terminal}, image.Platform{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.end()) }()
	if err := j.hold(ctx, l.Image, "save"); err != nil {
		return err
	}
	word := "oci-archive:"
	if opts.Format == image.OCIDir {
		word = "oci:"
	}
	tag := l.NameFor(name)
	if tag != "" {
		tag = ":" + tag
	}
	err = j.saveTo(ctx, opts, func(path string) error {
		if opts.Format == image.OCIDir {
			_, err := j.sendList(ctx, l, word+path+tag, false, image.PushOptions{Uncompressed: opts.Uncompressed})
			return err
		}
		// The directory of path is a locked workspace; another, for the archive on its way, is made in an unlocked one.
		dir, err := os.MkdirTemp(filepath.Dir(path), "list")
		if err != nil {
			return err
		}
		part := filepath.Join(dir, filepath.Base(path))
		if _, err := j.sendList(ctx, l, word+part+tag, false, image.PushOptions{Uncompressed: opts.Uncompressed}); err != nil {
			return err
		}
		return os.Rename(part, path)
	})
	if err != nil {
		return fmt.Errorf("save manifest list %q: %w", name, err)
	}
	return nil
}
