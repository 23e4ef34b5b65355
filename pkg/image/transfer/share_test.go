package transfer

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
)

// counted is a registry that counts how often each blob was asked for, and can hold back those whose digest is in held.
type counted struct {
	mu    sync.Mutex
	asked map[string]int
	held  string
	stuck chan struct{} // has something once somebody waits for the held blob
}

func (c *counted) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, digest, blob := strings.Cut(r.URL.Path, "/blobs/")
		if r.Method != http.MethodGet || !blob {
			next.ServeHTTP(w, r)
			return
		}
		c.mu.Lock()
		c.asked[digest]++
		held := digest == c.held
		c.mu.Unlock()
		if held {
			w.Header().Set("Content-Length", "1000000")
			w.Write([]byte("beginning"))
			w.(http.Flusher).Flush()
			c.stuck <- struct{}{}
			<-r.Context().Done()
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hold changes which blob is held back, and forgets what was counted.
func (c *counted) hold(digest string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held, c.asked = digest, map[string]int{}
}

func layersOf(t *testing.T, spec podtest.ImageSpec) []string {
	t.Helper()
	img, err := spec.Image()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range layers {
		d, err := l.Digest()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d.String())
	}
	return out
}

// waitForLayers returns when the store has this many.
func waitForLayers(t *testing.T, s *image.Store, want int) {
	t.Helper()
	lib, err := s.Library()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = podtest.Poll(ctx, func() (bool, error) {
		layers, err := lib.Layers()
		return len(layers) >= want, err
	})
	if err != nil {
		t.Fatalf("the store does not get %d layers: %v", want, err)
	}
}

// TestPullResumes cancels a pull at its last layer: the next one must not fetch again those before it.
func TestPullResumes(t *testing.T) {
	c := &counted{stuck: make(chan struct{}, 9)}
	host := podtest.Registry(t, c.wrap)
	s := newStore(t, insecure(host))
	spec := podtest.ImageSpec{Layers: []podtest.Files{{"a": podtest.Text("a")}, {"b": podtest.Text("b")}, {"c": podtest.Text("c")}}}
	push(t, spec, host+"/app:1")
	layers := layersOf(t, spec)
	c.hold(layers[2])
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var out bytes.Buffer
	go func() {
		_, err := Transfer{}.Pull(ctx, s, host+"/app:1", image.PullOptions{Access: image.Access{Progress: &out, Parallel: 1}})
		done <- err
	}()
	select {
	case <-c.stuck:
	case err := <-done:
		t.Fatalf("the pull ended: %v", err)
	}
	waitForLayers(t, s, 2)
	cancel()
	if err := <-done; err == nil {
		t.Fatal("the pull succeeded without its last layer")
	}
	c.hold("")
	pull(t, s, host+"/app:1", image.PullOptions{})
	for i, digest := range layers {
		if want := i / 2; c.asked[digest] != want {
			t.Errorf("layer %d was asked for %d times by the second pull, want %d", i, c.asked[digest], want)
		}
	}
	empty(t, s)
}

// TestPullsShareTheWork has several pulls of one image at once, under one name and under others: one fetches, the others wait for it.
func TestPullsShareTheWork(t *testing.T) {
	c := &counted{stuck: make(chan struct{}, 9)}
	host := podtest.Registry(t, c.wrap)
	s := newStore(t, insecure(host))
	spec := small("one")
	names := []string{host + "/app:1", host + "/app:1", host + "/app:2", host + "/team/other:1"}
	var id string
	for _, name := range names {
		id = push(t, spec, name)
	}
	c.hold("")
	var wait sync.WaitGroup
	for _, name := range names {
		wait.Go(func() {
			images, err := Transfer{}.Pull(t.Context(), s, name, image.PullOptions{})
			if err != nil || images[0].ID != id {
				t.Errorf("pull: %v, %v", images, err)
			}
		})
	}
	wait.Wait()
	for _, digest := range layersOf(t, spec) {
		if c.asked[digest] != 1 {
			t.Errorf("layer %s was fetched %d times, want once", digest, c.asked[digest])
		}
	}
	images, err := s.List(t.Context(), image.ListOptions{All: true})
	if err != nil || len(images) != 1 {
		t.Errorf("the store has %d images, %v; want one", len(images), err)
	}
}
