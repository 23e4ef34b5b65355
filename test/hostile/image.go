package hostile

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// layer is one layer as it is sent, and what it unpacks to.
type layer struct {
	blob []byte
	diff string // digest of what it unpacks to
	kind string // media type
}

const (
	ociManifest = "application/vnd.oci.image.manifest.v1+json"
	ociConfig   = "application/vnd.oci.image.config.v1+json"
	ociIndex    = "application/vnd.oci.image.index.v1+json"
	ociLayer    = "application/vnd.oci.image.layer.v1.tar"
)

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// plain is a layer that is not compressed, packed one that is.
func plain(tarball []byte) layer { return layer{tarball, digestOf(tarball), ociLayer} }

func packed(tarball []byte) layer { return layer{gz(tarball), digestOf(tarball), ociLayer + "+gzip"} }

func gz(b []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	_, _ = w.Write(b)
	w.Close()
	return out.Bytes()
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	URLs        []string          `json:"urls,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    map[string]string `json:"platform,omitempty"`
}

func describe(kind string, b []byte) descriptor {
	return descriptor{MediaType: kind, Digest: digestOf(b), Size: int64(len(b))}
}

// image is what a registry or an archive has of an image.
type image struct {
	config, manifest []byte
	layers           []layer
}

// newImage makes an honest image of layers that may be anything else.
func newImage(layers ...layer) image {
	diffs, blobs := []string{}, []descriptor{}
	for _, l := range layers {
		diffs = append(diffs, l.diff)
		blobs = append(blobs, describe(l.kind, l.blob))
	}
	config := text(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{"Env": []string{"PATH=/bin"}, "Cmd": []string{"true"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	})
	manifest := text(map[string]any{
		"schemaVersion": 2, "mediaType": ociManifest, "config": describe(ociConfig, config), "layers": blobs,
	})
	return image{config, manifest, layers}
}

func text(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only with what these tests write themselves
	}
	return b
}

// file is one file of a layout or an archive.
type member struct {
	name string
	body []byte
}

// layout is the image as an OCI layout.
func (i image) layout(name string) []member {
	top := describe(ociManifest, i.manifest)
	top.Annotations = map[string]string{"org.opencontainers.image.ref.name": name}
	out := []member{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", text(map[string]any{"schemaVersion": 2, "manifests": []descriptor{top}})},
	}
	for _, b := range append([][]byte{i.config, i.manifest}, i.blobs()...) {
		out = append(out, member{"blobs/sha256/" + digestOf(b)[len("sha256:"):], b})
	}
	return out
}

func (i image) blobs() (out [][]byte) {
	for _, l := range i.layers {
		out = append(out, l.blob)
	}
	return out
}

// dockerArchive is what docker save writes. Layers lie in it as they are, compressed or not.
func (i image) dockerArchive(name string) []member {
	var out []member
	var layers []string
	for n, l := range i.layers {
		path := strconv.Itoa(n) + "-" + digestOf(l.blob)[7:19] + "/layer.tar"
		layers = append(layers, path)
		out = append(out, member{path, l.blob})
	}
	config := digestOf(i.config)[7:] + ".json"
	return append(out, member{config, i.config},
		member{"manifest.json", text([]map[string]any{{"Config": config, "RepoTags": []string{name}, "Layers": layers}})})
}

// writeTar writes members to a file as one archive.
func writeTar(path string, members []member) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := tar.NewWriter(f)
	seen := map[string]bool{}
	for _, m := range members {
		if seen[m.name] {
			continue
		}
		seen[m.name] = true
		if err := w.WriteHeader(&tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.body)), Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		if _, err := io.Copy(w, bytes.NewReader(m.body)); err != nil {
			return err
		}
	}
	return w.Close()
}

// writeDir writes members to a directory.
func writeDir(dir string, members []member) error {
	for _, m := range members {
		path := filepath.Join(dir, m.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, m.body, 0o644); err != nil {
			return err
		}
	}
	return nil
}
