package image_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/storage"
)

func TestRemove(t *testing.T) {
	ctx := t.Context()
	s := newPlace(t, "overlay").open(t, image.Options{})
	img := load(t, s, text("one"), "localhost/a:1", "localhost/b:1")
	if _, err := s.Remove(ctx, img.ID[:12], image.RemoveOptions{}); err == nil || errors.Is(err, image.ErrInUse) || !strings.Contains(err.Error(), "localhost/a:1") {
		t.Errorf("by id with two names: %v; want an error naming them, not ErrInUse", err)
	}
	done, err := s.Remove(ctx, "a:1", image.RemoveOptions{})
	if err != nil || !slices.Equal(done.Untagged, []string{"localhost/a:1"}) || len(done.Deleted) != 0 {
		t.Errorf("the first name: %+v, %v", done, err)
	}
	done, err = s.Remove(ctx, "b:1", image.RemoveOptions{})
	if err != nil || !slices.Equal(done.Untagged, []string{"localhost/b:1"}) || !slices.Equal(done.Deleted, []string{img.ID}) {
		t.Errorf("the last name: %+v, %v", done, err)
	}
	if _, err := s.Remove(ctx, "b:1", image.RemoveOptions{}); !errors.Is(err, image.ErrNotFound) {
		t.Errorf("again: %v; want ErrNotFound", err)
	}
	lib, err := s.Library()
	if err != nil {
		t.Fatal(err)
	}
	if layers, err := lib.Layers(); err != nil || len(layers) != 0 {
		t.Errorf("%d layers are left, %v", len(layers), err)
	}
	img = load(t, s, text("one"), "localhost/a:1", "localhost/b:1")
	done, err = s.Remove(ctx, img.ID, image.RemoveOptions{Force: true})
	if err != nil || len(done.Untagged) != 2 || len(done.Deleted) != 1 {
		t.Errorf("forced by id: %+v, %v", done, err)
	}
}

func TestTagAndUntag(t *testing.T) {
	ctx := t.Context()
	s := newPlace(t, "overlay").open(t, image.Options{})
	one, two := load(t, s, text("one"), "localhost/one:1"), load(t, s, text("two"), "localhost/two:1")
	for _, name := range []string{"latest-of-it", "docker.io/x/y", "reg:5000/z:9"} {
		if err := s.Tag(ctx, "one:1", name); err != nil {
			t.Fatal(err)
		}
	}
	names := func(id string) []string {
		img, err := s.Lookup(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Sorted(slices.Values(img.Names))
	}
	want := []string{"docker.io/x/y:latest", "localhost/latest-of-it:latest", "localhost/one:1", "reg:5000/z:9"}
	if got := names(one.ID); !slices.Equal(got, want) {
		t.Errorf("names are %v, want %v", got, want)
	}
	if err := s.Tag(ctx, two.ID, "reg:5000/z:9"); err != nil {
		t.Fatal(err)
	}
	if got := names(two.ID); !slices.Contains(got, "reg:5000/z:9") {
		t.Errorf("the name did not move to the other image: %v", got)
	}
	if err := s.Untag(ctx, "one:1", []string{"latest-of-it"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Untag(ctx, "one:1", []string{"nosuch"}); err == nil || !strings.Contains(err.Error(), "has no such name") {
		t.Errorf("a name it does not have: %v", err)
	}
	if err := s.Untag(ctx, "one:1", nil); err != nil {
		t.Fatal(err)
	}
	if got := names(one.ID); len(got) != 0 {
		t.Errorf("names left: %v", got)
	}
	if err := s.Tag(ctx, two.ID, "x@"+two.Digest); err == nil {
		t.Error("a digest was taken as a tag")
	}
}

// engine stands for the engine's record of which containers use an image.
type engine struct {
	mu   sync.Mutex
	uses map[string][]string
}

func (e *engine) add(image, container string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.uses[image] = append(e.uses[image], container)
}

func (e *engine) clear(_ context.Context, image string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.uses, image)
	return nil
}

func (e *engine) inUse(_ context.Context, image string) ([]string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.uses[image]), nil
}

func TestHold(t *testing.T) {
	ctx := t.Context()
	e := &engine{uses: map[string][]string{}}
	s := newPlace(t, "overlay").open(t, image.Options{InUse: e.inUse, RemoveContainers: e.clear})
	img := load(t, s, text("one"), "localhost/one:1")
	e.add(img.ID, "web")
	for range 2 {
		if err := s.Hold(ctx, img.ID); err != nil {
			t.Fatal(err)
		}
	}
	lib, err := s.Library()
	if err != nil {
		t.Fatal(err)
	}
	containers, err := lib.Containers()
	if err != nil || len(containers) != 1 || containers[0].Names[0] != "pod-lease-"+img.ID[:24] {
		t.Fatalf("containers are %+v, %v; want one lease", containers, err)
	}
	if _, err := lib.DeleteImage(img.ID, true); !errors.Is(err, storage.ErrImageUsedByContainer) {
		t.Errorf("others can delete the image: %v", err)
	}
	_, err = s.Remove(ctx, "one:1", image.RemoveOptions{})
	if !errors.Is(err, image.ErrInUse) || !strings.Contains(err.Error(), "by container web") {
		t.Errorf("remove: %v; want ErrInUse naming web", err)
	}
	if err := s.Release(ctx, img.ID); err != nil {
		t.Fatal(err)
	}
	if containers, _ := lib.Containers(); len(containers) != 1 {
		t.Error("the lease went although a container uses the image")
	}
	if done, err := s.Remove(ctx, "one:1", image.RemoveOptions{Force: true}); err != nil || len(done.Deleted) != 1 {
		t.Errorf("forced: %+v, %v", done, err)
	}
	if containers, _ := lib.Containers(); len(containers) != 0 {
		t.Errorf("containers left: %+v", containers)
	}
	if err := s.Hold(ctx, img.ID); !errors.Is(err, image.ErrNotFound) {
		t.Errorf("hold after removal: %v; want ErrNotFound", err)
	}
}

// TestUnusedLease: a lease whose containers are gone does not keep the image.
func TestUnusedLease(t *testing.T) {
	s := newPlace(t, "overlay").open(t, image.Options{})
	img := load(t, s, text("one"), "localhost/one:1")
	if err := s.Hold(t.Context(), img.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Remove(t.Context(), "one:1", image.RemoveOptions{}); err != nil {
		t.Error(err)
	}
}

func TestForeignContainer(t *testing.T) {
	s := newPlace(t, "overlay").open(t, image.Options{})
	img := load(t, s, text("one"), "localhost/one:1")
	lib, err := s.Library()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lib.CreateContainer("", []string{"theirs"}, img.ID, "", "", nil); err != nil {
		t.Fatal(err)
	}
	_, err = s.Remove(t.Context(), "one:1", image.RemoveOptions{Force: true})
	if !errors.Is(err, image.ErrInUse) || !strings.Contains(err.Error(), "container theirs of podman or buildah") {
		t.Errorf("remove: %v", err)
	}
	if l, err := s.List(t.Context(), image.ListOptions{}); err != nil || l[0].Containers != 1 {
		t.Errorf("list: %+v, %v; want one container", l, err)
	}
}

// TestRemoveAgainstHold lets a removal and a new container meet many times: one of them must win whole.
func TestRemoveAgainstHold(t *testing.T) {
	ctx := t.Context()
	e := &engine{uses: map[string][]string{}}
	s := newPlace(t, "overlay").open(t, image.Options{InUse: e.inUse})
	for i := range 20 {
		img := load(t, s, podtest.ImageSpec{Layers: []podtest.Files{{"f": podtest.Text("x")}}}, "localhost/x:1")
		if i%2 == 0 { // with a lease left from an earlier container, and without
			if err := s.Hold(ctx, img.ID); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		var holdErr, removeErr error
		wg.Go(func() {
			e.add(img.ID, fmt.Sprint("c", i))
			holdErr = s.Hold(ctx, img.ID)
		})
		wg.Go(func() { _, removeErr = s.Remove(ctx, "localhost/x:1", image.RemoveOptions{}) })
		wg.Wait()
		_, lookErr := s.Lookup(ctx, img.ID)
		switch {
		case holdErr == nil && errors.Is(removeErr, image.ErrInUse) && lookErr == nil:
		case errors.Is(holdErr, image.ErrNotFound) && removeErr == nil && errors.Is(lookErr, image.ErrNotFound):
		default:
			t.Fatalf("round %d: hold says %v, remove says %v, the image: %v", i, holdErr, removeErr, lookErr)
		}
		e.clear(ctx, img.ID)
		if lookErr == nil {
			if _, err := s.Remove(ctx, img.ID, image.RemoveOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestHoldBetweenSteps lets a new container come at each step of a removal.
func TestHoldBetweenSteps(t *testing.T) {
	for name, c := range map[string]struct {
		call int  // of InUse, at which the container comes
		late bool // after the question was answered
	}{
		"before the first look":       {1, false},
		"after the first look":        {1, true},
		"after the lease was dropped": {2, false},
		"before the deletion":         {2, true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			e := &engine{uses: map[string][]string{}}
			var s *image.Store
			calls := 0
			arrive := func(id string) {
				e.add(id, "new")
				if err := s.Hold(ctx, id); err != nil {
					t.Errorf("hold: %v", err)
				}
			}
			s = newPlace(t, "overlay").open(t, image.Options{InUse: func(ctx context.Context, id string) ([]string, error) {
				calls++
				if calls == c.call && !c.late {
					arrive(id)
				}
				users, err := e.inUse(ctx, id)
				if calls == c.call && c.late {
					arrive(id)
				}
				return users, err
			}})
			img := load(t, s, text("x"), "localhost/x:1")
			if err := s.Hold(ctx, img.ID); err != nil { // a lease from an earlier container
				t.Fatal(err)
			}
			if _, err := s.Remove(ctx, "localhost/x:1", image.RemoveOptions{}); !errors.Is(err, image.ErrInUse) {
				t.Errorf("remove: %v; want ErrInUse", err)
			}
			lib, err := s.Library()
			if err != nil {
				t.Fatal(err)
			}
			if containers, err := lib.Containers(); err != nil || len(containers) != 1 {
				t.Errorf("leases: %+v, %v; want one", containers, err)
			}
		})
	}
}

func TestPruneParents(t *testing.T) {
	ctx := t.Context()
	s := newPlace(t, "overlay").open(t, image.Options{})
	parent := load(t, s, many(1), "localhost/parent:1")
	child := load(t, s, many(2), "localhost/child:1")
	other := load(t, s, many(3), "localhost/other:1")
	if err := s.Untag(ctx, parent.ID, nil); err != nil {
		t.Fatal(err)
	}
	all, err := s.List(ctx, image.ListOptions{})
	if err != nil || len(all) != 2 {
		t.Errorf("%d images are listed, %v; the intermediate one must be hidden", len(all), err)
	}
	if _, err := s.Remove(ctx, parent.ID, image.RemoveOptions{}); !errors.Is(err, image.ErrInUse) {
		t.Errorf("remove the parent: %v; want ErrInUse", err)
	}
	done, err := s.Remove(ctx, "child:1", image.RemoveOptions{})
	if err != nil || len(done.Deleted) != 0 {
		t.Errorf("remove an image that another is built on: %+v, %v; want only its name gone", done, err)
	}
	done, err = s.Remove(ctx, "other:1", image.RemoveOptions{})
	if want := []string{other.ID, child.ID, parent.ID}; err != nil || !slices.Equal(done.Deleted, want) {
		t.Errorf("deleted %v, %v; want %v", done.Deleted, err, want)
	}
}

// A layer that the cache of builds keeps outlives its image, whoever removes that, and goes when it is kept no more.
func TestKeptLayersOutliveTheirImage(t *testing.T) {
	ctx := t.Context()
	kept := map[string]bool{}
	p := newPlace(t, "overlay")
	s := p.open(t, image.Options{Kept: func(context.Context) (map[string]bool, error) { return kept, nil }})
	img := load(t, s, text("one"), "localhost/a:1")
	layers, err := s.ImageLayers(img)
	if err != nil {
		t.Fatal(err)
	}
	bottom, top := layers[0].ID, layers[1].ID
	count := func() int {
		lib, err := s.Library()
		if err != nil {
			t.Fatal(err)
		}
		list, err := lib.Layers()
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	kept[bottom] = true
	if _, err := s.Remove(ctx, "a:1", image.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 2 { // the layer and its lease
		t.Fatalf("%d layers are left; want the one that is kept and its lease", n)
	}
	// It is there to be built on, and the library spares it.
	load(t, s, text("one"), "localhost/a:1")
	lib, err := s.Library()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lib.DeleteImage(img.ID, true); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 2 {
		t.Fatalf("after the library has removed the image %d layers are left; want 2", n)
	}
	found, err := s.Check(ctx, image.CheckOptions{Age: 1})
	if err != nil || len(found.Leftovers) > 0 || len(found.Damages) > 0 {
		t.Errorf("check finds %+v, %v; want nothing", found, err)
	}
	if removed, err := s.RemoveLayers(ctx, []string{bottom, top}); err != nil || len(removed) > 0 {
		t.Errorf("while it is kept %v are removed, %v", removed, err)
	}
	delete(kept, bottom)
	if removed, err := s.RemoveLayers(ctx, []string{bottom}); err != nil || !slices.Equal(removed, []string{bottom}) {
		t.Errorf("when it is kept no more %v are removed, %v; want %s", removed, err, bottom)
	}
	if n := count(); n != 0 {
		t.Errorf("%d layers are left", n)
	}
}
