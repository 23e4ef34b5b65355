// Package imagearchive writes container images from a few files into an archive that "load" of every engine reads
// (the format of docker save). The same input gives the same bytes.
package imagearchive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Image is one image of one layer. The zero value of every field but Name may stand.
type Image struct {
	Name   string // repository and tag: "localhost/box:latest"
	Arch   string // in Go's words; empty: not recorded
	Config Config
	Files  []File
}

// Config is what the image says about how to run it, with the keys of the OCI image configuration.
type Config struct {
	User         string              `json:"User,omitempty"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty"`
	Env          []string            `json:"Env,omitempty"`
	Entrypoint   []string            `json:"Entrypoint,omitempty"`
	Cmd          []string            `json:"Cmd,omitempty"`
	Volumes      map[string]struct{} `json:"Volumes,omitempty"`
	WorkingDir   string              `json:"WorkingDir,omitempty"`
	Labels       map[string]string   `json:"Labels,omitempty"`
	StopSignal   string              `json:"StopSignal,omitempty"`
}

// File is one entry of the layer: a directory when Mode says so, a symbolic link when Link is set, else a regular file.
// Parents come before their children.
type File struct {
	Name     string // relative to the root of the image
	Mode     fs.FileMode
	UID, GID int
	Link     string
	Data     []byte
}

// epoch is the time of everything in an archive, so that the same files give the same image id.
var epoch = time.Unix(1700000000, 0).UTC()

type manifestEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// Write writes an archive with these images to w.
func Write(w io.Writer, images ...Image) error {
	out := tar.NewWriter(w)
	var manifest []manifestEntry
	written := make(map[string]bool)
	add := func(name string, data []byte) error {
		if written[name] {
			return nil
		}
		written[name] = true
		return addFile(out, File{Name: name, Mode: 0o644, Data: data})
	}
	for _, image := range images {
		layer, diffID, err := layerOf(image.Files)
		if err != nil {
			return fmt.Errorf("layer of %q: %w", image.Name, err)
		}
		config, err := json.Marshal(configOf(image, diffID))
		if err != nil {
			return fmt.Errorf("configuration of %q: %w", image.Name, err)
		}
		entry := manifestEntry{
			Config:   digest(config) + ".json",
			RepoTags: []string{image.Name},
			Layers:   []string{diffID + "/layer.tar"},
		}
		if err := add(entry.Layers[0], layer); err != nil {
			return err
		}
		if err := add(entry.Config, config); err != nil {
			return err
		}
		manifest = append(manifest, entry)
	}
	data, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	if err := add("manifest.json", data); err != nil {
		return err
	}
	return out.Close()
}

// layerOf gives the compressed layer and the digest of its uncompressed form.
func layerOf(files []File) (layer []byte, diffID string, err error) {
	var plain bytes.Buffer
	w := tar.NewWriter(&plain)
	for _, f := range files {
		if err := addFile(w, f); err != nil {
			return nil, "", err
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	diffID = digest(plain.Bytes())
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, "", err
	}
	if _, err := plain.WriteTo(z); err != nil {
		return nil, "", err
	}
	if err := z.Close(); err != nil {
		return nil, "", err
	}
	return packed.Bytes(), diffID, nil
}

func addFile(w *tar.Writer, f File) error {
	h := &tar.Header{
		Name: f.Name, Mode: int64(f.Mode.Perm()), Uid: f.UID, Gid: f.GID,
		Size: int64(len(f.Data)), ModTime: epoch, Typeflag: tar.TypeReg,
	}
	// The tar format has its own bits for these three (tar(5)).
	for bit, value := range map[fs.FileMode]int64{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if f.Mode&bit != 0 {
			h.Mode |= value
		}
	}
	switch {
	case f.Mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, f.Name+"/"
	case f.Link != "":
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.Link, 0o777
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.Write(f.Data)
	return err
}

// configOf is the OCI image configuration (image-spec, config.md).
func configOf(image Image, diffID string) any {
	type rootfs struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	}
	type history struct {
		Created   time.Time `json:"created"`
		CreatedBy string    `json:"created_by"`
	}
	return struct {
		Created time.Time `json:"created"`
		Arch    string    `json:"architecture,omitempty"`
		OS      string    `json:"os"`
		Config  Config    `json:"config"`
		RootFS  rootfs    `json:"rootfs"`
		History []history `json:"history"`
	}{
		epoch, image.Arch, "linux", image.Config,
		rootfs{"layers", []string{"sha256:" + diffID}},
		[]history{{epoch, "imagearchive"}},
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
