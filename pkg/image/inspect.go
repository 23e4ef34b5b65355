package image

import (
	"encoding/json"
	"fmt"
	"time"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Inspected is an image in full, with the field names of podman image inspect; docker's are a subset of them.
type Inspected struct {
	ID           string            `json:"Id"`
	Digest       string            `json:"Digest"`
	RepoTags     []string          `json:"RepoTags"`
	RepoDigests  []string          `json:"RepoDigests"`
	Parent       string            `json:"Parent"`
	Comment      string            `json:"Comment"`
	Created      *time.Time        `json:"Created"`
	Config       InspectedConfig   `json:"Config"`
	Version      string            `json:"Version"`
	Author       string            `json:"Author"`
	Architecture string            `json:"Architecture"`
	Variant      string            `json:"Variant,omitempty"`
	Os           string            `json:"Os"`
	Size         int64             `json:"Size"`
	VirtualSize  int64             `json:"VirtualSize"`
	GraphDriver  GraphDriver       `json:"GraphDriver"`
	RootFS       RootFS            `json:"RootFS"`
	Labels       map[string]string `json:"Labels"`
	Annotations  map[string]string `json:"Annotations"`
	ManifestType string            `json:"ManifestType"`
	User         string            `json:"User"`
	History      []specs.History   `json:"History"`
	NamesHistory []string          `json:"NamesHistory"`
	Healthcheck  *Healthcheck      `json:"Healthcheck,omitempty"`
}

// InspectedConfig is the Config of Inspected: image-spec's, and docker's additions.
type InspectedConfig struct {
	specs.ImageConfig
	Healthcheck *Healthcheck `json:"Healthcheck,omitempty"`
	Shell       []string     `json:"Shell,omitempty"`
	OnBuild     []string     `json:"OnBuild,omitempty"`
}

// GraphDriver says where the storage driver keeps the image.
type GraphDriver struct {
	Name string            `json:"Name"`
	Data map[string]string `json:"Data"`
}

// RootFS lists the digests of the unpacked layers, lowest first.
type RootFS struct {
	Type   string   `json:"Type"`
	Layers []string `json:"Layers"`
}

// Inspect gives an image in full. The image is one of Lookup's.
func (s *Store) Inspect(img *Image) (Inspected, error) {
	var version struct {
		DockerVersion string `json:"docker_version"`
	}
	raw, err := s.RawConfig(img)
	if err == nil {
		err = json.Unmarshal(raw, &version)
	}
	if err != nil {
		return Inspected{}, fmt.Errorf("inspect image %q: %w", img, err)
	}
	size, err := s.Size(img)
	if err != nil {
		return Inspected{}, err
	}
	layers, err := s.LayersOf(img)
	if err != nil {
		return Inspected{}, err
	}
	c := img.Config
	out := Inspected{
		ID: img.ID, Digest: img.Digest, RepoTags: list0(img.Tags()), RepoDigests: list0(img.RepoDigests()),
		Parent: c.Docker.Parent, Comment: c.Docker.Comment, Created: c.Created,
		Config:  InspectedConfig{c.Config, c.Docker.Healthcheck, c.Docker.Shell, c.Docker.OnBuild},
		Version: version.DockerVersion, Author: c.Author, Architecture: c.Architecture, Variant: c.Variant, Os: c.OS,
		Size: size, VirtualSize: size, GraphDriver: graphDriver(s.driverFor(), layers),
		RootFS: rootFS(c), Labels: c.Config.Labels, Annotations: map[string]string{},
		User: c.Config.User, History: c.History, NamesHistory: list0(img.History), Healthcheck: c.Docker.Healthcheck,
	}
	if out.Created == nil {
		out.Created = &img.Created
	}
	return out, s.inspectManifest(img, &out)
}

func (s *Store) inspectManifest(img *Image, out *Inspected) error {
	raw, err := s.RawManifest(img)
	if err != nil {
		return fmt.Errorf("inspect image %q: %w", img, err)
	}
	var m struct {
		MediaType   string            `json:"mediaType"`
		Annotations map[string]string `json:"annotations"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("inspect image %q: read its manifest: %w", img, err)
	}
	out.ManifestType = m.MediaType
	if m.MediaType == "" {
		out.ManifestType = specs.MediaTypeImageManifest // its mediaType is optional
	}
	if m.Annotations != nil {
		out.Annotations = m.Annotations
	}
	return nil
}

func rootFS(c Config) RootFS {
	r := RootFS{Type: c.RootFS.Type, Layers: []string{}}
	for _, d := range c.RootFS.DiffIDs {
		r.Layers = append(r.Layers, d.String())
	}
	return r
}

func graphDriver(name string, l Layers) GraphDriver {
	g := GraphDriver{Name: name, Data: map[string]string{}}
	if len(l.Dirs) > 0 {
		g.Data["UpperDir"] = l.Dirs[0]
		lower := ""
		for _, d := range l.Dirs[1:] {
			if lower != "" {
				lower += ":"
			}
			lower += d
		}
		if lower != "" {
			g.Data["LowerDir"] = lower
		}
	}
	return g
}

// list0 gives an empty list for nil, so that it is printed as [] rather than null.
func list0(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
