package image_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
	"golang.org/x/sys/unix"
)

// many describes an image of n layers, each with a file of its own and one that all have.
func many(n int) podtest.ImageSpec {
	var spec podtest.ImageSpec
	for i := range n {
		spec.Layers = append(spec.Layers, podtest.Files{fmt.Sprint("file", i): podtest.Text("x"), "all": podtest.Text(fmt.Sprint(i))})
	}
	return spec
}

func TestLayers(t *testing.T) {
	s := newPlace(t, "overlay").open(t, image.Options{})
	img := load(t, s, many(5), "localhost/five:1")
	l, err := s.Layers(t.Context(), img.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Dirs) != 5 || len(l.Links) != 5 {
		t.Fatalf("layers are %+v, want five", l)
	}
	for i, dir := range l.Dirs {
		want := fmt.Sprint(4 - i) // newest first
		for _, d := range []string{dir, filepath.Join(l.BaseDir, l.Links[i])} {
			if b, err := os.ReadFile(filepath.Join(d, "all")); err != nil || string(b) != want {
				t.Errorf("%s/all is %q, %v; want %q", d, b, err, want)
			}
		}
	}
}

// TestLayersMount mounts the short form as overlay, as the engine does, and reads through it.
func TestLayersMount(t *testing.T) {
	s := newPlace(t, "overlay").open(t, image.Options{})
	img := load(t, s, many(40), "localhost/many:1")
	l, err := s.Layers(t.Context(), img.ID)
	if err != nil {
		t.Fatal(err)
	}
	at := t.TempDir()
	t.Chdir(l.BaseDir)
	options := "lowerdir=" + strings.Join(l.Links, ":") + ",userxattr"
	if os.Getenv("_CONTAINERS_USERNS_CONFIGURED") == "" {
		options = strings.TrimSuffix(options, ",userxattr")
	}
	if err := unix.Mount("overlay", at, "overlay", unix.MS_RDONLY, options); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(at, unix.MNT_DETACH)
	if b, err := os.ReadFile(filepath.Join(at, "all")); err != nil || string(b) != "39" {
		t.Errorf("all is %q, %v; want 39", b, err)
	}
	entries, err := os.ReadDir(at)
	if err != nil || len(entries) != 41 {
		t.Errorf("there are %d entries, %v; want 41", len(entries), err)
	}
}

func TestLayersOfOldStores(t *testing.T) {
	p := newPlace(t, "overlay")
	s := p.open(t, image.Options{})
	img := load(t, s, many(3), "localhost/three:1")
	want, err := s.Layers(t.Context(), img.ID)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(p.root, "overlay", "*", "lower-layers"))
	if err != nil || len(files) == 0 {
		t.Fatalf("lower-layers files: %v, %v", files, err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Layers(t.Context(), img.ID)
	if err != nil || !slices.Equal(got.Dirs, want.Dirs) || !slices.Equal(got.Links, want.Links) {
		t.Errorf("layers by short links are %+v, %v; want %+v", got, err, want)
	}
	// A power loss can leave links that lead nowhere; then there is only the long form.
	if err := os.Remove(filepath.Join(want.BaseDir, want.Links[0])); err != nil {
		t.Fatal(err)
	}
	if got, err = s.Layers(t.Context(), img.ID); err != nil || got.Links != nil || len(got.Dirs) != 3 {
		t.Errorf("layers with a broken link are %+v, %v; want three and no links", got, err)
	}
}

func TestLayersVFS(t *testing.T) {
	s := newPlace(t, "vfs").open(t, image.Options{})
	img := load(t, s, many(3), "localhost/three:1")
	l, err := s.Layers(t.Context(), img.ID)
	if err != nil || len(l.Dirs) != 1 || l.Links != nil {
		t.Fatalf("layers are %+v, %v; want one directory", l, err)
	}
	for _, f := range []string{"file0", "file1", "file2"} {
		if _, err := os.Stat(filepath.Join(l.Dirs[0], f)); err != nil {
			t.Error(err)
		}
	}
}

// A store that podman wrote with vfs is used as it is: no second one for overlay is made beside it.
func TestStoreOfVFSIsFound(t *testing.T) {
	p := newPlace(t, "vfs")
	img := load(t, p.open(t, image.Options{}), many(1), "localhost/one:1")
	p.driver = ""
	s := p.open(t, image.Options{})
	got, err := s.Lookup(t.Context(), "localhost/one:1")
	if err != nil || got.ID != img.ID || s.Driver() != "vfs" {
		t.Errorf("found %v, %v with driver %q", got, err, s.Driver())
	}
}

func TestLayersMissing(t *testing.T) {
	s := newPlace(t, "overlay").open(t, image.Options{})
	img := load(t, s, many(2), "localhost/two:1")
	l, err := s.LayersOf(img)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(l.Dirs[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.LayersOf(img); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), `layers of image "localhost/two:1"`) {
		t.Errorf("error is %v", err)
	}
}

// TestAdditionalStore uses an image of another store, and one whose upper layer is in the user's own.
func TestAdditionalStore(t *testing.T) {
	made := newPlace(t, "overlay")
	load(t, made.open(t, image.Options{}), many(2), "localhost/shared:1")
	// A copy, because within one process the library opens a lock file either for writing or for reading.
	shared := place{root: filepath.Join(t.TempDir(), "shared")}
	if out, err := exec.Command("cp", "-a", made.root, shared.root).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	own := place{filepath.Join(t.TempDir(), "root"), filepath.Join(t.TempDir(), "run"), "overlay"}
	s := own.open(t, image.Options{Place: image.Place{DriverOptions: []string{"overlay.imagestore=" + shared.root}}})
	img, err := s.Lookup(t.Context(), "shared:1")
	if err != nil || !img.ReadOnly {
		t.Fatalf("the shared image is %+v, %v", img, err)
	}
	l, err := s.LayersOf(img)
	if err != nil || len(l.Dirs) != 2 || l.BaseDir != filepath.Join(shared.root, "overlay") {
		t.Errorf("layers are %+v, %v", l, err)
	}
	if _, err := s.Remove(t.Context(), "shared:1", image.RemoveOptions{Force: true}); !errors.Is(err, image.ErrReadOnly) {
		t.Errorf("remove: %v; want ErrReadOnly", err)
	}
	if err := s.Tag(t.Context(), "shared:1", "localhost/other"); !errors.Is(err, image.ErrReadOnly) {
		t.Errorf("tag: %v; want ErrReadOnly", err)
	}
	if err := s.Hold(t.Context(), img.ID); err != nil {
		t.Errorf("hold: %v", err)
	}
	mixed := load(t, s, many(3), "localhost/mixed:1")
	l, err = s.LayersOf(mixed)
	if err != nil || len(l.Dirs) != 3 {
		t.Errorf("layers of the mixed image are %+v, %v", l, err)
	}
}

// TestReadOnlyStore mounts the store read-only: reading works, writing refuses with a sentence, nothing panics.
func TestReadOnlyStore(t *testing.T) {
	p := newPlace(t, "overlay")
	load(t, p.open(t, image.Options{}), many(2), "localhost/two:1")
	if err := unix.Mount(p.root, p.root, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(p.root, unix.MNT_DETACH)
	if err := unix.Mount("", p.root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	s, err := image.Open(t.Context(), image.Options{Place: image.Place{GraphRoot: p.root, RunRoot: p.run, Driver: p.driver}})
	if err != nil {
		t.Fatal(err)
	}
	img, err := s.Lookup(t.Context(), "two:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.LayersOf(img); err != nil {
		t.Error(err)
	}
	if images, err := s.List(t.Context(), image.ListOptions{}); err != nil || len(images) != 1 {
		t.Errorf("list: %v, %v", images, err)
	}
	if err := s.Hold(t.Context(), img.ID); err != nil {
		t.Errorf("hold: %v", err)
	}
	for verb, err := range map[string]error{
		"tag":   s.Tag(t.Context(), "two:1", "x"),
		"untag": s.Untag(t.Context(), "two:1", nil),
		"rmi":   removing(s.Remove(t.Context(), "two:1", image.RemoveOptions{})),
	} {
		if !errors.Is(err, image.ErrReadOnly) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want one line with ErrReadOnly", verb, err)
		}
	}
}

func removing(_ image.Removed, err error) error { return err }
