package image

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
)

// Policy says when an image is fetched.
type Policy string

const (
	PullMissing Policy = "missing" // when it is not local
	PullAlways  Policy = "always"
	PullNever   Policy = "never"
	PullNewer   Policy = "newer" // when the registry has another one; a registry that cannot be reached is no error if it is local
)

// ParsePolicy reads the words of --pull and --policy; "true" and "false" are docker's older ones.
func ParsePolicy(s string) (Policy, error) {
	switch s {
	case "", "true", "ifmissing":
		return PullMissing, nil
	case "false":
		return PullNever, nil
	case "ifnewer":
		return PullNewer, nil
	}
	switch p := Policy(s); p {
	case PullMissing, PullAlways, PullNever, PullNewer:
		return p, nil
	}
	return "", fmt.Errorf("pull policy %q: it is one of always, missing, never, newer", s)
}

// Platform chooses among the images of a list. Empty parts are those of this machine.
type Platform struct{ OS, Arch, Variant string }

// ParsePlatform reads OS/ARCH[/VARIANT] or OS alone. The names uname(1) gives to architectures are understood too.
func ParsePlatform(s string) (Platform, error) {
	parts := strings.Split(s, "/")
	if len(parts) > 3 || parts[0] == "" || len(parts) > 1 && parts[1] == "" {
		return Platform{}, fmt.Errorf("platform %q: it is OS/ARCH or OS/ARCH/VARIANT, as linux/arm64", s)
	}
	p := Platform{OS: strings.ToLower(parts[0])}
	if len(parts) > 1 {
		p.Arch = NormalArch(parts[1])
	}
	if len(parts) > 2 {
		p.Variant = parts[2]
	}
	return p, nil
}

// NormalArch gives Go's name of an architecture, which images use, for the other names it is known by.
func NormalArch(arch string) string {
	switch arch = strings.ToLower(arch); arch {
	case "x86_64", "x86-64":
		return "amd64"
	case "aarch64", "armv8":
		return "arm64"
	case "i386", "i686":
		return "386"
	case "armhf", "armel":
		return "arm"
	}
	return arch
}

// filled is the platform with this machine's parts where it is open.
func (p Platform) filled() Platform {
	if p.OS == "" {
		p.OS = "linux"
	}
	if p.Arch == "" {
		p.Arch = runtime.GOARCH
	}
	return p
}

// String is the platform as OS/ARCH[/VARIANT].
func (p Platform) String() string {
	s := p.OS + "/" + p.Arch
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// fits reports whether an image is for the platform. What either side leaves open fits.
func (p Platform) fits(c Config) bool {
	want := Platform{p.OS, p.Arch, p.Variant}
	if want == (Platform{}) {
		return true
	}
	if want.Arch == "" {
		want.Arch = runtime.GOARCH
	}
	same := func(a, b string) bool { return a == "" || b == "" || a == b }
	return same(want.OS, c.OS) && same(want.Arch, c.Architecture) && same(want.Variant, c.Variant)
}

// PullOptions say how an image is fetched.
type PullOptions struct {
	Access
	Policy   Policy
	Platform Platform
	AllTags  bool
	// UnpackLimit is how many bytes the image may unpack to, 0 any number; nil: as the environment and containers.conf say.
	UnpackLimit *int64
	// DecryptionKeys open encrypted layers: "FILE[:PASSPHRASE]", "provider:NAME[:…]".
	DecryptionKeys []string
}

// Puller fetches images into a store; package image/transfer has one.
type Puller interface {
	// Pull fetches the image called name, whatever is local, and gives what the name now means; with AllTags, several.
	Pull(ctx context.Context, s *Store, name string, opts PullOptions) ([]*Image, error)
}

// Resolve gives the image to make a container from: the local one, or one fetched as opts.Policy says.
func (s *Store) Resolve(ctx context.Context, name string, opts PullOptions) (*Image, error) {
	local, err := s.LookupFor(ctx, name, opts.Platform)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if local != nil && !opts.Platform.fits(local.Config) {
		if opts.Policy == PullNever {
			return nil, hint.Wrap(fmt.Errorf("%w: the local image %q is for %s/%s", ErrNotFound, name, local.Config.OS, local.Config.Architecture),
				"pod pull --platform OS/ARCH "+name)
		}
		local = nil
	}
	switch opts.Policy {
	case PullMissing, "":
		if local != nil {
			return local, nil
		}
	case PullNever:
		if _, bad := ParseName(name); bad == nil {
			err = hint.Wrap(err, "pod pull "+name)
		}
		return local, err
	}
	if s.opts.Puller == nil || local == nil && isID(strings.TrimPrefix(name, "sha256:")) {
		return nil, notFound(name)
	}
	if local != nil && idGiven(name, local) {
		return local, nil // an id is what it is: no registry has a newer one
	}
	pulled, err := s.opts.Puller.Pull(ctx, s, name, opts)
	if err != nil {
		if local != nil && opts.Policy == PullNewer && ctx.Err() == nil {
			return local, nil
		}
		return nil, err
	}
	return pulled[0], nil
}

// idGiven reports whether name is the beginning of the image's id rather than a name of it.
func idGiven(name string, img *Image) bool {
	return strings.HasPrefix(img.ID, strings.TrimPrefix(name, "sha256:"))
}
