package transfer

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
)

func TestPull(t *testing.T) {
	host := podtest.Registry(t)
	s := newStore(t, insecure(host))
	id := push(t, small("one"), host+"/team/app:1")
	var out bytes.Buffer
	img := pull(t, s, host+"/team/app:1", image.PullOptions{Access: image.Access{Progress: &out}})
	if img.ID != id {
		t.Errorf("pulled image %s, pushed %s", img.ID, id)
	}
	if want := []string{host + "/team/app:1"}; !slices.Equal(img.Names, want) {
		t.Errorf("names are %v, want %v", img.Names, want)
	}
	if got := content(t, s, img, "etc/hello"); got != "one" {
		t.Errorf("etc/hello has %q", got)
	}
	if n := strings.Count(out.String(), ": done, "); n != 3 { // two layers and the configuration
		t.Errorf("progress tells of %d blobs, want 3:\n%s", n, &out)
	}
	if again := pull(t, s, host+"/team/app:1", image.PullOptions{}); again.ID != id {
		t.Errorf("pulled again it is %s", again.ID)
	}
	empty(t, s)
}

// empty checks that no temporary files are left.
func empty(t *testing.T, s *image.Store) {
	t.Helper()
	entries, err := os.ReadDir(spool(s, ""))
	if err != nil || len(entries) > 0 {
		t.Errorf("%s has %v, %v; want nothing", spool(s, ""), entries, err)
	}
}

// TestPullMovesTagLast fails the second version's layer: the tag must still mean the first.
func TestPullMovesTagLast(t *testing.T) {
	var broken atomic.Bool
	host := podtest.Registry(t, intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if broken.Load() && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			http.Error(w, "gone", http.StatusGone)
			return true
		}
		return false
	}))
	s := newStore(t, insecure(host))
	ref := host + "/app:latest"
	first := push(t, small("one"), ref)
	pull(t, s, ref, image.PullOptions{})
	second := push(t, small("two"), ref)
	broken.Store(true)
	if _, err := (Transfer{}).Pull(t.Context(), s, ref, image.PullOptions{}); err == nil {
		t.Fatal("the pull of the broken version succeeded")
	}
	img, err := s.Lookup(t.Context(), ref)
	if err != nil || img.ID != first {
		t.Fatalf("after the failed pull the tag means %v, %v; want %s", img, err, first)
	}
	broken.Store(false)
	if img := pull(t, s, ref, image.PullOptions{}); img.ID != second {
		t.Errorf("the tag means %s, want %s", img.ID, second)
	}
	old, err := s.Lookup(t.Context(), first)
	if err != nil || len(old.Names) != 0 {
		t.Errorf("the first version is %v, %v; want it without name", old, err)
	}
	empty(t, s)
}

func TestPullFailures(t *testing.T) {
	host := podtest.Registry(t, intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/secret/") {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		return false
	}))
	s := newStore(t, "unqualified-search-registries = []\n"+insecure(host))
	push(t, small("one"), host+"/app:1")
	none := uint(0)
	for _, c := range []struct{ name, ref, want, hint string }{
		{"tag", host + "/app:2", `not found in the registry (manifest unknown)`, "check the name"},
		{"repository", host + "/nosuch", `not found in the registry`, "check the name"},
		{"credentials", host + "/secret/app", "wants valid credentials", "pod login " + host},
		{"connection", "127.0.0.1:1/app", "cannot reach 127.0.0.1:1: connection refused", "check the network"},
		{"short", "nosuchshort", "no alias and no unqualified-search-registries", "docker.io/library/nosuchshort"},
		{"grammar", "UPPER:Tag", "must be lowercase", "use upper:Tag"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Transfer{}.Pull(t.Context(), s, c.ref, image.PullOptions{Access: image.Access{Retry: &none}})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v; want one line with %q", err, c.want)
			}
			if h := hint.Of(err); !strings.Contains(h, c.hint) {
				t.Errorf("hint is %q, want %q", h, c.hint)
			}
		})
	}
}

// TestPullFromNobody: who mistypes the name of an image that was built here is told at once.
func TestPullFromNobody(t *testing.T) {
	var out bytes.Buffer
	_, err := Transfer{}.Pull(t.Context(), newStore(t, ""), "localhost/app", image.PullOptions{Access: image.Access{Progress: &out}})
	if err == nil || !strings.Contains(err.Error(), "no registry listens at localhost") || !strings.Contains(hint.Of(err), "pod images") {
		t.Errorf("error is %v, hint %q", err, hint.Of(err))
	}
	if strings.Contains(out.String(), "again") {
		t.Errorf("it was tried again:\n%s", out.String())
	}
}

func TestPullRetries(t *testing.T) {
	var failures atomic.Int32
	host := podtest.Registry(t, intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/") && failures.Add(-1) >= 0 {
			http.Error(w, "overloaded", http.StatusServiceUnavailable)
			return true
		}
		return false
	}))
	s := newStore(t, insecure(host))
	push(t, small("one"), host+"/app:1")
	failures.Store(2)
	var out bytes.Buffer
	tries := uint(2)
	pull(t, s, host+"/app:1", image.PullOptions{Access: image.Access{Retry: &tries, RetryDelay: time.Millisecond, Progress: &out}})
	if n := strings.Count(out.String(), "trying again in 1ms"); n != 2 {
		t.Errorf("%d further tries were told of, want 2:\n%s", n, &out)
	}
	failures.Store(3)
	_, err := Transfer{}.Pull(t.Context(), s, host+"/app:1", image.PullOptions{Access: image.Access{Retry: &tries, RetryDelay: time.Millisecond}})
	if err == nil {
		t.Error("the pull succeeded although every try failed")
	}
}

// TestPullCancelled stalls a layer for ever: the pull must end within a second and leave nothing.
func TestPullCancelled(t *testing.T) {
	reached, release := make(chan struct{}, 9), make(chan struct{})
	defer close(release)
	host := podtest.Registry(t, intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		w.Header().Set("Content-Length", "1000000")
		w.Write([]byte("beginning"))
		w.(http.Flusher).Flush()
		reached <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	}))
	s := newStore(t, insecure(host))
	push(t, small("one"), host+"/app:1")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := Transfer{}.Pull(ctx, s, host+"/app:1", image.PullOptions{})
		done <- err
	}()
	select {
	case <-reached:
	case err := <-done:
		t.Fatalf("the pull ended before it reached a layer: %v", err)
	}
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v, want %v", err, context.Canceled)
		}
	case <-time.After(time.Second):
		t.Fatal("the pull did not end within a second")
	}
	images, err := s.List(t.Context(), image.ListOptions{All: true})
	if err != nil || len(images) > 0 {
		t.Errorf("the store has %v, %v; want nothing", images, err)
	}
	empty(t, s)
}

func TestAbandonedWorkspaceIsRemoved(t *testing.T) {
	host := podtest.Registry(t)
	s := newStore(t, insecure(host))
	push(t, small("one"), host+"/app:1")
	dead, live := filepath.Join(spool(s, ""), "dead"), filepath.Join(spool(s, ""), "live")
	for _, dir := range []string{dead, live} {
		if err := os.MkdirAll(filepath.Join(dir, "blob"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := flock(live, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	pull(t, s, host+"/app:1", image.PullOptions{})
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("the workspace of a dead process is still there: %v", err)
	}
	if _, err := os.Stat(live); err != nil {
		t.Errorf("the workspace of a living process is gone: %v", err)
	}
}

func TestPullAllTags(t *testing.T) {
	host := podtest.Registry(t)
	s := newStore(t, insecure(host))
	for _, tag := range []string{"1", "2", "3"} {
		push(t, small(tag), host+"/app:"+tag)
	}
	images, err := Transfer{}.Pull(t.Context(), s, host+"/app", image.PullOptions{AllTags: true})
	if err != nil || len(images) != 3 {
		t.Fatalf("pulled %v, %v; want three images", images, err)
	}
}

func TestPullByDigest(t *testing.T) {
	host := podtest.Registry(t)
	s := newStore(t, insecure(host))
	spec := small("one")
	push(t, spec, host+"/app:1")
	img, err := spec.Image()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	ref := host + "/app@" + digest.String()
	got := pull(t, s, ref, image.PullOptions{})
	found, err := s.Lookup(t.Context(), ref)
	if err != nil || found.ID != got.ID {
		t.Errorf("%s is %v, %v; want %s", ref, found, err, got.ID)
	}
	if want := []string{ref}; !slices.Equal(found.RepoDigests(), want) {
		t.Errorf("repository digests are %v, want %v", found.RepoDigests(), want)
	}
}

func TestResolvePolicies(t *testing.T) {
	var requests atomic.Int32
	host := podtest.Registry(t, intercept(func(http.ResponseWriter, *http.Request) bool { requests.Add(1); return false }))
	s := newStore(t, insecure(host))
	ref := host + "/app:1"
	first := push(t, small("one"), ref)
	resolve := func(p image.Policy) (*image.Image, error) {
		return s.Resolve(t.Context(), ref, image.PullOptions{Policy: p})
	}
	if _, err := resolve(image.PullNever); !errors.Is(err, image.ErrNotFound) || err.Error() != `cannot find image "`+ref+`" locally` {
		t.Errorf("never: %v", err)
	}
	if img, err := resolve(image.PullMissing); err != nil || img.ID != first {
		t.Fatalf("missing: %v, %v", img, err)
	}
	requests.Store(0)
	if img, err := resolve(image.PullMissing); err != nil || img.ID != first || requests.Load() != 0 {
		t.Errorf("missing, but local: %v, %v after %d requests", img, err, requests.Load())
	}
	second := push(t, small("two"), ref)
	if img, err := resolve(image.PullNewer); err != nil || img.ID != second {
		t.Errorf("newer: %v, %v", img, err)
	}
	third := push(t, small("three"), ref)
	if img, err := resolve(image.PullAlways); err != nil || img.ID != third {
		t.Errorf("always: %v, %v", img, err)
	}
}

func TestSearchRegistries(t *testing.T) {
	host := podtest.Registry(t)
	id := push(t, small("one"), host+"/team/app:latest")
	push(t, small("one"), host+"/app:latest")
	for _, c := range []struct{ name, conf, want string }{
		{"alias", "[aliases]\n\"app\" = \"" + host + "/team/app\"\n", ""},
		{"one registry", "unqualified-search-registries = [\"" + host + "\"]\n", ""},
		{"permissive", "unqualified-search-registries = [\"127.0.0.1:1\", \"" + host + "\"]\nshort-name-mode = \"permissive\"\n", ""},
		{"enforcing", "unqualified-search-registries = [\"127.0.0.1:1\", \"" + host + "\"]\nshort-name-mode = \"enforcing\"\n", "it may be any of 127.0.0.1:1/app:latest, "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t, c.conf+insecure(host))
			none := uint(0)
			images, err := Transfer{}.Pull(t.Context(), s, "app", image.PullOptions{Access: image.Access{Retry: &none}})
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error is %v, want %q", err, c.want)
				}
				return
			}
			if err != nil || images[0].ID != id {
				t.Errorf("pulled %v, %v; want %s", images, err, id)
			}
			if img, err := s.Lookup(t.Context(), "app"); err != nil || img.ID != id {
				t.Errorf("afterwards app is %v, %v", img, err)
			}
		})
	}
}
