package image_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/pod-engine/pod/pkg/image"
)

// TestHasLayer has a layer as it is found while it is being made, and after its maker was killed: with a directory, an index that says so, and nothing else.
func TestHasLayer(t *testing.T) {
	s := newPlace(t, "overlay").open(t, image.Options{})
	dir := filepath.Join(s.GraphRoot(), "step")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o644)); err != nil {
		t.Fatal(err)
	}
	l, err := s.AddLayer(t.Context(), "", dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	layers := filepath.Join(s.GraphRoot(), "overlay-layers")
	index := filepath.Join(layers, "layers.json")
	whole, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	if !s.HasLayer(l.ID) {
		t.Error("it is not there when it is whole")
	}
	if err := os.Remove(filepath.Join(layers, l.ID+".tar-split.gz")); err != nil {
		t.Fatal(err)
	}
	if !s.HasLayer(l.ID) {
		t.Error("it is not there when another program has brought it in")
	}
	marked := regexp.MustCompile(`\}\]\s*$`).ReplaceAll(whole, []byte(`,"flags":{"incomplete":true}}]`))
	if err := os.WriteFile(index, marked, 0o600); err != nil {
		t.Fatal(err)
	}
	if s.HasLayer(l.ID) {
		t.Error("it is there while it is being made")
	}
	if err := os.WriteFile(index, []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.HasLayer(l.ID) {
		t.Error("it is there when it is not")
	}
}
