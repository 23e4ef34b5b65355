package transfer

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
)

func TestMain(m *testing.M) { os.Exit(podtest.EnterUserNamespace(m)) }

// newStore gives an empty store and isolates the test from the machine's registries.conf, policy and credentials.
func newStore(t *testing.T, registries string) *image.Store {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "registries.conf")
	if err := os.WriteFile(conf, []byte(registries), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTAINERS_REGISTRIES_CONF", conf)
	sysregistriesv2.InvalidateCache() // the library keeps what it read, even when the environment names another file
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("TMPDIR", "")
	return openStore(t, filepath.Join(dir, "root"), filepath.Join(dir, "run"))
}

func openStore(t *testing.T, root, run string) *image.Store {
	t.Helper()
	s, err := image.Open(t.Context(), image.Options{Place: image.Place{GraphRoot: root, RunRoot: run, Driver: "overlay"}, Puller: Transfer{}})
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

// insecure is a registries.conf for a registry over plain HTTP.
func insecure(host string) string {
	return "[[registry]]\nlocation = \"" + host + "\"\ninsecure = true\n"
}

func small(text string) podtest.ImageSpec {
	return podtest.ImageSpec{Layers: []podtest.Files{{"etc/hello": podtest.Text(text)}, {"etc/second": podtest.Text(text + text)}}}
}

func push(t *testing.T, spec podtest.ImageSpec, ref string) string {
	t.Helper()
	if err := spec.Push(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	img, err := spec.Image()
	if err != nil {
		t.Fatal(err)
	}
	id, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return id.Hex
}

func pull(t *testing.T, s *image.Store, ref string, opts image.PullOptions) *image.Image {
	t.Helper()
	images, err := Transfer{}.Pull(t.Context(), s, ref, opts)
	if err != nil {
		t.Fatalf("pull %s: %v", ref, err)
	}
	return images[0]
}

// content reads a file of an image through its layers.
func content(t *testing.T, s *image.Store, img *image.Image, file string) string {
	t.Helper()
	layers, err := s.LayersOf(img)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range layers.Dirs {
		if b, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
			return string(b)
		}
	}
	t.Fatalf("%s is in none of %v", file, layers.Dirs)
	return ""
}

// intercept is a handler that looks at each request first; true means that it has answered.
func intercept(f func(w http.ResponseWriter, r *http.Request) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !f(w, r) {
				next.ServeHTTP(w, r)
			}
		})
	}
}
