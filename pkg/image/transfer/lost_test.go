package transfer

import (
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
)

// TestLostTempDir takes away the directory that the library unpacks a layer to, as another process does when the library has lost its
// lock: the layer is unpacked again, and not fetched again.
func TestLostTempDir(t *testing.T) {
	begun, goOn := make(chan struct{}, 9), make(chan struct{})
	blobs := 0
	host := podtest.Registry(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
				next.ServeHTTP(w, r)
				return
			}
			blobs++
			next.ServeHTTP(&halting{w, begun, goOn, 0}, r)
		})
	})
	s := newStore(t, insecure(host))
	big := podtest.ImageSpec{Layers: []podtest.Files{{"a": podtest.Text(noise(4 << 20))}}}
	push(t, big, host+"/app:1")
	blobs = 0
	done := make(chan error, 1)
	go func() {
		_, err := Transfer{}.Pull(t.Context(), s, host+"/app:1", image.PullOptions{})
		done <- err
	}()
	<-begun
	ctx := t.Context()
	tmp := filepath.Join(s.GraphRoot(), "overlay", "tempdirs")
	err := podtest.Poll(ctx, func() (bool, error) {
		dirs, _ := filepath.Glob(filepath.Join(tmp, "temp-dir-*", "0-addition"))
		for _, d := range dirs {
			if err := os.RemoveAll(filepath.Dir(d)); err != nil {
				return false, err
			}
		}
		return len(dirs) > 0, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if blobs != 2 {
		t.Errorf("%d blobs were fetched, want the layer and the configuration", blobs)
	}
}

// noise does not pack well: what is unpacked first has to come first.
func noise(n int) string {
	text := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(text)
	return string(text)
}

// halting waits amid what it sends.
type halting struct {
	http.ResponseWriter
	begun, goOn chan struct{}
	sent        int
}

func (h *halting) Write(p []byte) (int, error) {
	const amid = 2 << 20
	n, err := h.ResponseWriter.Write(p)
	if h.sent < amid && h.sent+n >= amid {
		h.ResponseWriter.(http.Flusher).Flush()
		h.begun <- struct{}{}
		<-h.goOn
	}
	h.sent += n
	return n, err
}
