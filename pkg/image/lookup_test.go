package image_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
)

func TestLookup(t *testing.T) {
	p := newPlace(t, "overlay")
	registries(t, filepath.Dir(p.root), "unqualified-search-registries = [\"docker.io\", \"quay.io\"]\n[aliases]\n\"short\" = \"quay.io/long/name\"\n")
	s := p.open(t, image.Options{})
	hub := load(t, s, text("hub"), "docker.io/library/app:latest", "docker.io/team/tool:2")
	local := load(t, s, text("local"), "localhost/app:latest")
	quay := load(t, s, text("quay"), "quay.io/long/name:latest", "quay.io/app:latest")
	one := load(t, s, text("x"), "example.com/x/only:1")
	load(t, s, text("y"), "example.com/y/twice:1")
	load(t, s, text("z"), "example.com/z/twice:1")
	for _, c := range []struct {
		name string
		want *image.Image
	}{
		{"app", local},
		{"app:latest", local},
		{"localhost/app", local},
		{"docker.io/app", hub},
		{"docker.io/library/app:latest", hub},
		{"library/app", hub},
		{"team/tool:2", hub},
		{"tool:2", hub},
		{"quay.io/app", quay},
		{"short", quay},
		{"long/name", quay},
		{"only:1", one},
		{"x/only:1", one},
		{"docker://example.com/x/only:1", one},
		{"containers-storage:example.com/x/only:1", one},
		{hub.ID, hub},
		{"sha256:" + quay.ID, quay},
		{local.ID[:12], local},
		{"sha256:" + one.ID[:20], one},
		{"example.com/x/only@" + one.Digest, one},
		{"only@" + one.Digest, one},
		{"example.com/x/only:other@" + one.Digest, one},
	} {
		got, err := s.Lookup(t.Context(), c.name)
		if err != nil || got.ID != c.want.ID {
			t.Errorf("%q is %v, %v; want %v", c.name, got, err, c.want)
		}
	}
	for name, want := range map[string]string{
		"nosuch":                            `cannot find image "nosuch" locally`,
		"app:2":                             `cannot find image "app:2" locally`,
		"pp":                                `cannot find image "pp" locally`,
		"example.com/y/only:1":              "cannot find",
		"example.com/y/twice@" + one.Digest: "cannot find",
		strings.Repeat("0", 64):             "cannot find",
		"NotAName":                          "must be lowercase",
		"":                                  "no repository",
	} {
		_, err := s.Lookup(t.Context(), name)
		if !errors.Is(err, image.ErrNotFound) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want ErrNotFound with %q", name, err, want)
		}
	}
	_, err := s.Lookup(t.Context(), "twice:1")
	if !errors.Is(err, image.ErrAmbiguous) || !strings.Contains(err.Error(), "example.com/y/twice:1 and example.com/z/twice:1") {
		t.Errorf("twice:1: %v; want ErrAmbiguous naming both", err)
	}
	if _, err := s.Resolve(t.Context(), "nosuch", image.PullOptions{Policy: image.PullNever}); hint.Of(err) != "pod pull nosuch" {
		t.Errorf("hint is %q", hint.Of(err))
	}
}

func TestAmbiguousID(t *testing.T) {
	s := newPlace(t, "overlay").open(t, image.Options{})
	seen := map[byte]bool{}
	for i := range 17 { // of 17 ids two begin with the same digit
		id := load(t, s, text(strings.Repeat("x", i+1)), "localhost/i:latest").ID
		if seen[id[0]] {
			if _, err := s.Lookup(t.Context(), id[:1]); !errors.Is(err, image.ErrAmbiguous) {
				t.Errorf("%q: %v, want ErrAmbiguous", id[:1], err)
			}
			return
		}
		seen[id[0]] = true
	}
	t.Fatal("no two ids began with the same digit")
}

// TestAgreesWithLibrary compares what this package reads from the files with what the library says.
func TestAgreesWithLibrary(t *testing.T) {
	s := newPlace(t, "overlay").open(t, image.Options{})
	load(t, s, text("one"), "localhost/one:1", "localhost/one:2")
	spec := text("two")
	spec.OCI = true
	spec.Layers = append(spec.Layers, podtest.Files{"z": podtest.Text("z")})
	load(t, s, spec, "quay.io/two:latest")
	lib, err := s.Library()
	if err != nil {
		t.Fatal(err)
	}
	images, err := lib.Images()
	if err != nil {
		t.Fatal(err)
	}
	if len(images) != 2 {
		t.Fatalf("the library has %d images", len(images))
	}
	for _, want := range images {
		got, err := s.Lookup(t.Context(), want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Names, want.Names) || got.Digest != string(want.Digest) || !got.Created.Equal(want.Created) || got.TopLayer != want.TopLayer {
			t.Errorf("got %+v, the library has %+v", got, want)
		}
		var digests []string
		for _, d := range want.Digests {
			digests = append(digests, string(d))
		}
		slices.Sort(digests)
		mine := slices.Sorted(slices.Values(got.Digests))
		if !slices.Equal(mine, digests) {
			t.Errorf("digests are %v, the library has %v", mine, digests)
		}
		size, err := s.Size(got)
		wantSize, wantErr := lib.ImageSize(want.ID)
		if err != nil || wantErr != nil || size != wantSize {
			t.Errorf("size is %d, %v; the library says %d, %v", size, err, wantSize, wantErr)
		}
	}
}

// TestDamagedIndex damages one record of the index: the others must be found.
func TestDamagedIndex(t *testing.T) {
	p := newPlace(t, "overlay")
	s := p.open(t, image.Options{})
	one := load(t, s, text("one"), "localhost/one:1")
	load(t, s, text("two"), "localhost/two:1")
	file := filepath.Join(p.root, "overlay-images", "images.json")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(string) string{
		"wrong type": func(s string) string { return strings.Replace(s, `"localhost/two:1"`, `7`, 1) },
		"truncated":  func(s string) string { return s[:strings.Index(s, "localhost/two:1")] },
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(damage(string(b))), 0o600); err != nil {
				t.Fatal(err)
			}
			defer os.WriteFile(file, b, 0o600)
			if img, err := s.Lookup(t.Context(), "one:1"); err != nil || img.ID != one.ID {
				t.Errorf("the whole record is %v, %v", img, err)
			}
			if _, err := s.Lookup(t.Context(), "two:1"); !errors.Is(err, image.ErrNotFound) {
				t.Errorf("the damaged record: %v", err)
			}
		})
	}
}

func BenchmarkOpenAndLookup(b *testing.B) {
	p := newPlace(b, "overlay")
	s := p.open(b, image.Options{})
	img := load(b, s, text("one"), "docker.io/library/busybox:latest")
	load(b, s, text("two"), "localhost/two:latest")
	if err := s.Hold(b.Context(), img.ID); err != nil {
		b.Fatal(err)
	}
	open := func() *image.Store {
		s, err := image.Open(b.Context(), image.Options{Place: image.Place{GraphRoot: p.root, RunRoot: p.run, Driver: p.driver}})
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	lookup := func(name string) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				if _, err := open().Lookup(b.Context(), name); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			open()
		}
	})
	b.Run("full", lookup("docker.io/library/busybox:latest"))
	b.Run("short", lookup("busybox"))
	b.Run("layers", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.LayersOf(img); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("hold", func(b *testing.B) {
		for b.Loop() {
			if err := s.Hold(b.Context(), img.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
}
