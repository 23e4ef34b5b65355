package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/image"
)

// imageRow is one name of one image as images shows it. Its methods are the fields of templates, under podman's and docker's names.
type imageRow struct {
	l     image.Listed
	name  image.Name // zero: the image has none
	opts  imagesOptions
	now   time.Time
	style report.Style
}

// none is what docker and podman print where there is nothing.
const none = "<none>"

// ID is the id: 12 digits of it, or with --no-trunc all with the algorithm.
func (r imageRow) ID() string {
	if r.opts.noTrunc {
		return "sha256:" + r.l.ID
	}
	return image.ShortID(r.l.ID)
}

// Id is ID under docker's and podman's other name.
func (r imageRow) Id() string { return r.ID() }

// Repository is the name without tag. Docker leaves its own registry out.
func (r imageRow) Repository() string {
	repository := r.name.Repository()
	if repository == "" {
		return none
	}
	if r.style == report.Docker {
		repository = strings.TrimPrefix(repository, "docker.io/")
		repository = strings.TrimPrefix(repository, "library/")
	}
	return repository
}

// Tag is the tag.
func (r imageRow) Tag() string {
	if r.name.Tag == "" {
		return none
	}
	return r.name.Tag
}

// Digest is the digest of the manifest.
func (r imageRow) Digest() string {
	if r.l.Image.Digest == "" {
		return none
	}
	return r.l.Image.Digest
}

// Created is CreatedSince under podman's other name.
func (r imageRow) Created() string { return r.CreatedSince() }

// CreatedSince is how long ago the image was made.
func (r imageRow) CreatedSince() string {
	if r.l.Image.Created.IsZero() {
		return "N/A"
	}
	return report.Duration(r.l.Image.Created, r.now) + " ago"
}

// CreatedTime is CreatedAt under podman's other name.
func (r imageRow) CreatedTime() string { return r.CreatedAt() }

// CreatedAt is when the image was made, in the form the invoked program prints.
func (r imageRow) CreatedAt() string {
	if r.style == report.Docker {
		return r.l.Image.Created.Local().Format("2006-01-02 15:04:05 -0700 MST")
	}
	return r.l.Image.Created.UTC().String()
}

// Size is what the image takes on disk with the layers it shares with others, as people read it.
func (r imageRow) Size() string { return report.Size(r.l.Size) }

// VirtualSize is Size under its older name.
func (r imageRow) VirtualSize() string { return r.Size() }

// SharedSize and UniqueSize are not computed by a listing, as in docker and podman.
func (r imageRow) SharedSize() string { return "N/A" }

// UniqueSize is not computed by a listing, as in docker and podman.
func (r imageRow) UniqueSize() string { return "N/A" }

// Containers is how many containers use the image.
func (r imageRow) Containers() int { return r.l.Containers }

// Dangling reports whether the image has no name, nothing is built on it, and no manifest list refers to it.
func (r imageRow) Dangling() bool { return len(r.l.Names) == 0 && !r.l.Intermediate && !r.l.InList }

// ReadOnly reports whether the image lies in an additional store.
func (r imageRow) ReadOnly() bool { return r.l.Image.ReadOnly }

// Labels are the labels.
func (r imageRow) Labels() map[string]string { return r.l.Labels }

// Names are all names of the image.
func (r imageRow) Names() []string { return r.l.Names }

// RepoTags are all names with a tag.
func (r imageRow) RepoTags() []string { return r.l.Tags() }

// RepoDigests are the repositories of the image with its digests.
func (r imageRow) RepoDigests() []string { return r.l.Image.RepoDigests() }

// Os is the operating system the image is for.
func (r imageRow) Os() string { return r.l.OS }

// Arch is the architecture the image is for.
func (r imageRow) Arch() string { return r.l.Arch }

// History is the names the image has had.
func (r imageRow) History() string {
	if len(r.l.History) == 0 {
		return none
	}
	return strings.Join(r.l.History, ", ")
}

// MarshalJSON gives the object of the invoked program: podman's for an image, docker's for a name.
func (r imageRow) MarshalJSON() ([]byte, error) {
	if r.style == report.Docker {
		return json.Marshal(struct {
			Containers, CreatedAt, CreatedSince, Digest, ID, Repository, SharedSize, Size, Tag, UniqueSize, VirtualSize string
		}{strconv.Itoa(r.l.Containers), r.CreatedAt(), r.CreatedSince(), r.Digest(), r.ID(), r.Repository(), "N/A", r.Size(), r.Tag(), "N/A", r.Size()})
	}
	return json.Marshal(podmanImage{
		ID: r.l.ID, RepoTags: orEmpty(r.l.Tags()), RepoDigests: orEmpty(r.l.RepoDigests()), Size: r.l.Size, VirtualSize: r.l.Size, Labels: r.l.Labels,
		Containers: r.l.Containers, ReadOnly: r.l.Image.ReadOnly, Dangling: r.Dangling(), Arch: r.l.Arch, Os: r.l.OS, Names: orEmpty(r.l.Names),
		Digest: r.l.Image.Digest, History: orEmpty(r.l.History), Created: r.l.Image.Created.Unix(), CreatedAt: r.l.Image.Created.UTC(),
	})
}

// podmanImage is an object of podman images --format json.
type podmanImage struct {
	ID          string            `json:"Id"`
	ParentID    string            `json:"ParentId"`
	RepoTags    []string          `json:"RepoTags"`
	RepoDigests []string          `json:"RepoDigests"`
	Size        int64             `json:"Size"`
	SharedSize  int64             `json:"SharedSize"`
	VirtualSize int64             `json:"VirtualSize"`
	Labels      map[string]string `json:"Labels"`
	Containers  int               `json:"Containers"`
	ReadOnly    bool              `json:"ReadOnly,omitempty"`
	Dangling    bool              `json:"Dangling,omitempty"`
	Arch        string            `json:"Arch,omitempty"`
	Digest      string            `json:"Digest"`
	History     []string          `json:"History"`
	Names       []string          `json:"Names"`
	Os          string            `json:"Os,omitempty"`
	Created     int64             `json:"Created"` // seconds since 1970
	CreatedAt   time.Time         `json:"CreatedAt"`
}

// orEmpty makes JSON print [] rather than null.
func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
