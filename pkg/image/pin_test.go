package image_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

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

// An image without name that gets one while a prune is on its way to it stays, whenever that is: who gave the name was told that it has it.
func TestPruneLeavesWhatGetsAName(t *testing.T) {
	given := 0
	for call := 1; ; call++ {
		p := newPlace(t, "overlay")
		other := p.open(t, image.Options{})
		img := load(t, other, base(), "localhost/app:1")
		if err := other.Untag(t.Context(), img.ID, nil); err != nil {
			t.Fatal(err)
		}
		calls, tagged := 0, errors.New("not asked so often")
		s := p.open(t, image.Options{InUse: func(ctx context.Context, id string) ([]string, error) {
			if calls++; calls == call {
				// Whoever removes may have the lock that a name needs.
				bounded, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
				defer cancel()
				tagged = other.Tag(bounded, id, "app:2")
			}
			return nil, nil
		}})
		if _, _, err := s.Prune(t.Context(), image.PruneOptions{}); err != nil {
			t.Fatal(err)
		}
		if calls < call {
			break
		}
		if tagged != nil {
			continue
		}
		given++
		if _, err := other.Lookup(t.Context(), "localhost/app:2"); err != nil {
			t.Errorf("named at look %d of %d: %v", call, calls, err)
		}
	}
	if given == 0 {
		t.Error("it was never given a name")
	}
}
