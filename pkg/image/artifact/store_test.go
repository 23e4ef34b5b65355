package artifact

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func newStore(t *testing.T) *Store {
	t.Helper()
	return &Store{filepath.Join(t.TempDir(), "artifacts")}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func blobs(t *testing.T, s *Store) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestAddFindRemove(t *testing.T) {
	s := newStore(t)
	if all, err := s.List(); err != nil || len(all) != 0 {
		t.Fatalf("an empty store has %v, %v", all, err)
	}
	a, err := s.Add(t.Context(), "model", []string{write(t, "a.txt", "shared")}, AddOptions{})
	if err != nil || a.Name != "localhost/model:latest" || a.Manifest.ArtifactType != UnknownType {
		t.Fatalf("%+v, %v", a, err)
	}
	b, err := s.Add(t.Context(), "quay.io/other:1", []string{write(t, "b.txt", "shared"), write(t, "c.txt", "own")}, AddOptions{Type: "x/y", FileType: "x/z"})
	if err != nil || b.Size() != 9 || b.Manifest.Layers[1].MediaType != "x/z" {
		t.Fatalf("%+v, %v", b, err)
	}
	for _, name := range []string{"model", "localhost/model:latest", a.Digest.String(), a.Digest.Encoded()[:12]} {
		if found, err := s.Find(name); err != nil || found.Digest != a.Digest {
			t.Errorf("%s is %v, %v", name, found.Name, err)
		}
	}
	if _, err := s.Find("absent"); !errors.Is(err, ErrNotFound) {
		t.Errorf("absent: %v", err)
	}
	// Manifests, the empty configuration and two files: what both have is kept once, and as long as one needs it.
	if n := blobs(t, s); n != 5 {
		t.Errorf("there are %d blobs, want 5", n)
	}
	if err := s.Remove(t.Context(), []Artifact{b}); err != nil {
		t.Fatal(err)
	}
	if n := blobs(t, s); n != 3 {
		t.Errorf("after the removal there are %d blobs, want 3", n)
	}
}

func TestAddToWhatIsThere(t *testing.T) {
	s := newStore(t)
	one, two := write(t, "one", "1"), write(t, "two", "2")
	if _, err := s.Add(t.Context(), "a", []string{one}, AddOptions{Append: true}); !errors.Is(err, ErrNotFound) {
		t.Errorf("append to nothing: %v", err)
	}
	if _, err := s.Add(t.Context(), "a", []string{one, one}, AddOptions{}); err == nil {
		t.Error("two files of one title were taken")
	}
	if _, err := s.Add(t.Context(), "a", []string{one}, AddOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add(t.Context(), "a", []string{two}, AddOptions{}); err == nil {
		t.Error("the name was taken away without --replace")
	}
	if a, err := s.Add(t.Context(), "a", []string{two}, AddOptions{Append: true}); err != nil || len(a.Manifest.Layers) != 2 {
		t.Errorf("append: %+v, %v", a, err)
	}
	if a, err := s.Add(t.Context(), "a", []string{two}, AddOptions{Replace: true}); err != nil || len(a.Manifest.Layers) != 1 {
		t.Errorf("replace: %+v, %v", a, err)
	}
	if all, err := s.List(); err != nil || len(all) != 1 {
		t.Errorf("the store has %v, %v", all, err)
	}
}

func TestAddsAtOnce(t *testing.T) {
	s := newStore(t)
	path := write(t, "f", "text")
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			if _, err := s.Add(t.Context(), strings.Repeat("a", i+1), []string{path}, AddOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if all, err := s.List(); err != nil || len(all) != 8 {
		t.Errorf("the store has %d artifacts, %v; want 8", len(all), err)
	}
}

func TestExtract(t *testing.T) {
	s := newStore(t)
	a, err := s.Add(t.Context(), "a", []string{write(t, "one", "1"), write(t, "two", "2")}, AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := s.Extract(a, dir, Selection{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"one": "1", "two": "2"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != want {
			t.Errorf("%s has %q, %v", name, text, err)
		}
	}
	for _, title := range []string{"../out", "/etc/out", "..", "a/b", "."} {
		bad := a
		bad.Manifest.Layers = a.Manifest.Layers[:1:1]
		bad.Manifest.Layers[0].Annotations = map[string]string{"org.opencontainers.image.title": title}
		if err := s.Extract(bad, dir, Selection{}); err == nil || !strings.Contains(err.Error(), "leads elsewhere") {
			t.Errorf("title %q: %v", title, err)
		}
	}
	path, err := s.blob(a.Manifest.Layers[1].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("3"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Extract(a, filepath.Join(dir, "x"), Selection{Title: "two"}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged blob: %v", err)
	}
}
