package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
)

// Lookup finds a local image by name, id or digest and reads its configuration. In this order:
//
//   - the whole id, with or without "sha256:";
//   - a full name ("quay.io/team/app:1", "quay.io/team/app@sha256:…"); without tag and digest, the tag is latest;
//   - a short name: its alias in registries.conf(5), then localhost/NAME, then each unqualified-search registry, then the only
//     image whose name ends with it;
//   - the beginning of an id.
//
// The error is ErrNotFound or ErrAmbiguous (wrapped) where it is about the name. No lock is taken.
//
// A manifest list stands for the one of its images that is for this machine's platform, which has the list's names and digest then, too.
func (s *Store) Lookup(ctx context.Context, name string) (*Image, error) {
	return s.LookupFor(ctx, name, Platform{})
}

// LookupFor is Lookup that takes the image for a platform out of a manifest list. Of an image that is no list, the platform is not
// looked at.
func (s *Store) LookupFor(ctx context.Context, name string, p Platform) (*Image, error) {
	m, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if list := m.img; list.List {
		if m.img, err = s.instance(ctx, name, list, p); err != nil {
			return nil, err
		}
		m.img.Names, m.img.Digests = slices.Concat(list.Names, m.img.Names), append(m.img.Digests, list.Digest)
	}
	m.img.Config, err = s.Config(m.img)
	return m.img, err
}

// Has reports whether there is an image or a manifest list of this name.
func (s *Store) Has(ctx context.Context, name string) (bool, error) {
	_, err := s.find(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// match is an image with the one of its names that was asked for; the name is empty when it was found by its id.
type match struct {
	img  *Image
	name Name
}

// find is Lookup without the configuration.
func (s *Store) find(ctx context.Context, name string) (match, error) {
	if err := ctx.Err(); err != nil {
		return match{}, err
	}
	name = strings.TrimPrefix(name, "containers-storage:")
	if id := strings.TrimPrefix(name, "sha256:"); isID(id) {
		return s.byID(name, id)
	}
	n, problem := parseName(strings.TrimPrefix(name, "docker://"))
	if problem == "" {
		m, err := s.byName(n.Tagged())
		if err != nil || m.img != nil {
			return m, err
		}
	}
	if id := strings.TrimPrefix(name, "sha256:"); isHex(id) {
		return s.byID(name, id)
	}
	if problem != "" {
		return match{}, suggestLower(name, fmt.Errorf("%w: image name %q: %s", ErrNotFound, name, problem))
	}
	return match{}, notFound(name)
}

// notFoundError words ErrNotFound.
type notFoundError struct{ name string }

func (e notFoundError) Error() string        { return fmt.Sprintf("cannot find image %q locally", e.name) }
func (e notFoundError) Is(target error) bool { return target == ErrNotFound }

func notFound(name string) error { return notFoundError{name} }

func (s *Store) byID(name, prefix string) (match, error) {
	var found []*Image
	needle := []byte(prefix)
	err := s.images(func(raw []byte) bool { return bytes.Contains(raw, needle) }, func(img *Image) bool {
		if strings.HasPrefix(img.ID, prefix) && !slices.ContainsFunc(found, func(f *Image) bool { return f.ID == img.ID }) {
			found = append(found, img)
		}
		return true
	})
	if err != nil {
		return match{}, err
	}
	switch len(found) {
	case 0:
		return match{}, notFound(name)
	case 1:
		return match{img: found[0]}, nil
	}
	return match{}, ambiguous(name, "begins the ids of", found, func(img *Image) string { return img.ID[:min(64, len(prefix)+4)] })
}

func ambiguous(name, why string, found []*Image, show func(*Image) string) error {
	var shown []string
	for _, img := range found {
		shown = append(shown, show(img))
	}
	return fmt.Errorf("%w: %q %s %s", ErrAmbiguous, name, why, strings.Join(shown, " and "))
}

// byName finds the image with a name that has a tag or digest. The match is empty when there is none.
func (s *Store) byName(n Name) (match, error) {
	if !n.Short() {
		found, err := s.matching(n, func(have Name) bool { return have.Repository() == n.Repository() })
		if err != nil || len(found) == 0 {
			return match{}, err
		}
		return found[0], nil
	}
	found, err := s.matching(n, func(have Name) bool { return have.Path == n.Path || strings.HasSuffix(have.Path, "/"+n.Path) })
	if err != nil {
		return match{}, err
	}
	conf, err := readRegistries(n.Path)
	if err != nil {
		return match{}, err
	}
	for _, c := range conf.local(n) {
		for _, m := range found {
			if m.name.Repository() == c.Repository() {
				return m, nil
			}
		}
		if !strings.HasSuffix(c.Path, n.Path) {
			// An alias to another path, which the search above did not look for.
			m, err := s.byName(c)
			if err != nil || m.img != nil {
				return m, err
			}
		}
	}
	return only(n, found)
}

// only takes the image that all matches are names of.
func only(n Name, found []match) (match, error) {
	var images []*Image
	for _, m := range found {
		if !slices.ContainsFunc(images, func(i *Image) bool { return i.ID == m.img.ID }) {
			images = append(images, m.img)
		}
	}
	switch len(images) {
	case 0:
		return match{}, nil
	case 1:
		return found[0], nil
	}
	return match{}, ambiguous(n.String(), "ends the names of", images, func(i *Image) string { return i.String() })
}

// matching gives the images with a name whose tag or digest is that of n and whose repository satisfies want.
func (s *Store) matching(n Name, want func(Name) bool) ([]match, error) {
	needle := []byte(n.Path + ":" + n.Tag + `"`)
	if n.Digest != "" {
		needle = []byte(n.Digest)
	}
	var found []match
	err := s.images(func(raw []byte) bool { return bytes.Contains(raw, needle) }, func(img *Image) bool {
		for _, name := range img.Names {
			have, problem := parseName(name)
			if problem != "" || !want(have) {
				continue
			}
			if n.Digest != "" && slices.Contains(img.Digests, n.Digest) || n.Digest == "" && have.Tag == n.Tag {
				found = append(found, match{img, have})
				if n.Digest != "" {
					break
				}
			}
		}
		return true
	})
	return found, err
}

// NamesIn gives the full names with a tag that local images have in a repository. A short name means the repository that it would be found
// in first.
func (s *Store) NamesIn(repository Name) ([]string, error) {
	all, err := s.all()
	if err != nil {
		return nil, err
	}
	where := []Name{repository}
	if repository.Short() {
		conf, err := readRegistries(repository.Path)
		if err != nil {
			return nil, err
		}
		where = conf.local(repository)
	}
	for _, r := range where {
		var out []string
		for _, img := range all {
			for _, tag := range img.Tags() {
				if n, err := ParseName(tag); err == nil && n.Repository() == r.Repository() {
					out = append(out, tag)
				}
			}
		}
		if len(out) > 0 {
			slices.Sort(out)
			return out, nil
		}
	}
	return nil, nil
}

// Config reads the configuration of an image.
func (s *Store) Config(img *Image) (Config, error) {
	data, err := s.RawConfig(img)
	if err != nil {
		return Config{}, err
	}
	c, err := DecodeConfig(data)
	if err != nil {
		err = fmt.Errorf("read the configuration of image %q: %w", img, err)
	}
	return c, err
}

// DecodeConfig reads what Encode wrote, and configurations of others.
func DecodeConfig(data []byte) (Config, error) {
	var c Config
	var extra struct {
		Comment string `json:"comment"`
		Parent  string `json:"parent"`
		Config  struct {
			Healthcheck *Healthcheck
			Shell       []string
			OnBuild     []string
		} `json:"config"`
	}
	err := json.Unmarshal(data, &c.Image)
	if err == nil {
		err = json.Unmarshal(data, &extra)
	}
	if err != nil {
		return c, err
	}
	c.Docker = DockerConfig{extra.Comment, extra.Parent, extra.Config.Healthcheck, extra.Config.Shell, extra.Config.OnBuild}
	return c, nil
}

// RawConfig gives the bytes of an image's configuration.
func (s *Store) RawConfig(img *Image) ([]byte, error) {
	key := "sha256:" + img.ID
	if !slices.Contains(img.blob, key) {
		// An image made by podman commit or build with another id algorithm: the manifest says.
		var m struct {
			Config struct {
				Digest string `json:"digest"`
			} `json:"config"`
		}
		raw, err := s.RawManifest(img)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &m); err != nil || m.Config.Digest == "" {
			return nil, fmt.Errorf("image %q has no configuration: it is not a container image", img)
		}
		key = m.Config.Digest
	}
	data, err := s.blob(img, key)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("read the configuration of image %q: %w", img, err),
			"the image is damaged: pod rmi -f "+ShortID(img.ID)+", then pull it again")
	}
	return data, nil
}

// RawManifest gives the bytes of an image's own manifest (not of a list).
func (s *Store) RawManifest(img *Image) ([]byte, error) {
	for _, key := range []string{manifestPrefix + "-" + img.Digest, manifestPrefix} {
		if slices.Contains(img.blob, key) {
			data, err := s.blob(img, key)
			if err != nil {
				return nil, fmt.Errorf("read the manifest of image %q: %w", img, err)
			}
			return data, nil
		}
	}
	return nil, fmt.Errorf("image %q has no manifest", img)
}
