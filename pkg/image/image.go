// Package image keeps images: it finds, lists, names, holds and removes those in the containers-storage store that
// podman, buildah and skopeo use too.
//
// Reading never locks and never needs to write: the store replaces its index files whole, so this package reads
// them itself, one record at a time, and a damaged record costs only itself. What changes the store goes through the
// storage library, which is opened by the first call that needs it.
//
// Bringing images in and out (pull, load, save) is package image/transfer, because the registry client behind it more than
// doubles the start-up time of a program that links it.
package image

import (
	"encoding/json"
	"errors"
	"time"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Sentinels by which callers decide. Their text is never the whole message.
var (
	ErrNotFound  = errors.New("no such image")
	ErrAmbiguous = errors.New("more than one image matches")
	ErrInUse     = errors.New("image is in use")
	ErrReadOnly  = errors.New("the image store is read-only")

	ErrNotLoggedIn = errors.New("nobody is logged in")
)

// Image is one image as found. It is a value: it does not change when the store does.
type Image struct {
	ID       string    // 64 hexadecimal digits, no algorithm
	Names    []string  // full names with tag or digest, newest first
	History  []string  // names it has had, newest first
	Digest   string    // of the manifest, "sha256:…"
	Digests  []string  // of all its manifests: of the platform's, and of the list it was chosen from
	Created  time.Time // as the image says
	TopLayer string    // id of its newest layer; empty for an image without layers
	ReadOnly bool      // from an additional image store
	List     bool      // a manifest list, which has neither layers nor configuration; see ManifestList

	// Config is read by Lookup and Resolve; List leaves it empty (see Store.Config).
	Config Config

	root    string   // of the store it lies in
	blob    []string // names of its stored data: manifests and config
	data    int64    // bytes of that
	unnamed bool     // it still has its first name, see firstname.go
}

// Config is the image's configuration: what image-spec defines, and what docker added to it.
type Config struct {
	specs.Image
	Docker DockerConfig
}

// DockerConfig is the part of an image's configuration that only docker's format has.
type DockerConfig struct {
	Comment     string
	Parent      string
	Healthcheck *Healthcheck
	Shell       []string
	OnBuild     []string
}

// Encode gives the configuration as it is stored. Its digest is the id of an image.
func (c Config) Encode() ([]byte, error) {
	return json.Marshal(struct {
		specs.Image
		// The field nearer to the top is the one that is written.
		Config  InspectedConfig `json:"config"`
		Comment string          `json:"comment,omitempty"`
		Parent  string          `json:"parent,omitempty"`
	}{c.Image, InspectedConfig{c.Config, c.Docker.Healthcheck, c.Docker.Shell, c.Docker.OnBuild}, c.Docker.Comment, c.Docker.Parent})
}

// Healthcheck is the image's HEALTHCHECK. Test is empty to inherit, ["NONE"], ["CMD", arguments…] or ["CMD-SHELL", command].
// Durations are nanoseconds, as docker stores them; zero means the default.
type Healthcheck struct {
	Test          []string      `json:",omitempty"`
	Interval      time.Duration `json:",omitempty"`
	Timeout       time.Duration `json:",omitempty"`
	StartPeriod   time.Duration `json:",omitempty"`
	StartInterval time.Duration `json:",omitempty"`
	Retries       int           `json:",omitempty"`
}

// RepoDigests gives the names "repository@digest" by which the same image can be fetched again: each repository
// among its names with each of its digests.
func (i *Image) RepoDigests() []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range i.Names {
		n, err := ParseName(s)
		if err != nil || seen[n.Repository()] {
			continue
		}
		seen[n.Repository()] = true
		for _, d := range i.Digests {
			out = append(out, n.Repository()+"@"+d)
		}
	}
	return out
}

// Tags gives the names of the image that have a tag.
func (i *Image) Tags() []string {
	var out []string
	for _, s := range i.Names {
		if n, err := ParseName(s); err == nil && n.Tag != "" {
			out = append(out, s)
		}
	}
	return out
}

// NameFor is the full name among the image's own by which it was asked for, or "".
func (i *Image) NameFor(asked string) string {
	n, err := ParseName(asked)
	if err != nil {
		return ""
	}
	n = n.Tagged()
	for _, own := range i.Tags() {
		o, err := ParseName(own)
		if err == nil && o.Tag == n.Tag && (o.Repository() == n.Repository() || n.Short() && hasSuffixPath(o.Path, n.Path)) {
			return own
		}
	}
	return ""
}

func hasSuffixPath(path, suffix string) bool {
	return path == suffix || len(path) > len(suffix) && path[len(path)-len(suffix)-1:] == "/"+suffix
}

// String names the image to a person: its first name, or the short id.
func (i *Image) String() string {
	if len(i.Names) > 0 {
		return i.Names[0]
	}
	return ShortID(i.ID)
}

// ShortID is the form of an id that people read: its first 12 digits.
func ShortID(id string) string {
	if len(id) > 12 {
		return id[:12]
	}
	return id
}
