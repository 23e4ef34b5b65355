package image_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pod-engine/pod/pkg/image"
)

func TestPin(t *testing.T) {
	ctx := t.Context()
	p := newPlace(t, "overlay")
	s := p.open(t, image.Options{})
	img := load(t, s, text("one"), "localhost/a:1")
	first, err := s.Pin(ctx, img.ID, "build of x")
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Pin(ctx, img.ID, "save")
	if err != nil {
		t.Fatal(err)
	}
	for _, pin := range []*image.Pin{first, second} {
		_, err = s.Remove(ctx, "a:1", image.RemoveOptions{Force: true})
		if !errors.Is(err, image.ErrInUse) || !strings.Contains(err.Error(), "save") {
			t.Fatalf("remove a pinned image: %v; want ErrInUse and who uses it", err)
		}
		if err := errors.Join(pin.Release(), pin.Release()); err != nil {
			t.Fatal(err)
		}
	}
	// A pin that nobody holds any more, as a killed process leaves it.
	left := filepath.Join(p.root, "pod-pins", img.ID+".1.1")
	if err := os.WriteFile(left, []byte("1 build\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Remove(ctx, "a:1", image.RemoveOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the dead pin is still there: %v", err)
	}
	if _, err := s.Pin(ctx, img.ID, "build"); !errors.Is(err, image.ErrNotFound) {
		t.Errorf("pin an image that is gone: %v; want ErrNotFound", err)
	}
}

// TestPinRacesRemove lets both run at once, many times: whoever has a pin has the image.
func TestPinRacesRemove(t *testing.T) {
	ctx := t.Context()
	p := newPlace(t, "overlay")
	s := p.open(t, image.Options{})
	for range 20 {
		img := load(t, s, text("one"), "localhost/a:1")
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.Remove(ctx, "a:1", image.RemoveOptions{}); err != nil && !errors.Is(err, image.ErrInUse) {
				t.Error(err)
			}
		})
		wg.Go(func() {
			pin, err := s.Pin(ctx, img.ID, "build")
			if errors.Is(err, image.ErrNotFound) {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := s.Lookup(ctx, img.ID); err != nil {
				t.Errorf("a pinned image: %v", err)
			}
			if err := pin.Release(); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
	}
}
