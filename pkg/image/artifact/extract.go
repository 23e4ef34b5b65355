package artifact

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/hint"
)

// Selection says which files of an artifact are meant: the one with this title or digest; zero: all.
type Selection struct{ Title, Digest string }

func (s Selection) zero() bool { return s == Selection{} }

// Extract copies files of an artifact: into target when that is a directory, under their titles; else one file to target. A title with a
// directory in it is refused: it comes from whoever made the artifact.
func (s *Store) Extract(a Artifact, target string, want Selection) error {
	layers := s.selected(a, want)
	if len(layers) == 0 {
		return fmt.Errorf("extract artifact %q: there is no such file in it", a.Name)
	}
	info, err := os.Stat(target)
	into := err == nil && info.IsDir()
	if !into && len(layers) > 1 {
		return hint.Wrap(fmt.Errorf("extract artifact %q: it has %d files, and %q is not a directory", a.Name, len(layers), target), "choose one with --title")
	}
	for _, l := range layers {
		path := target
		if into {
			name := l.Annotations[specs.AnnotationTitle]
			if name == "" {
				name = strings.ReplaceAll(l.Digest.String(), ":", "-")
			}
			if name != filepath.Base(name) || name == "." || name == ".." {
				return hint.Wrap(fmt.Errorf("extract artifact %q: a file in it is called %q, which leads elsewhere", a.Name, name),
					"extract it alone: --digest "+l.Digest.String()+", and a file as target")
			}
			path = filepath.Join(target, name)
		}
		if err := s.extract(l, path); err != nil {
			return fmt.Errorf("extract artifact %q: %w", a.Name, err)
		}
	}
	return nil
}

func (s *Store) selected(a Artifact, want Selection) []specs.Descriptor {
	var found []specs.Descriptor
	for _, l := range a.Manifest.Layers {
		if want.zero() || want.Title != "" && l.Annotations[specs.AnnotationTitle] == want.Title || want.Digest != "" && l.Digest.String() == want.Digest {
			found = append(found, l)
		}
	}
	return found
}

// extract writes one file, and checks that it is what the manifest says.
func (s *Store) extract(l specs.Descriptor, path string) (err error) {
	from, err := s.blob(l.Digest)
	if err != nil {
		return err
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	verifier := l.Digest.Verifier()
	if _, err := io.Copy(io.MultiWriter(out, verifier), f); err != nil {
		return err
	}
	if !verifier.Verified() {
		return hint.Wrap(fmt.Errorf("the blob %s is damaged", l.Digest), "artifact rm, and pull it again")
	}
	return nil
}
