package podtest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// ImageSpec describes a small image. The same description always makes the same image, with the same id.
type ImageSpec struct {
	Layers  []Files // lowest first
	Config  v1.Config
	Arch    string    // default amd64
	Created time.Time // default the start of 2026
	OCI     bool      // OCI media types; else docker's
}

// Files are the entries of one layer by path, without leading slash. Directories on the way to them are made.
type Files map[string]File

// File is one entry. Mode has the permission bits, and the type where it is not a regular file.
type File struct {
	Body     []byte
	Mode     os.FileMode // zero: 0644, or 0755 for directories
	Link     string      // target of a symbolic link
	UID, GID int
}

// Dir is a directory with these permissions.
func Dir(mode os.FileMode) File { return File{Mode: os.ModeDir | mode} }

// Text is a file anybody may read.
func Text(s string) File { return File{Body: []byte(s)} }

// Busybox describes the image that tests run: busybox with its applets, the users root, nobody and pod (1000), and a /tmp. It needs a
// statically linked busybox (Debian: busybox-static).
func Busybox() (ImageSpec, error) {
	exe, err := exec.LookPath("busybox")
	if err != nil {
		return ImageSpec{}, errors.New("the test image needs busybox: install busybox-static")
	}
	binary, err := os.ReadFile(exe)
	if err != nil {
		return ImageSpec{}, err
	}
	if bytes.Contains(binary[:min(len(binary), 4096)], []byte("ld-linux")) {
		return ImageSpec{}, fmt.Errorf("%s is linked dynamically: install busybox-static", exe)
	}
	applets, err := exec.Command(exe, "--list").Output()
	if err != nil {
		return ImageSpec{}, fmt.Errorf("list the applets of %s: %w", exe, err)
	}
	files := Files{
		"bin/busybox": {Body: binary, Mode: 0o755},
		"etc/passwd":  Text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\npod:x:1000:1000:pod:/home/pod:/bin/sh\n"),
		"etc/group":   Text("root:x:0:\nwheel:x:10:pod\nnogroup:x:65534:\npod:x:1000:\n"),
		"root":        Dir(0o700),
		"home/pod":    {Mode: os.ModeDir | 0o755, UID: 1000, GID: 1000},
		"tmp":         Dir(0o777 | os.ModeSticky),
		"var/tmp":     Dir(0o777 | os.ModeSticky),
		"var/run":     {Link: "/run"},
		"run":         Dir(0o755),
		"usr/bin/env": {Link: "/bin/busybox"},
		"dev":         Dir(0o755), "proc": Dir(0o555), "sys": Dir(0o555),
	}
	for _, applet := range strings.Fields(string(applets)) {
		if applet != "busybox" {
			files["bin/"+applet] = File{Link: "busybox"}
		}
	}
	return ImageSpec{Layers: []Files{files}, Config: v1.Config{
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		Cmd: []string{"sh"},
	}}, nil
}

// Image makes the image.
func (s ImageSpec) Image() (v1.Image, error) {
	created := s.Created
	if created.IsZero() {
		created = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	img, layerType := empty.Image, types.DockerLayer
	if s.OCI {
		img, layerType = mutate.MediaType(img, types.OCIManifestSchema1), types.OCILayer
		img = mutate.ConfigMediaType(img, types.OCIConfigJSON)
	}
	var err error
	for i, files := range s.Layers {
		text, err := files.tar(created)
		if err != nil {
			return nil, err
		}
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
		layer, err := tarball.LayerFromOpener(open, tarball.WithMediaType(layerType))
		if err != nil {
			return nil, err
		}
		step := v1.History{Created: v1.Time{Time: created}, CreatedBy: fmt.Sprintf("podtest layer %d", i)}
		if img, err = mutate.Append(img, mutate.Addendum{Layer: layer, History: step, MediaType: layerType}); err != nil {
			return nil, err
		}
	}
	conf, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	conf = conf.DeepCopy()
	conf.Config, conf.OS, conf.Architecture, conf.Created = s.Config, "linux", s.Arch, v1.Time{Time: created}
	if s.Arch == "" {
		conf.Architecture = "amd64"
	}
	return mutate.ConfigFile(img, conf)
}

// Push makes the image and puts it into a registry under ref, "127.0.0.1:5000/team/app:1", over plain HTTP.
func (s ImageSpec) Push(ctx context.Context, ref string) error {
	img, err := s.Image()
	if err != nil {
		return err
	}
	tag, err := name.ParseReference(ref, name.Insecure)
	if err != nil {
		return err
	}
	return remote.Write(tag, img, remote.WithContext(ctx))
}

// PushIndex makes the images and puts a list of them into a registry under ref; each is for its own Arch.
func PushIndex(ctx context.Context, ref string, specs ...ImageSpec) error {
	tag, err := name.ParseReference(ref, name.Insecure)
	if err != nil {
		return err
	}
	var index v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, s := range specs {
		img, err := s.Image()
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: s.Arch}},
		})
	}
	return remote.WriteIndex(tag, index, remote.WithContext(ctx))
}

// Save makes the image and writes it to a docker archive with this name; the file appears when it is whole.
func (s ImageSpec) Save(file, ref string) error {
	img, err := s.Image()
	if err != nil {
		return err
	}
	tag, err := name.NewTag(ref)
	if err != nil {
		return err
	}
	part := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".part")
	if err := tarball.WriteToFile(part, tag, img); err != nil {
		os.Remove(part)
		return err
	}
	return os.Rename(part, file)
}

func (files Files) tar(when time.Time) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	made := map[string]bool{".": true}
	for _, p := range slices.Sorted(maps.Keys(files)) {
		if err := parents(w, p, files, made, when); err != nil {
			return nil, err
		}
		if err := add(w, p, files[p], when); err != nil {
			return nil, fmt.Errorf("layer entry %q: %w", p, err)
		}
		made[p] = true
	}
	return buf.Bytes(), w.Close()
}

func parents(w *tar.Writer, p string, files Files, made map[string]bool, when time.Time) error {
	dir := path.Dir(p)
	if _, own := files[dir]; own || made[dir] {
		return nil
	}
	if err := parents(w, dir, files, made, when); err != nil {
		return err
	}
	made[dir] = true
	return add(w, dir, Dir(0o755), when)
}

func add(w *tar.Writer, p string, f File, when time.Time) error {
	h := &tar.Header{Name: p, Mode: int64(f.Mode.Perm()), Uid: f.UID, Gid: f.GID, ModTime: when, Size: int64(len(f.Body)), Typeflag: tar.TypeReg}
	if f.Mode&os.ModeSticky != 0 {
		h.Mode |= 0o1000
	}
	if f.Mode&os.ModeSetuid != 0 {
		h.Mode |= 0o4000
	}
	switch {
	case f.Link != "":
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.Link, 0o777
	case f.Mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, p+"/"
	case h.Mode == 0:
		h.Mode = 0o644
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.Write(f.Body)
	return err
}
