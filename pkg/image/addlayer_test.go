package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/image/transfer"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

// base is an image with a file to remove, a directory to replace and one to change.
func base() podtest.ImageSpec {
	return podtest.ImageSpec{Layers: []podtest.Files{
		{"old": podtest.Text("old"), "dir/a": podtest.Text("a"), "dir/b": podtest.Text("b"), "kept/c": podtest.Text("c")},
		{"second": podtest.Text("2")},
	}}
}

// upper makes an upper directory over the image with every kind of change, by way of overlay itself.
func upper(t *testing.T, s *image.Store, img *image.Image) string {
	t.Helper()
	l, err := s.LayersOf(img)
	if err != nil {
		t.Fatal(err)
	}
	// In the store's own directory, so that it can be moved.
	dir := filepath.Join(s.GraphRoot(), "step")
	merged := t.TempDir()
	for _, d := range []string{"upper", "work"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", strings.Join(l.Dirs, ":"), dir, dir)
	if os.Getenv("_CONTAINERS_USERNS_CONFIGURED") != "" {
		options += ",userxattr"
	}
	if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(merged, unix.MNT_DETACH)
	at := func(name string) string { return filepath.Join(merged, name) }
	for _, err := range []error{
		os.Remove(at("old")),
		os.RemoveAll(at("dir")), os.Mkdir(at("dir"), 0o750), os.WriteFile(at("dir/new"), []byte("new"), 0o600),
		os.WriteFile(at("kept/c"), []byte("changed"), 0o644),
		os.WriteFile(at("tool"), []byte("tool"), 0o755), os.Chown(at("tool"), 1, 1), os.Chmod(at("tool"), 0o755|os.ModeSetuid),
		os.Link(at("tool"), at("tool2")), os.Symlink("/nowhere", at("link")), unix.Mkfifo(at("fifo"), 0o600),
		unix.Setxattr(at("tool"), "user.note", []byte("x\x00y"), 0),
		os.MkdirAll(at("fresh/"+strings.Repeat("long/", 30)), 0o755), os.WriteFile(at("fresh/ünï"), bytes.Repeat([]byte("x"), 1<<20), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "upper")
}

// configOver is the configuration of an image with one layer more.
func configOver(t *testing.T, img *image.Image, l image.Layer, step string) []byte {
	t.Helper()
	c := img.Config.Image
	c.RootFS = specs.RootFS{Type: "layers", DiffIDs: append(slices.Clone(c.RootFS.DiffIDs), l.DiffID)}
	c.History = append(slices.Clone(c.History), specs.History{CreatedBy: step})
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// add makes an image of img and one more layer.
func add(t *testing.T, s *image.Store, img *image.Image, l image.Layer, step string, names ...string) *image.Image {
	t.Helper()
	layers, err := s.ImageLayers(img)
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.AddImage(t.Context(), image.NewImage{Config: configOver(t, img, l, step), Layers: append(layers, l), Names: names})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestAddLayer(t *testing.T) {
	for _, driver := range []string{"overlay", "vfs"} {
		t.Run(driver, func(t *testing.T) {
			s := newPlace(t, driver).open(t, image.Options{})
			img := load(t, s, base(), "localhost/base:1")
			dir := upper(t, s, img)
			var before, after unix.Stat_t
			if err := unix.Stat(dir, &before); err != nil {
				t.Fatal(err)
			}
			l, err := s.AddLayer(t.Context(), img.TopLayer, dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			if driver == "overlay" {
				if err := unix.Stat(filepath.Join(s.GraphRoot(), "overlay", l.ID, "diff"), &after); err != nil || after.Ino != before.Ino {
					t.Errorf("the directory was copied, not moved: inode %d, then %d, %v", before.Ino, after.Ino, err)
				}
			}
			if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the directory is still there: %v", err)
			}
			made := add(t, s, img, l, "step", "localhost/made:1")
			if !slices.Equal(made.Names, []string{"localhost/made:1"}) || len(made.Config.RootFS.DiffIDs) != 3 {
				t.Errorf("the image is %+v", made)
			}
			checkMade(t, saved(t, s, "made:1"), l)
		})
	}
}

// saved gives the tar streams of an image's layers, lowest first, as save writes them; it checks them against the configuration.
func saved(t *testing.T, s *image.Store, name string) [][]byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "saved.tar")
	if err := (transfer.Transfer{}).Save(t.Context(), s, []string{name}, image.SaveOptions{Format: image.DockerArchive, Output: file}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	files := map[string][]byte{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	var manifest []struct {
		Config string
		Layers []string
	}
	var conf specs.Image
	if err := errors.Join(json.Unmarshal(files["manifest.json"], &manifest), json.Unmarshal(files[manifest[0].Config], &conf)); err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for i, name := range manifest[0].Layers {
		if got := digest.FromBytes(files[name]); got != conf.RootFS.DiffIDs[i] {
			t.Errorf("layer %d is saved as %s, its configuration says %s", i, got, conf.RootFS.DiffIDs[i])
		}
		out = append(out, files[name])
	}
	return out
}

func checkMade(t *testing.T, layers [][]byte, l image.Layer) {
	t.Helper()
	top := layers[len(layers)-1]
	if int64(len(top)) != l.Size || digest.FromBytes(top) != l.DiffID {
		t.Errorf("saved are %d bytes, %s; recorded %d, %s", len(top), digest.FromBytes(top), l.Size, l.DiffID)
	}
	found := map[string]*tar.Header{}
	for r := tar.NewReader(bytes.NewReader(top)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(h.Name, "/")] = h
	}
	for _, want := range []string{".wh.old", "dir/.wh..wh..opq", "dir/new", "kept/c", "link", "fifo", "fresh/ünï"} {
		if found[want] == nil {
			t.Errorf("there is no %s in the layer", want)
		}
	}
	for _, no := range []string{"second", "dir/a", "fresh/.wh..wh..opq", "old"} {
		if found[no] != nil {
			t.Errorf("%s is in the layer", no)
		}
	}
	tool, tool2 := found["tool"], found["tool2"]
	if tool == nil || tool2 == nil || tool2.Typeflag != tar.TypeLink || tool.Mode&0o4777 != 0o4755 || tool.Uid != 1 || tool.PAXRecords["SCHILY.xattr.user.note"] != "x\x00y" {
		t.Errorf("tool is %+v, tool2 %+v", tool, tool2)
	}
}

// TestAddLayerTwice makes the same layer again: it is found, and stored once.
func TestAddLayerTwice(t *testing.T) {
	s := newPlace(t, "overlay").open(t, image.Options{})
	var made []image.Layer
	for range 2 {
		dir := filepath.Join(s.GraphRoot(), "step")
		when := unix.NsecToTimeval(1)
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o644),
			unix.Utimes(filepath.Join(dir, "f"), []unix.Timeval{when, when}), unix.Utimes(dir, []unix.Timeval{when, when})); err != nil {
			t.Fatal(err)
		}
		l, err := s.AddLayer(t.Context(), "", dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, l)
	}
	if made[0].ID != made[1].ID || made[0].Found || !made[1].Found {
		t.Errorf("the layers are %+v", made)
	}
	if left, err := os.ReadDir(filepath.Join(s.GraphRoot(), "overlay", "staging")); err != nil || len(left) != 0 {
		t.Errorf("left in the staging directory: %v, %v", left, err)
	}
}

// TestAddLayerTar compares what AddLayerTar stores with what went in, byte for byte.
func TestAddLayerTar(t *testing.T) {
	for _, driver := range []string{"overlay", "vfs"} {
		s := newPlace(t, driver).open(t, image.Options{})
		img := load(t, s, base(), "localhost/base:1")
		var plain, packed bytes.Buffer
		w := tar.NewWriter(&plain)
		for _, h := range []tar.Header{{Name: "x", Size: 3, Mode: 0o640}, {Name: ".wh.old"}, {Name: "d/", Typeflag: tar.TypeDir, Mode: 0o700, Uid: 2}} {
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			io.WriteString(w, "xyz"[:h.Size])
		}
		w.Close()
		plain.Write(make([]byte, 20480)) // padding counts
		z := gzip.NewWriter(&packed)
		z.Write(plain.Bytes())
		z.Close()
		for i, in := range []io.Reader{bytes.NewReader(plain.Bytes()), &packed} {
			l, err := s.AddLayerTar(t.Context(), img.TopLayer, in, nil)
			if err != nil {
				t.Fatal(driver, err)
			}
			if l.DiffID != digest.FromBytes(plain.Bytes()) || l.Size != int64(plain.Len()) {
				t.Errorf("%s: layer %d is %+v, went in %d, %s", driver, i, l, plain.Len(), digest.FromBytes(plain.Bytes()))
			}
			if l.Found != (driver == "overlay" && i == 1) {
				t.Errorf("%s: layer %d found: %v", driver, i, l.Found)
			}
			name := fmt.Sprintf("localhost/tar%d:1", i)
			add(t, s, img, l, "step", name)
			if layers := saved(t, s, name); !bytes.Equal(layers[len(layers)-1], plain.Bytes()) {
				t.Errorf("%s: what is saved is not what went in", driver)
			}
		}
		if _, err := s.AddLayerTar(t.Context(), "", strings.NewReader("no tar at all, but long enough to be looked at as one"+strings.Repeat("x", 1024)), nil); err == nil {
			t.Errorf("%s: text was taken for a layer", driver)
		}
		if _, err := s.AddLayerTar(t.Context(), strings.Repeat("0", 64), bytes.NewReader(plain.Bytes()), nil); !errors.Is(err, image.ErrNotFound) {
			t.Errorf("%s: on a layer that is not there: %v; want ErrNotFound", driver, err)
		}
	}
}

func TestAddImage(t *testing.T) {
	ctx := t.Context()
	s := newPlace(t, "overlay").open(t, image.Options{})
	img := load(t, s, base(), "localhost/base:1")
	l, err := s.AddLayer(ctx, img.TopLayer, upper(t, s, img), nil)
	if err != nil {
		t.Fatal(err)
	}
	made := add(t, s, img, l, "step", "localhost/base:1", "localhost/new:1")
	if old, err := s.Lookup(ctx, img.ID); err != nil || len(old.Names) != 0 {
		t.Errorf("the old image is %+v, %v; want it without names", old, err)
	}
	if now, err := s.Lookup(ctx, "base:1"); err != nil || now.ID != made.ID {
		t.Errorf("the name means %v, %v", now, err)
	}
	// The old one is now build cache of the new.
	if _, err := s.Remove(ctx, img.ID, image.RemoveOptions{}); !errors.Is(err, image.ErrInUse) {
		t.Errorf("remove what the image was built on: %v", err)
	}
	if again := add(t, s, img, l, "step", "localhost/third:1"); again.ID != made.ID || len(again.Names) != 3 {
		t.Errorf("the same again is %+v", again)
	}
	layers, err := s.ImageLayers(img)
	if err != nil {
		t.Fatal(err)
	}
	conf := configOver(t, img, l, "step")
	if _, err := s.AddImage(ctx, image.NewImage{Config: conf, Layers: layers}); err == nil {
		t.Error("an image was recorded with fewer layers than its configuration has")
	}
	if _, err := s.Remove(ctx, made.ID, image.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddImage(ctx, image.NewImage{Config: conf, Layers: append(layers, l), Docker: true}); !errors.Is(err, image.ErrNotFound) {
		t.Errorf("over a layer that has gone: %v; want ErrNotFound", err)
	}
}

// TestAddLayerIsTheLibrarys checks that the stream is the one which the library would make without our record of it.
func TestAddLayerIsTheLibrarys(t *testing.T) {
	p := newPlace(t, "overlay")
	s := p.open(t, image.Options{})
	img := load(t, s, base(), "localhost/base:1")
	l, err := s.AddLayer(t.Context(), img.TopLayer, upper(t, s, img), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(p.root, "overlay-layers", l.ID+".tar-split.gz")); err != nil {
		t.Fatal(err)
	}
	lib, err := s.Library()
	if err != nil {
		t.Fatal(err)
	}
	plain := archive.Uncompressed
	r, err := lib.Diff("", l.ID, &storage.DiffOptions{Compression: &plain})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if sum, err := digest.FromReader(r); err != nil || sum != l.DiffID {
		t.Errorf("the library makes %s, %v; recorded is %s", sum, err, l.DiffID)
	}
}
