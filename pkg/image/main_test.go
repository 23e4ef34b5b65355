package image_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/image/transfer"
)

func TestMain(m *testing.M) { os.Exit(podtest.EnterUserNamespace(m)) }

// place is where the store of a test lies, so that a test can open it more than once.
type place struct{ root, run, driver string }

// newPlace isolates the test from the machine's configuration.
func newPlace(t testing.TB, driver string) place {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("XDG_RUNTIME_DIR", dir)
	registries(t, dir, "")
	return place{filepath.Join(dir, "root"), filepath.Join(dir, "run"), driver}
}

func registries(t testing.TB, dir, text string) {
	t.Helper()
	file := filepath.Join(dir, "registries.conf")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTAINERS_REGISTRIES_CONF", file)
}

func (p place) open(t testing.TB, opts image.Options) *image.Store {
	t.Helper()
	opts.GraphRoot, opts.RunRoot, opts.Driver = p.root, p.run, p.driver
	s, err := image.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if lib, err := s.Library(); err == nil {
			if _, err := lib.Shutdown(true); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

func text(s string) podtest.ImageSpec {
	return podtest.ImageSpec{Layers: []podtest.Files{{"etc/hello": podtest.Text(s)}, {"etc/second": podtest.Text(s + s)}}}
}

// load puts an image into the store under the names.
func load(t testing.TB, s *image.Store, spec podtest.ImageSpec, names ...string) *image.Image {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.tar")
	if err := spec.Save(file, names[0]); err != nil {
		t.Fatal(err)
	}
	loaded, err := transfer.Transfer{}.Load(t.Context(), s, file, nil, image.PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	id := loaded[0].Image.ID
	for _, name := range names[1:] {
		if err := s.Tag(t.Context(), id, name); err != nil {
			t.Fatal(err)
		}
	}
	img, err := s.Lookup(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// removeConfig takes the configuration of an image away behind everybody's back.
func removeConfig(t *testing.T, p place, id string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.root, "overlay-images", id, "=*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("files of image %s: %v, %v", id, files, err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}
