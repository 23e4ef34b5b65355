package image_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
)

func shown(list []image.Difference) string {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "%c %s\n", d.Kind, d.Path)
	}
	return b.String()
}

func TestDifferences(t *testing.T) {
	s := newPlace(t, "overlay").open(t, image.Options{})
	img := load(t, s, base(), "localhost/base:1")
	l, err := s.LayersOf(img)
	if err != nil {
		t.Fatal(err)
	}
	dir := upper(t, s, img)
	long := ""
	for i := range 30 {
		long += "A /fresh" + strings.Repeat("/long", i+1) + "\n"
	}
	want := "C /dir\nD /dir/a\nD /dir/b\nA /dir/new\nA /fifo\nA /fresh\n" + long + "A /fresh/ünï\nC /kept\nC /kept/c\nA /link\nD /old\nA /tool\nA /tool2\n"
	got, err := image.Differences(t.Context(), l.Dirs, append([]string{dir}, l.Dirs...))
	if err != nil || shown(got) != want {
		t.Errorf("differences: %v\n%s\nwant:\n%s", err, shown(got), want)
	}
	// The same, once the directory is a layer, and seen from the other side.
	layer, err := s.AddLayer(t.Context(), img.TopLayer, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	made := add(t, s, img, layer, "step", "localhost/made:1")
	if got, err = s.ImageDifferences(t.Context(), made); err != nil || shown(got) != want {
		t.Errorf("differences of the image: %v\n%s", err, shown(got))
	}
	after, err := s.LayersOf(made)
	if err != nil {
		t.Fatal(err)
	}
	got, err = image.Differences(t.Context(), after.Dirs, l.Dirs)
	if err != nil {
		t.Fatal(err)
	}
	back := "C /dir\nA /dir/a\nA /dir/b\nD /dir/new\nD /fifo\nD /fresh\nC /kept\nC /kept/c\nD /link\nA /old\nD /tool\nD /tool2\n"
	if shown(got) != back {
		t.Errorf("the other way:\n%s\nwant:\n%s", shown(got), back)
	}
}

// TestDifferencesOfEqual compares two images that share no layer and hold the same.
func TestDifferencesOfEqual(t *testing.T) {
	s := newPlace(t, "overlay").open(t, image.Options{})
	one := load(t, s, base(), "localhost/one:1")
	spec := base()
	all := podtest.Files{}
	for _, files := range spec.Layers {
		for name, f := range files {
			all[name] = f
		}
	}
	spec.Layers = []podtest.Files{all}
	two := load(t, s, spec, "localhost/two:1")
	a, errA := s.LayersOf(one)
	b, errB := s.LayersOf(two)
	if errA != nil || errB != nil || slices.Equal(a.Dirs, b.Dirs) {
		t.Fatal(errA, errB, a.Dirs)
	}
	if got, err := image.Differences(t.Context(), a.Dirs, b.Dirs); err != nil || len(got) != 0 {
		t.Errorf("differences: %v\n%s", err, shown(got))
	}
}
